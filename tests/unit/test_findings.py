"""What docs/findings.md says follows from the published table of patients: everything is computed again with scipy."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import linregress
from unit.published import judge, patient_means
from unit.study.configs import load

from chaosliver.base.files import read_tsv

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENTS = ROOT / "docs/measurements"
TEXT = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
PATIENTS = read_tsv(MEASUREMENTS / "plan_patients.tsv")
CONTRASTS = load("sample_plan")["analysis"]["contrasts"]
MARGIN = load("sample_plan")["analysis"]["margin"]
SEQUENCES = {"T1": "t1_in_phase", "T2": "t2_spir"}


def by_patient(experiment: str, sequence: str, measure: str = "dice_3d") -> dict[str, float]:
    return patient_means(PATIENTS, experiment, sequence, measure)


JUDGED = judge(PATIENTS, CONTRASTS, MARGIN)


def test_the_published_verdicts_are_those_of_the_published_patients():
    rows = read_tsv(MEASUREMENTS / "plan_verdicts.tsv")
    assert [row["question"] for row in rows] == [contrast["question"] for contrast in CONTRASTS]
    for row in rows:
        for name, value in JUDGED[row["question"]].items():
            assert (
                row[name] == value
                if name == "verdict"
                else float(row[name]) == pytest.approx(value, rel=2e-3, abs=2e-6)
            )


ROW = re.compile(
    r"^\| (?P<question>[\w ]+): `(?P<experiment>\w+)` against `(?P<against>\w+)`, (?P<on>T1|T2)"
    r" \| \*?\*?(?P<verdict>\w+)\*?\*?"
    r" \| (?P<mean>[+-][\d.]+) \[(?P<low>[+-][\d.]+), (?P<high>[+-][\d.]+)\]"
    r" \| (?P<p>[<\d. ]+) \| (?P<detectable>[\d.]+) \|$",
    re.MULTILINE,
)


def test_the_table_of_findings_has_every_contrast_as_judged():
    rows = [match.groupdict() for match in ROW.finditer(TEXT)]
    assert [row["question"] for row in rows] == [contrast["question"] for contrast in CONTRASTS]
    for row, contrast in zip(rows, CONTRASTS, strict=True):
        assert (row["experiment"], row["against"]) == (contrast["experiment"], contrast["against"])
        assert SEQUENCES[row["on"]] == contrast["sequence"]
        found = JUDGED[row["question"]]
        assert row["verdict"] == found["verdict"]
        told = [row[name] for name in ("mean", "low", "high", "detectable")]
        named = ("mean_difference", "ci_low", "ci_high", "detectable_difference")
        assert told == [f"{found[name]:{sign}.3f}" for name, sign in zip(named, ("+", "+", "+", ""), strict=True)]
        assert row["p"] == ("< 0.001" if found["p_holm"] < 0.001 else f"{found['p_holm']:.3f}")


def test_every_mean_in_the_text_is_that_of_the_patients():
    """`small`: 3D 0.812, T1; the number of decimals is the text's."""
    told = re.findall(r"`(small\w*)` (0\.\d+)(?: on (T1|T2))?", TEXT)
    assert len(told) >= 4
    for experiment, figure, on in told:
        mean = np.mean(list(by_patient(experiment, SEQUENCES[on or "T1"]).values()))
        assert figure == f"{mean:.{len(figure) - 2}f}", experiment


def test_the_spread_is_that_of_the_published_patients():
    """Patients, draws and seeds by the analysis of variance, written out."""
    told = re.findall(r"^\| `(\w+)`, (T1|T2) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(told) >= 9
    for experiment, on, *figures in told:
        values = defaultdict(lambda: defaultdict(list))
        for row in PATIENTS:
            if (row["experiment"], row["sequence"]) == (experiment, SEQUENCES[on]):
                values[row["patient"]][row["fold"]].append(float(row["dice_3d"]))
        table = np.array([[seeds for _, seeds in sorted(folds.items())] for folds in values.values()])
        assert table.shape == (14, 2, 5)
        seeds = table.var(axis=2, ddof=1).mean()
        draws = max(table.mean(axis=2).var(axis=1, ddof=1).mean() - seeds / 5, 0)
        patients = max(table.mean(axis=(1, 2)).var(ddof=1) - draws / 2 - seeds / 10, 0)
        assert figures == [f"{variance**0.5:.3f}" for variance in (patients, draws, seeds)], experiment


def test_the_curves_rise_as_told():
    told = re.findall(r"`(small\w*)` ([+-]0\.\d+) in the last\s+quarter", TEXT)
    assert {experiment for experiment, _ in told} == {"small", "small_t2"}
    for experiment, rise in told:
        rows = [row for row in read_tsv(MEASUREMENTS / "plan_curves.tsv") if row["experiment"] == experiment]
        last = np.array([float(row["mean_validation_dice"]) for row in rows])[-(len(rows) // 4) :]
        assert rise == f"{linregress(np.arange(len(last)), last).slope * (len(last) - 1):+.3f}"
        assert {row["trainings"] for row in rows} == {"20"}


def test_the_plan_is_older_than_the_results():
    """The commit that the results name holds the plan, and the plan's configuration is the one that was run."""
    overlay = yaml.safe_load((ROOT / "config/sample_plan.yaml").read_text())
    assert overlay["baseline"]["seeds"] == sorted({int(row["seed"]) for row in PATIENTS})
    assert {row["fold"] for row in PATIENTS} == {"0", "1", "2", "3"}
    assert {row["commit"] for row in read_tsv(MEASUREMENTS / "plan_verdicts.tsv")} == {"81fd433"}
