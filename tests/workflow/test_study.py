"""Experiments of the default study on a phantom, over folds, seeds and snapshots: its statistics, and one added."""

import json
import re
from collections import Counter
from itertools import product
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import ttest_rel
from workflow.conftest import Study, copy_workflow, write_sheet

from chaosliver.base.files import read_tsv, sha256_of

PATIENTS = [str(number) for number in range(1, 9)]
SEQUENCES = ("t1_in_phase", "t2_spir")
SEEDS = (1, 2)
# Of 16bit_clipped; the others have one.
DRAWS = 2
TRAINED = (
    "original",
    "16bit_clipped",
    "on_the_fly",
    "t1_and_t2",
    "patients_2",
    "published_five_fold",
    "published_binary_masks",
)
SNAPSHOTS = ("original_epoch1", "original_epoch2")
PUBLISHED = ("published_five_fold_epoch2", "published_five_fold")
# Those of config/config.yaml but for their size: a small network, four epochs, two folds of two sequences.
STUDY = {
    "results": "results/study",
    "patients": "config/study.tsv",
    "archives": {"development": {"phantom": {"seed": 1}}},
    "splits": {
        "five_fold": {"folds": 2},
        "five_fold_published": {"folds": 2},
        "drawn_twice": {"folds": 2, "draws": DRAWS, "validation": 0, "seed": 1},
    },
    "augmentations": {"augmentor": {"samples": 24}, "augmentor_published": {"samples": 24}},
    "baseline": {
        "seeds": list(SEEDS),
        "network": {"channels": 4, "depth": 2},
        "recipe": {"grid": {"rows": 32, "columns": 32}, "epochs": 4, "batch_size": 4, "learning_rate": 0.01},
    },
    "experiments": {
        "original": {"score_on": list(SEQUENCES), "recipe": {"snapshots": [1, 2]}},
        "16bit_clipped": {"split": "drawn_twice"},
        "t1_and_t2": {"score_on": list(SEQUENCES)},
        "patients_2": {"training_patients": 2},
        # In evaluation mode a network as small as this one learns nothing.
        "as_published": {"recipe": {"snapshots": [2], "stays_in_evaluation_mode": False}},
    },
    "analysis": {
        "margin": 0.2,
        "contrasts": [
            {"question": question, "experiment": experiment, "against": "original", "sequence": sequence}
            for question, experiment, sequence in (
                ("grey levels", "16bit_clipped", "t1_in_phase"),
                ("T1 and T2", "t1_and_t2", "t2_spir"),
                ("errors", "published_five_fold", "t1_in_phase"),
                ("dropout", "dropout_0", "t1_in_phase"),
            )
        ],
    },
    "study": list(TRAINED),
    "training": {"threads": 1, "memory_mb": 1000, "runtime_minutes": 5},
}
SCORED_ON = {name: SEQUENCES if name.startswith(("original_epoch", "t1_and")) else SEQUENCES[:1] for name in TRAINED}
SCORED_ON |= dict.fromkeys(("original", *SNAPSHOTS), SEQUENCES)
# Snapshots of others than the first are tabulated, but neither compared nor drawn.
COMPARED = dict(SCORED_ON)
SCORED_ON |= dict.fromkeys((PUBLISHED[0], "published_binary_masks_epoch2"), SEQUENCES[:1])


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("study") / "study"
    copy_workflow(folder)
    (folder / "config/study.yaml").write_text(yaml.safe_dump(STUDY))
    write_sheet(folder / "config/study.tsv", dict.fromkeys(PATIENTS, "development"), ",".join(SEQUENCES))
    study = Study(folder, "config/study.yaml")
    study.succeed()
    return study


def test_each_patient_is_scored_once_by_each_experiment_seed_and_sequence(study):
    rows = read_tsv(study.results / "tables/patients.tsv")
    scored = Counter((row["experiment"], row["seed"], row["sequence"], row["patient"]) for row in rows)
    expected = {
        (name, str(seed), sequence, patient)
        for name, sequences in SCORED_ON.items()
        for seed, sequence, patient in product(SEEDS, sequences, PATIENTS)
    }
    assert scored == {key: DRAWS if key[0] == "16bit_clipped" else 1 for key in expected}


def test_two_draws_hold_out_every_patient_twice_in_other_groups(study):
    folds = {}
    for row in read_tsv(study.results / "tables/patients.tsv"):
        if (row["experiment"], row["seed"]) == ("16bit_clipped", "1"):
            folds.setdefault(row["fold"], set()).add(row["patient"])
    assert sorted(folds) == ["0", "1", "2", "3"]
    assert folds["0"] | folds["1"] == folds["2"] | folds["3"] == set(PATIENTS)
    assert folds["2"] not in (folds["0"], folds["1"])


def test_the_verdicts_are_recomputed_from_the_patients(study):
    """Paired t-tests of the patients' means, Holm over all four, the last of which was not run."""
    table = pd.DataFrame(read_tsv(study.results / "tables/patients.tsv")).astype({"dice_3d": float})
    means = table.groupby(["sequence", "experiment", "patient"])["dice_3d"].mean()
    rows = read_tsv(study.results / "tables/verdicts.tsv")
    assert [row["experiment"] for row in rows] == ["16bit_clipped", "t1_and_t2", "published_five_fold", "dropout_0"]
    assert (rows[3]["verdict"], rows[3]["p"]) == ("not run", "")
    tests = [
        ttest_rel(means[row["sequence"], row["experiment"]], means[row["sequence"], row["against"]]) for row in rows[:3]
    ]
    level, going_on = 0.05 / 4, True
    for place, number in enumerate(np.argsort([test.pvalue for test in tests])):
        level = 0.05 / (4 - place) if going_on else level
        going_on = going_on and tests[number].pvalue <= level
        low, high = tests[number].confidence_interval(1 - level)
        row = rows[number]
        assert float(row["p"]) == pytest.approx(tests[number].pvalue, rel=1e-3)
        assert (float(row["ci_low"]), float(row["ci_high"])) == pytest.approx((low, high), abs=1e-5)
        within = "equivalent" if low > -0.2 and high < 0.2 else "undecided"
        assert row["verdict"] == ("better" if low > 0 else "worse" if high < 0 else within)
    spread = {(row["experiment"], row["sequence"]): row for row in read_tsv(study.results / "tables/variances.tsv")}
    drawn = spread["16bit_clipped", "t1_in_phase"]
    assert (drawn["patients"], drawn["draws"], drawn["seeds"]) == ("8", "2", "2")
    assert all(float(drawn[name]) >= 0 for name in ("sd_patients", "sd_draws", "sd_seeds"))
    assert spread["original", "t2_spir"]["sd_draws"] == ""


def test_comparisons_are_of_patients_whose_seeds_are_pooled(study):
    """Recomputed from the patients' table."""
    patients = read_tsv(study.results / "tables/patients.tsv")
    rows = [row for row in read_tsv(study.results / "tables/comparisons.tsv") if row["measure"] == "dice_3d"]
    with_first = [row for row in rows if row["baseline"] == "original"]
    assert {(row["experiment"], row["sequence"]) for row in with_first} == {
        (name, sequence) for name, sequences in COMPARED.items() for sequence in sequences if name != "original"
    }
    based = [row["experiment"] for row in rows if row["baseline"] == "published_five_fold"]
    assert based == ["published_binary_masks"]
    assert len(rows) == len(with_first) + 1

    def means(experiment, sequence):
        return [
            fmean(
                float(row["dice_3d"])
                for row in patients
                if (row["experiment"], row["sequence"], row["patient"]) == (experiment, sequence, patient)
            )
            for patient in PATIENTS
        ]

    for row in rows:
        assert row["pairs"] == str(len(PATIENTS))
        before, after = (means(row[name], row["sequence"]) for name in ("baseline", "experiment"))
        differences = [round(y - x, 9) for x, y in zip(before, after, strict=True)]
        assert float(row["mean_difference"]) == pytest.approx(sum(differences) / len(PATIENTS), abs=2e-6)
        assert float(row["ci_low"]) <= float(row["mean_difference"]) <= float(row["ci_high"])


def test_the_price_of_all_errors_is_the_right_figure_less_the_published_one(study):
    """Recomputed from the table of slices: best epochs by fold over grey pooled slices, against patients' means."""
    slices = read_tsv(study.results / "tables/slices.tsv")

    def dice_of(experiment, seed, column, **where):
        return [
            float(row[column])
            for row in slices
            if (row["experiment"], row["seed"], row["sequence"]) == (experiment, str(seed), "t1_in_phase")
            and all(row[key] == value for key, value in where.items())
        ]

    published = [row for row in slices if row["experiment"] in PUBLISHED]
    assert any(row["dice"] != row["dice_of_mask"] for row in published)
    as_published, right = [], []
    for seed in SEEDS:
        folds = [[dice_of(name, seed, "dice", fold=str(fold)) for name in PUBLISHED] for fold in (0, 1)]
        as_published.append(fmean([dice for fold in folds for dice in max(fold, key=fmean)]))
        right.append(fmean(fmean(dice_of("original", seed, "dice_of_mask", patient=name)) for name in PATIENTS))
    prices = {row["put_right"]: row for row in read_tsv(study.results / "tables/prices.tsv")}
    assert list(prices) == [
        "nothing, as published",
        "masks left grey",
        "Dice of grey logits",
        "number of epochs chosen on the patients that are reported",
        "slices of all patients pooled",
        "all of them",
    ]
    assert float(prices["nothing, as published"]["dice"]) == pytest.approx(fmean(as_published), abs=1e-5)
    price = prices["all of them"]
    assert float(price["dice"]) == pytest.approx(fmean(right), abs=1e-5)
    assert float(price["difference"]) == pytest.approx(fmean(right) - fmean(as_published), abs=2e-5)
    assert float(price["difference_ci_low"]) <= float(price["difference"]) <= float(price["difference_ci_high"])


def test_a_snapshot_is_the_network_after_so_many_epochs_of_the_same_training(study):
    """Its history is the beginning of the longer one, and no second training made it."""
    longer = read_tsv(study.results / "models/original/fold0_seed1/history.tsv")
    assert [row["epoch"] for row in longer] == ["1", "2", "3", "4"]
    assert not (study.results / "checkpoints/original_epoch2").exists()
    assert not (study.results / "logs/train/original_epoch2").exists()
    weights = {
        sha256_of(study.results / f"models/{name}/fold0_seed1/weights.safetensors") for name in ("original", *SNAPSHOTS)
    }
    assert len(weights) == 3


def test_the_publication_table_has_each_experiment_and_sequence(study):
    rows = read_tsv(study.results / "tables/publication.tsv")
    told = Counter((row["experiment"], row["sequence"]) for row in rows if row["measure"] == "dice_3d")
    assert told == dict.fromkeys(((name, sequence) for name in SCORED_ON for sequence in SCORED_ON[name]), 1)
    for form in ("md", "tex"):
        printed = (study.results / f"tables/publication.{form}").read_text().replace("\\_", "_")
        assert all(name in printed for name in SCORED_ON)


def test_the_cross_sequence_table_has_what_was_trained_on_against_what_was_scored(study):
    rows = read_tsv(study.results / "tables/cross_sequence.tsv")
    cells = {(row["experiment"], row["train_on"], row["score_on"], row["seen_in_training"]) for row in rows}
    assert ("original", "t1_in_phase", "t2_spir", "no") in cells
    assert {row["seen_in_training"] for row in rows if row["experiment"] == "t1_and_t2"} == {"yes"}


def test_every_training_and_table_is_accounted_for(study):
    signed = json.loads((study.results / "tables/provenance.json").read_text())
    runs = {f"{name}/fold{fold}_seed{seed}" for name, fold, seed in product(SCORED_ON, (0, 1), SEEDS)}
    runs |= {f"16bit_clipped/fold{fold}_seed{seed}" for fold, seed in product((2, 3), SEEDS)}
    assert set(signed["trainings"]) == runs
    for name, digest in signed["tables_sha256"].items():
        assert sha256_of(study.results / "tables" / name) == digest


def test_one_more_value_of_an_ablation_runs_exactly_its_own_jobs(study):
    """Two lines of config: four runs of its own, then what unites the experiments, and no other model is touched."""
    kept = {path: path.stat().st_mtime_ns for path in study.results.glob("models/*/*/weights.safetensors")}
    study.configure(experiments={**STUDY["experiments"], "dropout_0.5": {"network": {"dropout": 0.5}}})
    study.configure(study=[*TRAINED, "dropout_0.5"])
    planned = study.planned()
    own = {rule: count for rule, count in planned.items() if count > 1}
    assert own == {rule: 4 for rule in ("train", "predict", "evaluate", "draw_triplets", "describe_model")}
    shown = study.succeed("-n")
    named = re.findall(r"^\w+ \(experiment=([^,)]+)", shown, re.MULTILINE)
    assert set(named) == {"dropout_0.5"}
    study.succeed()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert "dropout_0.5" in {row["experiment"] for row in read_tsv(study.results / "tables/comparisons.tsv")}
    assert study.planned() == {}
