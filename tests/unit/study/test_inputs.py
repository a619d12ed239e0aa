"""Which files each rule reads, path by path, in a study of several sequences, folds, seeds, organs and cohorts.

How the rules use this is tested on the jobs that Snakemake plans, in `test_rules.py`.
"""

import pytest
from unit.study.configs import FOLD_TRAINING, HELD_OUT, SCHEMA, SHEET, VALIDATING, study_of_everything

from chaosliver.study import inputs
from chaosliver.study.plan import Plan

R = "results/everything"
T1, T2 = "t1_in_phase", "t2_spir"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "everything.tsv"
    path.write_text(SHEET)
    return str(path)


@pytest.fixture(scope="module")
def plan(sheet):
    return Plan.of(study_of_everything(patients=sheet), SCHEMA)


def indexes(tree, *volumes):
    return [f"{R}/{tree}/{volume}.tsv" for volume in volumes]


def test_a_patient_is_unpacked_from_the_archive_of_its_cohort(plan, sheet):
    assert inputs.unpack_patient(plan, "11") == {
        "receipt": f"{R}/raw/test.sha256",
        "made": [f"{R}/raw/test.zip"],
    }
    config = study_of_everything(patients=sheet)
    config["archives"]["development"] = {"path": "/data/own.zip", "ground_truth": True}
    theirs = Plan.of(config, SCHEMA)
    assert inputs.unpack_patient(theirs, "1") == {"receipt": f"{R}/raw/development.sha256", "made": []}
    assert inputs.unpack_patient(theirs, "10")["made"] == [f"{R}/raw/test.zip"]


def test_masks_of_the_test_cohort_are_compared_with_the_development_cohorts(plan):
    development = [f"{R}/inventory/{number}.slices.tsv" for number in range(1, 7)]
    assert inputs.check_cohort(plan, "development") == {
        "slices": development,
        "findings": [f"{R}/inventory/{number}.findings.tsv" for number in range(1, 7)],
    }
    assert inputs.check_cohort(plan, "test") == {
        "slices": [*development, f"{R}/inventory/10.slices.tsv", f"{R}/inventory/11.slices.tsv"],
        "findings": [f"{R}/inventory/10.findings.tsv", f"{R}/inventory/11.findings.tsv"],
    }


def test_samples_are_drawn_from_the_training_patients_that_have_the_sequences(plan):
    job = {"encoding": "16bit", "organ": "spleen", "sequences": f"{T2}+{T1}", "fold": "1"}
    volumes = (f"{T2}/5", f"{T1}/3", f"{T1}/5")
    assert inputs.augment(plan, split="two_fold", **job) == {
        "images": indexes("png/16bit", *volumes),
        "masks": indexes("masks/spleen", *volumes),
        "held_out_images": [],
        "held_out_masks": [],
    }
    copied = [f"{sequence}/{patient}" for sequence in (T2, T1) for patient in HELD_OUT[1]]
    leaking = inputs.augment(plan, split="leaking", **job)
    assert leaking["held_out_images"] == indexes("png/16bit", *copied)
    assert leaking["held_out_masks"] == indexes("masks/spleen", *copied)
    # Who would validate trains here, since the held-out patients draw the curve.
    assert leaking["images"] == indexes("png/16bit", f"{T2}/5", f"{T2}/6", f"{T1}/3", f"{T1}/5", f"{T1}/6")


@pytest.mark.parametrize("fold", [0, 1])
def test_a_training_reads_images_masks_of_all_its_organs_and_samples_by_role(plan, fold):
    training = [f"{T1}/{patient}" for patient in FOLD_TRAINING[fold]]
    assert inputs.train(plan, "first", str(fold)) == {
        "augmented": [f"{R}/augmented/augmentor/8bit/liver/{T1}/two_fold_fold{fold}.tsv"],
        "train_images": indexes("png/8bit", *training),
        "train_masks": indexes("masks/liver", *training),
        "validation_images": indexes("png/8bit", f"{T1}/{VALIDATING[fold]}"),
        "validation_masks": indexes("masks/liver", f"{T1}/{VALIDATING[fold]}"),
        "held_out_images": [],
        "held_out_masks": [],
        "cross_validated": [],
    }
    held_out = [f"{T1}/{patient}" for patient in HELD_OUT[fold]]
    others = [f"{T1}/{patient}" for patient in HELD_OUT[1 - fold]]
    assert inputs.train(plan, "leaks", str(fold)) == {
        "augmented": [f"{R}/augmented/augmentor/8bit/liver/{T1}/leaking_fold{fold}.tsv"],
        "train_images": indexes("png/8bit", *others),
        "train_masks": indexes("masks/liver", *others),
        "validation_images": indexes("png/8bit", *held_out),
        "validation_masks": indexes("masks/liver", *held_out),
        "held_out_images": indexes("png/8bit", *held_out),
        "held_out_masks": indexes("masks/liver", *held_out),
        "cross_validated": [],
    }


def test_where_everyone_trains_validation_may_tell_how_long(sheet):
    """T1 in phase of all six patients; the epoch is that of the cross-validation, where it was chosen there."""
    config = study_of_everything(patients=sheet)
    config["experiments"]["first"]["recipe"]["choose"] = "best"
    chosen = Plan.of(config, SCHEMA)
    everyone = [f"{T1}/{patient}" for patient in range(1, 7)]
    found = inputs.train(chosen, "first", "all")
    assert found["train_images"] == indexes("png/8bit", *everyone)
    assert found["validation_images"] == found["held_out_masks"] == []
    assert found["augmented"] == [f"{R}/augmented/augmentor/8bit/liver/{T1}/two_fold_foldall.tsv"]
    runs = [f"fold{fold}_seed{seed}" for fold in (0, 1) for seed in (1, 2)]
    assert found["cross_validated"] == [f"{R}/models/first/{run}/card.json" for run in runs]
    assert inputs.train(chosen, "first", "0")["cross_validated"] == []
    assert inputs.train(chosen, "few", "all")["cross_validated"] == []
    drawn = inputs.augment(chosen, "8bit", "liver", T1, "leaking", "all")
    assert drawn["images"] == indexes("png/8bit", *everyone) and drawn["held_out_images"] == []


def test_a_training_of_several_organs_reads_the_masks_of_each(plan):
    kidney = inputs.train(plan, "kidney", "0")
    volumes = [f"{sequence}/{patient}" for sequence in (T2, T1) for patient in ("1", "4")]
    assert kidney["augmented"] == []
    assert kidney["train_images"] == indexes("png/16bit", *volumes)
    assert kidney["train_masks"] == indexes("masks/right_kidney", *volumes) + indexes("masks/spleen", *volumes)
    assert kidney["validation_masks"] == [
        *indexes("masks/right_kidney", f"{T2}/2", f"{T1}/2"),
        *indexes("masks/spleen", f"{T2}/2", f"{T1}/2"),
    ]
    few = inputs.train(plan, "few", "1")
    assert few["train_images"] == indexes("png/8bit", f"{T1}/5")
    assert few["augmented"] == [f"{R}/augmented/augmentor/8bit/liver/{T1}/two_fold_1patients_fold1.tsv"]


def test_samples_of_several_sequences_lie_under_all_their_names(sheet):
    config = study_of_everything(patients=sheet)
    config["experiments"]["few"] = {"train_on": [T2, T1], "encoding": "16bit", "organ": "spleen"}
    plan = Plan.of(config, SCHEMA)
    assert inputs.train(plan, "few", "1")["augmented"] == [
        f"{R}/augmented/augmentor/16bit/spleen/{T2}+{T1}/two_fold_fold1.tsv"
    ]


def test_a_snapshot_is_taken_of_the_same_fold_and_seed(plan):
    model = f"{R}/models/first/fold1_seed2"
    assert inputs.take_snapshot(plan, "first_epoch2", "1", "2") == {
        "card": f"{model}/card.json",
        "history": f"{model}/history.tsv",
        "snapshots": f"{model}/snapshots",
    }
    with pytest.raises(ValueError, match="first is no snapshot"):
        inputs.take_snapshot(plan, "first", "1", "2")


def test_a_run_segments_its_folds_held_out_patients_and_all_runs_the_test_cohort(plan):
    model = f"{R}/models/first/fold1_seed2"
    assert inputs.predict(plan, "first", "fold1_seed2") == {
        "cards": [f"{model}/card.json"],
        "weights": [f"{model}/weights.safetensors"],
        "images": indexes("png/8bit", f"{T1}/1", f"{T1}/2", f"{T1}/4", f"{T2}/1", f"{T2}/2", f"{T2}/4"),
        "checked": f"{R}/inventory/development.checked.tsv",
    }
    together = inputs.predict(plan, "kidney", "test_cohort")
    models = [f"{R}/models/kidney/fold{fold}_seed{seed}" for fold in (0, 1) for seed in (1, 2)]
    assert together == {
        "cards": [f"{model}/card.json" for model in models],
        "weights": [f"{model}/weights.safetensors" for model in models],
        "images": indexes("png/16bit", f"{T2}/10", f"{T2}/11"),
        "checked": f"{R}/inventory/test.checked.tsv",
    }


def test_a_run_is_scored_where_there_is_ground_truth(plan, sheet):
    assert inputs.evaluate(plan, "kidney", "fold0_seed1") == {
        "mask_indexes": indexes("masks/right_kidney", f"{T2}/5", f"{T2}/6"),
        "pairs": [f"{R}/inventory/{patient}.pairs.tsv" for patient in HELD_OUT[0]],
        "logit_index": [],
    }
    assert inputs.evaluate(plan, "first", "test_cohort") == {
        "mask_indexes": [],
        "pairs": [f"{R}/inventory/10.pairs.tsv", f"{R}/inventory/11.pairs.tsv"],
        "logit_index": [],
    }
    assert inputs.evaluate(plan, "leaks", "fold0_seed1")["logit_index"] == [f"{R}/logits/leaks/fold0_seed1.tsv"]
    config = study_of_everything(patients=sheet)
    config["archives"]["test"]["ground_truth"] = True
    known = Plan.of(config, SCHEMA)
    masks = indexes("masks/liver", f"{T1}/10", f"{T2}/10", f"{T2}/11")
    assert inputs.evaluate(known, "first", "test_cohort")["mask_indexes"] == masks
    assert inputs.draw_triplets(known, "first", "test_cohort") == {
        "image_indexes": indexes("png/8bit", f"{T1}/10", f"{T2}/10", f"{T2}/11"),
        "mask_indexes": masks,
    }
    assert inputs.draw_overlays(known, "first")["slices"][-1] == f"{R}/dice/first/test_cohort.tsv"


def test_pictures_of_an_experiment_read_each_volume_once_though_two_seeds_score_it(plan):
    runs = [f"fold{fold}_seed{seed}" for fold in (0, 1) for seed in (1, 2)]
    volumes = [f"{T2}/{patient}" for patient in ("5", "6", "1", "2", "4")]
    assert inputs.draw_overlays(plan, "kidney") == {
        "slices": [f"{R}/dice/kidney/{run}.tsv" for run in runs],
        "prediction_indexes": [f"{R}/predictions/kidney/{run}.tsv" for run in runs],
        "image_indexes": indexes("png/16bit", *volumes),
        "mask_indexes": indexes("masks/right_kidney", *volumes),
    }


def test_all_training_data_is_what_each_training_reads(plan):
    data = inputs.training_data(plan)
    assert data == sorted(set(data))
    trainings = [inputs.train(plan, run.experiment, run.fold) for run in plan.trainings]
    assert set(data) == {index for named in trainings for paths in named.values() for index in paths}
    augmented = f"{R}/augmented/augmentor/8bit/liver/{T1}/leaking_fold1.tsv"
    assert {f"{R}/masks/spleen/{T2}/6.tsv", f"{R}/png/8bit/{T1}/3.tsv", augmented} <= set(data)


def test_cards_and_folders_are_those_of_the_experiment(plan):
    assert inputs.describe_model(plan, "leaks", "fold1_seed1") == {
        "card": f"{R}/models/leaks/fold1_seed1/card.json",
        "patients": [f"{R}/volumes/leaks/fold{fold}_seed1.tsv" for fold in (0, 1)],
    }
    assert inputs.cards_of(plan, plan.runs_of("leaks_epoch3")) == [
        f"{R}/models/leaks_epoch3/fold0_seed1/card.json",
        f"{R}/models/leaks_epoch3/fold1_seed1/card.json",
    ]
    assert (inputs.images_folder(plan, "kidney"), inputs.masks_folder(plan, "kidney")) == (
        f"{R}/png/16bit",
        f"{R}/masks/right_kidney",
    )


def test_the_viewer_shows_studies_of_ones_own_that_were_segmented_and_with_a_pack_them_alone(sheet, tmp_path):
    config = study_of_everything(patients=sheet) | {"results": str(tmp_path)}
    for name in ("b", "a", "unfinished"):
        (tmp_path / "segmented" / name).mkdir(parents=True)
    for name in ("b", "a"):
        (tmp_path / f"segmented/{name}/report.json").touch()
    (tmp_path / "segmented/both.tsv").touch()
    reports = [f"{tmp_path}/segmented/{name}/report.json" for name in ("a", "b")]
    whole = inputs.viewer(Plan.of(config, SCHEMA))
    assert whole["reports"] == reports and whole["patients_table"] == [f"{tmp_path}/tables/patients.tsv"]
    # Patient 3 has no T2, 11 no T1; kidney alone is scored on T2, with masks of its own.
    kidneys = [index for index in whole["mask_indexes"] if "/right_kidney/" in index]
    assert kidneys == [f"{tmp_path}/masks/right_kidney/t2_spir/{patient}.tsv" for patient in _held_out_with_t2()]
    alone = inputs.viewer(Plan.of(config | {"pack": "/data/pack"}, SCHEMA))
    assert alone == {**{name: [] for name in whole}, "reports": reports}


def _held_out_with_t2():
    return [patient for patients in HELD_OUT for patient in patients if patient != "3"]
