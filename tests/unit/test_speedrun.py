"""The speedrun's table is that of the published measurements, and its entries exist."""

import re
import statistics
from pathlib import Path

import pytest
from unit.study.configs import ROOT

from chaosliver.base.files import read_tsv

TEXT = (ROOT / "docs/speedrun.md").read_text(encoding="utf-8")
ROWS = read_tsv(ROOT / "docs/measurements/speedrun.tsv")
ENTRIES = [row for row in ROWS if row["seeds"] == "3"]
TOLD = re.findall(
    r"^\| \[(\w+)\]\(([^)]+)\) \| ([\w ]+) \| (\w+) \| ([^|]+) \| ([\d.]+) \(([\d.]+)\) \|(.*)\|$",
    TEXT,
    re.MULTILINE,
)


def test_every_row_is_told_with_its_own_figures():
    assert len(TOLD) == len(ENTRIES)
    for (entry, link, processor, precision, reached, mean, worst, rest), row in zip(TOLD, ENTRIES, strict=True):
        assert (entry, precision, reached) == (row["entry"], row["precision"], row["reached"])
        assert row["machine"].replace("(R)", "").startswith(processor)
        assert (Path("docs") / link).name == f"{entry}.yaml" and (ROOT / "docs" / link).resolve().is_file()
        assert (mean, worst) == (f"{float(row['mean_dice_3d']):.3f}", f"{float(row['worst_dice_3d']):.3f}")
        figures = [float(figure.replace(",", "")) for figure in rest.split("|")]
        expected = [row["processor_seconds"], row["seconds"], row["tera_multiply_adds"]]
        assert figures == pytest.approx([float(value) for value in expected], rel=0.01)
        assert (float(row["mean_dice_3d"]) >= 0.9) == (row["reached"] == "yes")


def test_rows_of_one_seed_are_told_apart_and_so_are_the_ratios():
    alone = [row for row in ROWS if row not in ENTRIES]
    told = re.findall(
        r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT.partition("## As far as")[0], re.MULTILINE
    )
    assert [entry for entry, *_ in told] == [row["entry"] for row in alone] == ["fast_unchanged", "ours"]
    for (_, *figures), row in zip(told, alone, strict=True):
        assert (row["seeds"], row["precision"]) == ("1", "float32") and "--avx2" in row["command"]
        expected = [float(row[column]) for column in ("mean_dice_3d", "processor_seconds", "seconds")]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=5.1e-4)
    in_bfloat16 = [row for row in ENTRIES if row["machine"] == alone[0]["machine"]]
    ratios = [
        float(ours["processor_seconds"]) / float(theirs["processor_seconds"]) for theirs, ours in (in_bfloat16, alone)
    ]
    said = re.search(r"takes ([\d.]+) of the processor time of `fast_unchanged` in bfloat16, and ([\d.]+)", TEXT)
    assert [float(ratio) for ratio in said.groups()] == pytest.approx(ratios, abs=0.0051)


def test_what_others_reached_is_told_with_their_own_figures():
    """The original's minutes are those of a clock times the cores that it used."""
    others = re.findall(
        r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| [^|]+ \|$", TEXT.partition("## As far as")[2], re.MULTILINE
    )
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
