"""Counts, lists and sizes in words."""

import pytest

from chaosliver.base.wording import counted, enumerated, first_few, known, size_of


@pytest.mark.parametrize(("count", "words"), [(0, "0 slices"), (1, "1 slice"), (2, "2 slices")])
def test_one_is_singular_and_all_else_plural(count, words):
    assert counted(count, "slice") == words


@pytest.mark.parametrize(("things", "words"), [([1], "1"), ([1, 2], "1 and 2"), (["a", "b", "c"], "a, b and c")])
def test_the_last_of_a_list_is_joined_by_and(things, words):
    assert enumerated(things) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "0"), (6, "0, 1, 2, 3, 4, 5"), (7, "0, 1, 2, 3, 4, 5 and 1 more"), (9, "0, 1, 2, 3, 4, 5 and 3 more")],
)
def test_a_long_list_ends_in_how_many_more_there_are(count, words):
    assert first_few(range(count)) == words
    assert first_few("abc", most=2) == "a, b and 1 more"


def test_an_error_says_which_names_there_are_or_that_there_are_none():
    assert known({"t2_spir": 1, "t1": 2}) == "Known: t2_spir, t1"
    assert known([]) == "Known: none"


def test_the_name_that_was_likely_meant_is_asked_for():
    names = ["results", "patients", "study"]
    assert known(names, "resluts") == "Did you mean results? Known: results, patients, study"
    assert known(names, "patient") == "Did you mean patients? Known: results, patients, study"
    assert known(names, "colour") == known(names, None) == known(names, 3) == "Known: results, patients, study"


def test_a_size_gives_rows_before_columns():
    assert size_of((288, 320)) == "288 x 320"
