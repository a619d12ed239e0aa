"""The speedrun's table is that of the published measurements, and its entries exist."""

import re
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
