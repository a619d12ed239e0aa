"""The references are those that the numbers in the texts mean, and each can be found by its DOI."""

import re

import pytest

from chaosliver.tables.references import CODE_LICENCE, LICENCE, METRICS, NO_PLAN, PHANTOM, PLANNED, REFERENCES

CITED = [
    ("Kavur AE, Gezer NS", "10.1016/j.media.2020.101950"),
    ("Kavur AE, Selver MA", "10.5281/zenodo.3431873"),
    ("Bloice MD", "10.1093/bioinformatics/btz259"),
    ("Ronneberger O", "10.1007/978-3-319-24574-4_28"),
    ("Mölder F", "10.12688/f1000research.29032.2"),
    ("Hesterberg TC", "10.1080/00031305.2015.1089789"),
    ("Kerby DS", "10.2466/11.IT.3.1"),
    ("Bland JM", "10.1016/S0140-6736(86)90837-8"),
    ("Li X", "10.1109/TMI.2018.2845918"),
    ("Maier-Hein L", "10.1038/s41592-023-02151-z"),
    ("Nikolov S", "10.2196/26151"),
]


def test_each_number_is_the_reference_that_is_meant_and_ends_with_its_doi():
    assert len(REFERENCES) == len(CITED)
    for reference, (author, doi) in zip(REFERENCES, CITED, strict=True):
        assert reference.startswith(author) and reference.endswith(f". doi {doi}")
        # Authors, title, journal, year and DOI, with single spaces between them.
        assert re.fullmatch(r"(\S+ )+\S+", reference)


def test_methods_of_measuring_are_those_of_their_references():
    for words in (
        "the patients that do not differ (reference 7)",
        "widened for small samples; reference 6)",
        "limits of agreement (reference 8)",
        "95 %",
        "to the other (reference 10)",
        "within {tolerance_mm:g} mm of the other surface (reference 11)",
    ):
        assert words in METRICS
    assert "Holm's correction" in PLANNED


@pytest.mark.parametrize(
    ("text", "first", "last", "abbreviations"),
    [
        (METRICS, "Predictions", "8).", {"RAVD", "ASSD", "MSSD", "HD"}),
        (PLANNED, "The", "verdict.", set()),
        (NO_PLAN, "This", "difference.", set()),
        (LICENCE, "The", "it.", {"CHAOS", "CC", "BY", "NC", "SA"}),
        (PHANTOM, "The", "data.", {"CHAOS"}),
        (CODE_LICENCE, "The", "licence.", {"MIT"}),
    ],
)
def test_each_text_is_whole_and_has_the_fields_abbreviations_alone(text, first, last, abbreviations):
    words = text.split(" ")
    assert (words[0], words[-1]) == (first, last)
    assert "" not in words
    assert set(re.findall(r"[A-Z]{2,}", text)) == abbreviations
