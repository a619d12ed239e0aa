"""What docs/recipe.md tells of variants beside a control is what the published rows give."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.files import read_tsv

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "recipe.md").read_text(encoding="utf-8").partition("## Tried beside a control")[2]
ROWS = read_tsv(DOCS / "measurements/tried.tsv")
FIGURES = ("dice_3d", "mean_dice_organ_slices")
# Student's t for 95 % with 13 degrees of freedom.
T = 2.16037


def by_patient(variant, figure, seed="1", rows=ROWS):
    return {row["patient"]: float(row[figure]) for row in rows if (row["variant"], row["seed"]) == (variant, seed)}


def interval_of(own, other):
    """The mean over patients of the differences, and its 95 % interval."""
    differences = np.array([own[patient] - other[patient] for patient in other])
    half = T * differences.std(ddof=1) / np.sqrt(14)
    return [differences.mean(), differences.mean() - half, differences.mean() + half]


def test_every_variant_holds_out_each_patient_once():
    folds = defaultdict(list)
    for row in ROWS:
        folds[row["variant"], row["seed"]].append(row["patient"])
    assert len(folds) == 11 + 2
    assert all(len(patients) == len(set(patients)) == 14 for patients in folds.values())


def test_the_table_is_that_of_the_published_rows():
    told = re.findall(
        r"^\| ([^|]+) \| ([\d.]+) \| (\S+) \[(\S+), (\S+)\] \| ([\d.]+) \| (\S+) \[(\S+), (\S+)\] \| (\d+) \|$",
        TEXT,
        re.MULTILINE,
    )
    assert {name for name, *_ in told} == {row["variant"] for row in ROWS} - {"control"}
    for name, *figures, seconds in told:
        expected = []
        for figure in FIGURES:
            own = by_patient(name, figure)
            expected += [np.mean(list(own.values())), *interval_of(own, by_patient("control", figure))]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=5.1e-4)
        taken = [float(row["processor_seconds"]) for row in ROWS if (row["variant"], row["seed"]) == (name, "1")]
        assert float(seconds) == pytest.approx(np.mean(taken), abs=0.51)


def test_the_control_and_its_seeds_are_those_of_the_published_rows():
    (control,) = re.findall(r"^\| control \| ([\d.]+) \| \| ([\d.]+) \|", TEXT, re.MULTILINE)
    means = [[np.mean(list(by_patient("control", figure, seed).values())) for seed in "123"] for figure in FIGURES]
    assert [float(value) for value in control] == pytest.approx([of[0] for of in means], abs=5.1e-4)
    told = re.findall(r"have ([\d.]+), ([\d.]+) and ([\d.]+), and ([\d.]+), ([\d.]+) and ([\d.]+)\.", TEXT)
    assert [float(value) for value in told[0]] == pytest.approx([*means[0], *means[1]], abs=5.1e-4)


def test_wider_for_longer_is_told_by_the_published_rows():
    rows = read_tsv(DOCS / "measurements/tried_wider.tsv")
    names = ("control", "twice the epochs", "twice the channels and the epochs")
    (text,) = re.findall(r"^- \*\*Wider for longer\*\*.*\n.*$", TEXT, re.MULTILINE)
    means = re.findall(r"(0\.\d+), (0\.\d+) and (0\.\d+)", text)
    intervals = re.findall(r"([+-][\d.]+) \[(\S+), (\S+)\]", text)
    for figure, told, interval in zip(FIGURES, means, intervals, strict=True):
        of = [by_patient(name, figure, rows=rows) for name in names]
        assert [len(patients) for patients in of] == [14, 14, 14]
        assert [float(mean) for mean in told] == pytest.approx([np.mean(list(own.values())) for own in of], abs=5.1e-4)
        assert [float(value) for value in interval] == pytest.approx(interval_of(of[2], of[1]), abs=5.1e-4)
    seconds = {(row["variant"], row["fold"]): float(row["processor_seconds"]) for row in rows}
    taken = [np.mean([seconds[name, fold] for fold in "012"]) for name in (names[2], names[1])]
    told = re.search(r"for (\d+) instead of (\d+) processor seconds", text).groups()
    assert [int(value) for value in told] == pytest.approx(taken, abs=0.51)


def test_longer_trainings_are_told_by_the_published_rows():
    """Paired by patient; minutes of one core are those of a clock times the cores in use."""
    rows = {
        name: {row["patient"]: row for row in read_tsv(DOCS / f"measurements/{table}.tsv") if row["experiment"] == name}
        for table, name in (("accuracy", "fast_20_minutes"), ("coarse_first", "coarse_first"))
    }
    before, after = rows.values()
    assert len(before) == 14
    assert {patient: row["fold"] for patient, row in before.items()} == {
        patient: row["fold"] for patient, row in after.items()
    }
    text = TEXT.partition("### In longer trainings")[2]
    told = re.findall(r"^\| ([\w ,]+) \| ([\d.]+) \| ([\d.]+) \| (\S+) \[(\S+), (\S+)\] \|$", text, re.MULTILINE)
    columns = ("dice_3d", "mean_dice_organ_slices", "mean_dice_all_slices", "assd_mm", "mssd_mm")
    assert len(told) == len(columns)
    for column, (_, *figures) in zip(columns, told, strict=True):
        was, became = ({patient: float(row[column]) for patient, row in of.items()} for of in (before, after))
        mean, low, high = interval_of(became, was)
        means = [np.mean(list(of.values())) for of in (was, became)]
        for figure, expected in zip(figures, [*means, mean, low, high], strict=True):
            places = len(figure.partition(".")[2])
            assert float(figure) == pytest.approx(expected, abs=0.51 * 10**-places)
        assert low < 0 < high
    minutes = re.search(r"(\d+) to (\d+)\s+minutes of one core against (\d+) to (\d+)", text).groups()
    used = [
        {round(float(row["training_minutes"]) * float(row["mean_cores_used"])) for row in of.values()}
        for of in (after, before)
    ]
    assert [int(value) for value in minutes] == [min(used[0]), max(used[0]), min(used[1]), max(used[1])]
