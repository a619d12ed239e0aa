"""What docs/contrasts.md plans is what config/contrasts.yaml runs."""

import re
from pathlib import Path

import numpy as np
import pytest
from unit.published import judge, patient_means
from unit.study.configs import SCHEMA, load

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.files import read_tsv
from chaosliver.study.experiments import resolve_experiments

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "contrasts.md").read_text(encoding="utf-8")
PATIENTS = read_tsv(DOCS / "measurements/contrasts_patients.tsv")
CONFIG = load("contrasts")
EXPERIMENTS = resolve_experiments(CONFIG, SCHEMA)


def test_the_plans_questions_are_those_of_the_configuration():
    planned = re.findall(r"^\| ([^|]+) \| `(\w+)` \| `(\w+)` \| ([^|]+) \| [^|]+ \|$", TEXT, re.MULTILINE)
    asked = [
        (contrast["question"], contrast["experiment"], contrast["against"], SEQUENCES[contrast["sequence"]].title)
        for contrast in CONFIG["analysis"]["contrasts"]
    ]
    assert planned == asked
    assert CONFIG["analysis"]["margin"] == 0.01 and "the margin of equivalence 0.01" in TEXT


def test_experiments_differ_in_what_the_plan_says_alone():
    plain, curved, both = (EXPERIMENTS[name] for name in ("coarse_t1", "contrasts_t1", "contrasts_t1_and_t2"))
    random = {"curve": 0.5, "clusters": 0, "organs": 0, "inversion": 0}
    assert plain.recipe["contrasts"] == dict.fromkeys(random, 0)
    assert curved.recipe == {**plain.recipe, "contrasts": random}
    assert both.recipe == {**curved.recipe, "balanced": True}
    assert EXPERIMENTS["coarse_t2"].recipe == plain.recipe and EXPERIMENTS["contrasts_t2"].recipe == curved.recipe
    learned = [experiment.train_on for experiment in EXPERIMENTS.values()]
    t1, t2 = "t1_in_phase", "t2_spir"
    assert learned == [(t1,), (t2,), (t1,), (t2,), (t1, t2)]
    for experiment in EXPERIMENTS.values():
        assert experiment.score_on == (t1, t2) and experiment.network == {"name": "fast", "channels": 16, "depth": 4}


def test_the_study_has_45_trainings():
    folds = CONFIG["splits"]["three_fold"]["folds"]
    trainings = sum(folds * len(experiment.seeds) for experiment in EXPERIMENTS.values())
    assert trainings == 45 and "45 trainings" in TEXT


T1, T2 = "t1_in_phase", "t2_spir"
JUDGED = judge(PATIENTS, CONFIG["analysis"]["contrasts"], CONFIG["analysis"]["margin"])


def test_the_published_patients_are_those_of_all_trainings():
    found = {(row["experiment"], row["fold"], row["seed"]) for row in PATIENTS}
    assert found == {(name, fold, seed) for name in EXPERIMENTS for fold in "012" for seed in "123"}
    # Of each network its held-out patients, on both sequences.
    assert len(PATIENTS) == len(EXPERIMENTS) * 3 * 14 * 2


def test_the_published_verdicts_are_those_of_the_published_patients():
    rows = read_tsv(DOCS / "measurements/contrasts_verdicts.tsv")
    assert [row["question"] for row in rows] == [each["question"] for each in CONFIG["analysis"]["contrasts"]]
    for row in rows:
        told = JUDGED[row["question"]]
        assert row["verdict"] == told["verdict"]
        for name in set(told) - {"verdict"}:
            assert float(row[name]) == pytest.approx(told[name], rel=2e-3, abs=2e-6)


def test_the_means_that_are_told_are_those_of_the_published_patients():
    told = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert sorted(name for name, *_ in told) == sorted(EXPERIMENTS)
    for name, *figures in told:
        of_t1, of_t2 = (patient_means(PATIENTS, name, sequence) for sequence in (T1, T2))
        expected = [np.mean(list(of_t1.values())), np.mean(list(of_t2.values())), of_t2["15"]]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=5.1e-4)


def test_the_verdicts_that_are_told_are_those_of_the_published_patients():
    told = re.findall(r"^\| ([^|]+) \| (\w+) \| ([+-][\d.]+) \[([+-][\d.]+), ([+-][\d.]+)\] \|", TEXT, re.MULTILINE)
    assert sorted(question for question, *_ in told) == sorted(JUDGED)
    for question, verdict, *figures in told:
        judged = JUDGED[question]
        assert verdict == judged["verdict"]
        expected = [judged[name] for name in ("mean_difference", "ci_low", "ci_high")]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=5.1e-4)


def test_what_is_said_of_single_patients_and_of_the_other_thirteen_is_so():
    def side(name, sequence):
        return patient_means(PATIENTS, name, sequence)

    plain, curved = side("coarse_t1", T2), side("contrasts_t1", T2)
    assert all(curved[patient] > plain[patient] for patient in plain) and "higher in each of the 14 patients" in TEXT
    alone, joint = side("coarse_t1", T1), side("contrasts_t1_and_t2", T1)
    assert all(joint[patient] < alone[patient] for patient in alone) and "each of the 14 patients has less" in TEXT
    others = [
        np.mean([value for patient, value in side(name, T2).items() if patient != "15"])
        for name in ("coarse_t2", "contrasts_t2", "contrasts_t1_and_t2")
    ]
    assert others == pytest.approx([0.890, 0.851, 0.856], abs=5e-4)
    assert "mean of `coarse_t2` is 0.890, that of `contrasts_t2` 0.851" in TEXT


def test_the_spread_between_seeds_that_is_told_is_that_of_the_published_patients():
    """By hand: the variance of three seeds around their mean, with two degrees of freedom for each patient."""
    spread = {}
    for name, experiment in EXPERIMENTS.items():
        for sequence in (T1, T2):
            seeds = [patient_means([row for row in PATIENTS if row["seed"] == seed], name, sequence) for seed in "123"]
            dice = np.array([[values[patient] for patient in seeds[0]] for values in seeds])
            within = ((dice - dice.mean(axis=0)) ** 2).sum(axis=0) / 2
            spread[name, sequence] = np.sqrt(within.mean()), sequence in experiment.train_on
    assert spread["coarse_t1", T2][0] == pytest.approx(0.077, abs=5e-4)
    assert spread["contrasts_t1", T2][0] == pytest.approx(0.078, abs=5e-4)
    learned = [value for value, own in spread.values() if own]
    assert (round(min(learned), 3), round(max(learned), 3)) == (0.006, 0.018)
    assert "SD of 0.077, with curves of 0.078, and on the sequence trained on of 0.006 to 0.018" in TEXT


def test_what_each_kind_of_change_is_worth_is_told_as_published():
    """By hand: the mean of the differences by patient, and Student's t with 13 degrees of freedom."""
    parts = PATIENTS + read_tsv(DOCS / "measurements/contrast_parts.tsv")
    of_seed = [row for row in parts if row["seed"] == "1"]
    told = re.findall(
        r"^\| [^|]+ \(`(\w+)`\) \| ([\d.]+) \| (\S+) \[(\S+), (\S+)\] \| ([\d.]+) \| (\S+) \[(\S+), (\S+)\] \|$",
        TEXT,
        re.MULTILINE,
    )
    names = ["contrasts_t1", "clusters_t1", "organs_t1", "inversion_t1", "mixing_t1"]
    assert [name for name, *_ in told] == names
    for name, *figures in told:
        expected = []
        for sequence in (T1, T2):
            own, control = (patient_means(of_seed, which, sequence) for which in (name, "coarse_t1"))
            differences = np.array([own[patient] - control[patient] for patient in control])
            assert len(differences) == 14
            half = 2.16037 * differences.std(ddof=1) / np.sqrt(14)
            mean = differences.mean()
            expected += [np.mean(list(own.values())), mean, mean - half, mean + half]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=5.5e-4)
