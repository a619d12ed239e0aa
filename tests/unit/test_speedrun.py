"""The speedrun's table is that of the published measurements, and its entries exist."""

import re
import statistics
from pathlib import Path

import pytest
from unit.study.configs import ROOT

from chaosliver.base.files import read_tsv

TEXT = (ROOT / "docs/speedrun.md").read_text(encoding="utf-8")
ROWS = read_tsv(ROOT / "docs/measurements/speedrun.tsv")
TOLD = re.findall(
    r"^\| \[(\w+)\]\(([^)]+)\) \| (\w+) \| ([^|]+) \| ([\d.]+) \(([\d.]+)\) \|(.*)\|$", TEXT, re.MULTILINE
)


def test_every_row_is_told_with_its_own_figures():
    assert len(TOLD) == len(ROWS)
    for (entry, link, precision, reached, mean, worst, rest), row in zip(TOLD, ROWS, strict=True):
        assert (entry, precision, reached) == (row["entry"], row["precision"], row["reached"])
        assert (Path("docs") / link).name == f"{entry}.yaml" and (ROOT / "docs" / link).resolve().is_file()
        assert (mean, worst) == (f"{float(row['mean_dice_3d']):.3f}", f"{float(row['worst_dice_3d']):.3f}")
        figures = [float(figure.replace(",", "")) for figure in rest.split("|")]
        expected = [row["processor_seconds"], row["seconds"], row["tera_multiply_adds"]]
        assert figures == pytest.approx([float(value) for value in expected], rel=0.01)
        assert row["seeds"] == "3" and (float(row["mean_dice_3d"]) >= 0.9) == (row["reached"] == "yes")


def test_what_others_reached_is_told_with_their_own_figures():
    """The original's minutes are those of a clock times the cores that it used."""
    others = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| [^|]+ \|$", TEXT, re.MULTILINE)
    accuracy = read_tsv(ROOT / "docs/measurements/accuracy.tsv")
    original = [row for row in accuracy if row["experiment"] == "original_10_minutes"]
    assert {row["patient"] for row in original} == {"13", "33", "39"}
    minutes = float(original[0]["training_minutes"]) * float(original[0]["mean_cores_used"])
    expected = {"the original recipe, 3 of its 79 epochs": (original, minutes)}
    peers = read_tsv(ROOT / "docs/measurements/peers.tsv")
    for peer, steps, name in (
        ("nnunet", "133", "nnU-Net v2, 2D, 133 steps"),
        ("monai", "6755", "MONAI's BasicUNet, 6,755 steps"),
    ):
        rows = [row for row in peers if (row["peer"], row["steps"]) == (peer, steps) and row["patient"] != "mean"]
        expected[name] = (rows, float(rows[0]["minutes"]))
    assert [name for name, *_ in others] == list(expected)
    for name, dice, minutes in others:
        rows, taken = expected[name]
        assert float(dice) == pytest.approx(statistics.mean(float(row["dice_3d"]) for row in rows), abs=5.1e-4)
        assert float(minutes) == pytest.approx(taken, abs=0.051)
