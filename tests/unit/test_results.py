"""The results in README and docs/results.md are those of the measured tables, computed again from their rows."""

import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import linregress
from statsmodels.stats.power import TTestPower

from chaosliver.base.files import read_tsv
from chaosliver.measure.patient_statistics import mean_interval

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENTS = ROOT / "docs/measurements"
README, RESULTS, BENCHMARKS = ROOT / "README.md", ROOT / "docs/results.md", ROOT / "benchmarks/README.md"
MEASURES = {
    "Dice, all slices": ("mean_dice_all_slices", 3),
    "Dice, slices with liver": ("mean_dice_organ_slices", 3),
    "Dice 3D": ("dice_3d", 3),
    "ASSD mm": ("assd_mm", 1),
    "MSSD mm": ("mssd_mm", 0),
}
# By the experiment: a row for each held-out patient.
OF_FAST = {
    "fast_20_minutes": "accuracy.tsv",
    "fast_5_minutes": "fast_5_minutes.tsv",
    "fast_60_minutes": "fast_60_minutes.tsv",
}
PEERS = {"nnU-Net v2 (2D)": "nnunet", "MONAI's BasicUNet": "monai"}
OF_PEERS = {
    "Dice, all slices": "dice_all_slices",
    "Dice, slices with liver": "dice_slices_with_liver",
    "Dice 3D": "dice_3d",
}


def rows_of(page: Path) -> list[dict[str, str]]:
    """The rows of all tables of a page, by the heads of their columns; the first column is `who`."""
    rows, heads = [], []
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and not heads:
            heads = ["who", *cells[1:]]
        elif cells and not set(line) <= set("|-"):
            rows.append(dict(zip(heads, cells, strict=True)))
        heads = heads if cells else []
    return rows


def named(row: dict[str, str]) -> str:
    """The experiment that the first cell names between backticks, or nothing."""
    found = re.search(r"`(\w+)`", row["who"])
    return found[1] if found else ""


def results_of(pages: tuple[Path, ...], start: str) -> list[dict[str, str]]:
    return [
        row
        for page in pages
        for row in rows_of(page)
        if named(row).startswith(start) and "Dice 3D" in row and "scored on" not in row
    ]


@pytest.mark.parametrize("row", results_of((README, RESULTS), "small"), ids=str)
def test_the_small_study_has_the_means_and_deviations_of_its_table(row):
    experiments = read_tsv(MEASUREMENTS / "plan_experiments.tsv")
    (found,) = [held for held in experiments if (held["experiment"], held["sequence"]) == (named(row), "t1_in_phase")]
    assert row.get("patients", "14") == found["patients"]
    for head, (column, digits) in MEASURES.items():
        mean, deviation = float(found[f"{column}_mean"]), float(found[f"{column}_sd"])
        assert row[head] == f"{mean:.{digits}f} ± {deviation:.{digits}f}"


@pytest.mark.parametrize("row", results_of((README, RESULTS, BENCHMARKS), "fast"), ids=str)
def test_the_fast_recipe_has_the_means_and_deviations_of_its_patients(row):
    name = named(row)
    patients = [held for held in read_tsv(MEASUREMENTS / OF_FAST[name]) if held["experiment"] == name]
    for head, (column, digits) in MEASURES.items():
        # The table of other packages gives no deviations.
        if head in row:
            values = [float(patient[column]) for patient in patients]
            mean, deviation = (f"{each:.{digits}f}" for each in (statistics.mean(values), statistics.stdev(values)))
            assert row[head] in (f"{mean} ± {deviation}", mean)
    minutes = sorted(float(held["training_minutes"]) * float(held["mean_cores_used"]) for held in patients)
    told = row.get("minutes of one core") or re.search(r"(\d+ to \d+) minutes of one core", row["who"])[1]
    assert told in (f"{minutes[0]:.0f} to {minutes[-1]:.0f}", f"{minutes[0]:.0f}")
    assert row.get("patients", str(len(patients))) == str(len(patients))


@pytest.mark.parametrize("row", [row for row in rows_of(BENCHMARKS) if " steps" in row["who"]], ids=str)
def test_other_packages_have_the_means_of_their_patients(row):
    package, steps = re.fullmatch(r"(.+), ([\d,]+) steps", row["who"]).groups()
    key = (PEERS[package], steps.replace(",", ""), row["minutes of one core"])
    table = read_tsv(MEASUREMENTS / "peers.tsv")
    patients = [held for held in table if (held["peer"], held["steps"], held["minutes"]) == key]
    assert sorted(held["patient"] for held in patients if held["patient"].isdigit()) == ["13", "33", "39"]
    for head, column in OF_PEERS.items():
        values = [float(held[column]) for held in patients if held["patient"].isdigit()]
        assert row[head] == f"{statistics.mean(values):.3f}"


def test_what_is_compared_with_others_has_the_interval_of_its_patients():
    """The margin and the number of patients by a second implementation, of the t-test's power."""
    (row,) = [row for row in rows_of(RESULTS) if "scored on" in row and named(row)]
    dice, distance = (interval_of("fast_20_minutes", measure) for measure in ("dice_3d", "mssd_mm"))
    assert row["Dice 3D"] == "{:.3f} [{:.3f}, {:.3f}]".format(*dice)
    assert row["MSSD mm"] == "{:.0f} [{:.0f}, {:.0f}]".format(*distance)
    assert row["Dice 3D"] in README.read_text(encoding="utf-8")
    text = RESULTS.read_text(encoding="utf-8")
    assert f"It is {dice[1]:.3f}: not\nshown" in text and dice[1] < 0.95 - 0.01
    power = {n: TTestPower().power(0.01 / 0.014, n, 0.025, alternative="larger") for n in (17, 18)}
    assert power[17] < 0.8 <= power[18] and "18 patients show" in text


def interval_of(experiment: str, measure: str) -> tuple[float, float, float]:
    table = read_tsv(MEASUREMENTS / OF_FAST[experiment])
    values = np.array([float(row[measure]) for row in table if row["experiment"] == experiment])
    low, high = mean_interval(values)
    return float(values.mean()), low, high


def test_the_pilot_is_told_as_it_was_measured():
    """The change along the least-squares line through the last quarter, and the largest step between epochs."""
    dice = np.array([float(row["mean_validation_dice"]) for row in read_tsv(MEASUREMENTS / "pilot.tsv")])
    last = dice[-(len(dice) // 4) :]
    line = linregress(np.arange(len(last)), last).slope * (len(last) - 1)
    plan = (ROOT / "docs/analysis_plan.md").read_text(encoding="utf-8")
    assert f"last quarter rose by {line:.3f}, and" in plan
    assert f"swings by up to {np.abs(np.diff(dice[6:])).max():.2f} from" in plan


def test_all_results_were_compared():
    kinds = [len(results_of((README, RESULTS, BENCHMARKS), start)) for start in ("small", "fast")]
    assert kinds == [2 + 9, 1 + 3 + 1]
    assert sum(" steps" in row["who"] for row in rows_of(BENCHMARKS)) == 4
