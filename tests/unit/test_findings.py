"""What docs/findings.md says of experiments is what the study's tables hold: every figure, interval and p value."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosliver.base.files import read_tsv

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENTS = ROOT / "docs/measurements"
TEXT = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
MEASURES = {
    "all slices": "mean_dice_all_slices",
    "slices with liver": "mean_dice_organ_slices",
    "3D": "dice_3d",
    "ASSD": "assd_mm",
    "MSSD": "mssd_mm",
}
SEQUENCES = {"T1": "t1_in_phase", "T2": "t2_spir"}
NUMBER = r"[+-]?\d+\.\d+"
ESTIMATE = rf"(?P<value>{NUMBER}) \[(?P<low>{NUMBER}), (?P<high>{NUMBER})\](?:, p (?P<p>[\d.]+))?"
NAMES = r"`(?P<experiment>[\w.]+)`(?: against `(?P<baseline>[\w.]+)`)?(?: on (?P<sequence>T1|T2))?"
# (`small_16bit` against `small`: 3D -0.001 [-0.010, +0.008], p 1.00), or without baseline and p.
CITATION = re.compile(rf"{NAMES}: (?P<measure>{'|'.join(MEASURES)}) {ESTIMATE}")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
# What they say is of the study itself, and cites no row.
WITHOUT_ROWS = {"The study", "What cannot be said", "How to repeat it"}


def rows_of_tables() -> Iterator[dict[str, str]]:
    """The cells of the tables, each as a citation; their heads are `against ...` or `experiment`, and the measures."""
    heads: list[str] = []
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or set(line) <= set("|-"):
            heads = heads if cells else []
        elif not heads:
            heads = cells
        elif match := re.match(rf"{NAMES}$", cells[0]):
            for head, cell in zip(heads[1:], cells[1:], strict=True):
                if found := re.fullmatch(ESTIMATE, cell):
                    yield {**match.groupdict(), **found.groupdict(), "measure": head}


CITED = [match.groupdict() for match in CITATION.finditer(TEXT)]
TABULATED = list(rows_of_tables())


def shown(value: str, like: str) -> str:
    """A value of a table as the text prints it: as many decimals, and a sign where the text has one."""
    sign = "+" if like.startswith(("+", "-")) else ""
    return f"{float(value):{sign}.{len(like.split('.')[1])}f}"


def training_of(experiment: str, fold: str) -> dict[str, str]:
    table = read_tsv(MEASUREMENTS / "study_trainings.tsv")
    (row,) = [row for row in table if (row["experiment"], row["fold"]) == (experiment, fold)]
    return row


@pytest.mark.parametrize("claim", CITED + TABULATED, ids=str)
def test_each_figure_is_in_the_tables_of_the_study(claim):
    table = read_tsv(MEASUREMENTS / f"study_{'comparisons' if claim['baseline'] else 'experiments'}.tsv")
    measure = MEASURES[claim["measure"]]
    wanted = {"experiment": claim["experiment"], "sequence": SEQUENCES[claim["sequence"] or "T1"]}
    columns = [f"{measure}_mean", f"{measure}_ci_low", f"{measure}_ci_high"]
    if claim["baseline"]:
        wanted |= {"baseline": claim["baseline"], "measure": measure}
        columns = ["mean_difference", "ci_low", "ci_high"]
    (row,) = [row for row in table if wanted.items() <= row.items()]
    told = [claim["value"], claim["low"], claim["high"]]
    assert told == [shown(row[column], like) for column, like in zip(columns, told, strict=True)]
    if claim["p"]:
        assert claim["p"] == shown(row["p_holm"], claim["p"])


def test_the_trainings_are_those_of_the_table():
    told = re.findall(r"^\| `([\w.]+)`, fold (\d) \| (.+?) \| (.+?) \| (.+?) \|$", TEXT, flags=re.MULTILINE)
    assert len(told) >= 6
    for experiment, fold, *figures in told:
        row = training_of(experiment, fold)
        columns = ("validation_dice", "test_dice_3d", "optimism")
        assert figures == [shown(row[column], like) for column, like in zip(columns, figures, strict=True)]


def test_the_optimism_of_slices_is_told_beside_that_of_its_control():
    (told,) = re.findall(rf"larger by ({NUMBER}), ({NUMBER}) and ({NUMBER}), fold by fold", TEXT)
    for fold, figure in enumerate(told):
        by_slice, by_patient = (
            float(training_of(experiment, str(fold))["optimism"])
            for experiment in ("small_published", "small_published_by_patient")
        )
        assert figure == shown(str(by_slice - by_patient), figure)


def test_every_statement_cites_a_row_with_its_interval():
    assert len(CITED) > 20 and len(TABULATED) > 20
    for title, text in SECTIONS.items():
        statements = re.split(r"\n\n|\n(?=- )", re.sub(r"^\|.*\n?", "", text, flags=re.MULTILINE).strip())
        for statement in filter(None, statements):
            assert title in WITHOUT_ROWS or CITATION.search(statement), f"{title}: {statement}"


def test_no_number_in_the_text_is_left_unchecked():
    """Every `value [low, high]` in the text is one of those looked up above."""
    assert len(re.findall(rf"{NUMBER} \[", TEXT)) == len(CITED) + len(TABULATED)
