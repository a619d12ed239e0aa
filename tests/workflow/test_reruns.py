"""What runs again after a change: exactly what depends on it, by content."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from workflow.conftest import SHEET, SMALL, write_sheet

from chaosliver.acquire.phantom import draw_archive

# Tables and figures that any experiment's result reaches.
SUMMARIES = {
    "collect_tables",
    "count_slices",
    "compare_experiments",
    "price_errors",
    "judge_contrasts",
    "write_publication_table",
    "cross_sequence",
    "sign_tables",
    "show_tables",
    "plot_dice",
    "plot_differences",
    "plot_verdicts",
    "write_methods",
    "write_checklists",
    "list_trainings",
    "plot_along_liver",
    "plot_volumes",
    "plot_learning_curve",
}
BELOW_EVALUATION = {"draw_overlays", "draw_contact_sheets", "describe_model"} | SUMMARIES
BELOW_PREDICTION = {"predict", "evaluate", "draw_triplets"} | BELOW_EVALUATION
BELOW_TRAINING = {"train", "plot_training"} | BELOW_PREDICTION


def with_baseline(**changes):
    return {"baseline": {**SMALL["baseline"], **changes}}


def with_recipe(**changes):
    return with_baseline(recipe={**SMALL["baseline"]["recipe"], **changes})


# What is changed, and the rules whose jobs that plans.
CHANGES = {
    "grey range": ({"grey_ranges": {"liver": [56, 70]}}, {"extract_masks", "augment"} | BELOW_TRAINING),
    "PNG scaling": ({"encodings": {"8bit": {"percentiles": [1, 99]}}}, {"convert_images", "augment"} | BELOW_TRAINING),
    "augmentation": ({"augmentations": {"augmentor": {"samples": 9}}}, {"augment"} | BELOW_TRAINING),
    "dropout": (with_baseline(network={**SMALL["baseline"]["network"], "dropout": 0.4}), BELOW_TRAINING),
    "epochs": (with_recipe(epochs=2), BELOW_TRAINING),
    "threads": ({"training": {**SMALL["training"], "threads": 2}}, BELOW_TRAINING),
    "threshold": (with_baseline(threshold=0.4), BELOW_PREDICTION),
    "tolerance of the surface Dice": ({"surface_tolerance_mm": 2.5}, {"evaluate"} | BELOW_EVALUATION),
    "margin of the plan": (
        {"analysis": {"margin": 0.05}},
        {"judge_contrasts", "plot_verdicts", "write_methods", "write_checklists", "sign_tables", "show_tables"},
    ),
    # The patient is held out in one fold, and validates the other: nothing of it is augmented.
    "a finding accepted": (
        {"accept_findings": {3: ["mask-order"]}},
        {"check_cohort", "quality_control", "pair_slices", "convert_images", "extract_masks"} | BELOW_TRAINING,
    ),
    "what a job asks of the machine": ({"training": {**SMALL["training"], "memory_mb": 1100}}, set()),
    "cache": ({"cache": {"path": "s3://lab/liver"}}, set()),
    "TensorBoard": ({"training": {**SMALL["training"], "tensorboard": True}}, set()),
    "an encoding that no experiment uses": ({"encodings": {"16bit": {"percentiles": [1, 99]}}}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setting_plans_the_stages_that_depend_on_it_and_all_below(finished, change):
    changes, expected = CHANGES[change]
    finished.configure(**changes)
    assert set(finished.planned()) == expected


def test_a_finding_accepted_admits_its_own_patient_alone_again(finished):
    finished.configure(accept_findings={3: ["mask-order"]})
    assert finished.planned("--", "results/small/inventory/1.pairs.tsv") == {}
    assert finished.planned("--", "results/small/inventory/3.pairs.tsv") == {"pair_slices": 1}


def touch_all(folder):
    later = time.time() + 60
    for path in folder.rglob("*"):
        if ".snakemake" not in path.parts:
            os.utime(path, (later, later), follow_symlinks=False)


def test_touching_every_file_of_the_workflow_re_runs_nothing(finished):
    for part in ("workflow", "config"):
        touch_all(finished.folder / part)
    assert finished.planned() == {}


def test_touching_every_result_re_runs_nothing(finished):
    """As a copy or a backup does, large files too."""
    touch_all(finished.results)
    assert finished.planned() == {}


def test_a_comment_or_a_docstring_re_runs_nothing(finished):
    finished.edit(
        "workflow/scripts/chaosliver/prepare/masks.py", '"""From the ground', '# A remark.\n"""Made from the ground'
    )
    finished.edit("workflow/scripts/train.py", '"""Train one network', '"""Fit one network')
    assert finished.planned() == {}


def test_an_edited_figure_re_runs_that_figure_and_its_reversal_nothing(finished):
    module = "workflow/scripts/chaosliver/figures/training_curves.py"
    finished.edit(module, "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    assert finished.planned() == {"plot_training": 1}
    finished.edit(module, "ADDED = 1\n\n\n", "")
    assert finished.planned() == {}


# A module of each kind, and the rules whose adapters reach it.
MODULES = {
    "measure/surfaces.py": {"evaluate"} | BELOW_EVALUATION,
    "prepare/images.py": {"convert_images", "augment"} | BELOW_TRAINING,
    "network/losses.py": BELOW_TRAINING,
    "network/architectures/unet.py": BELOW_TRAINING,
    "network/architectures/denseunet.py": set(),
    "network/prediction.py": BELOW_PREDICTION,
    "network/job/run.py": BELOW_TRAINING,
    # This study takes no snapshots, but its provenance lists the code of every rule that may shape the tables.
    "network/job/snapshots.py": {"sign_tables", "show_tables"},
    "figures/quality_control.py": {"quality_control", "show_tables", "write_checklists"},
    "measure/verification.py": set(),
}


@pytest.mark.parametrize("module", MODULES)
def test_an_edited_module_plans_the_rules_that_reach_it_and_all_below_whatever_its_age(finished, module):
    path = f"workflow/scripts/chaosliver/{module}"
    finished.edit(path, "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    os.utime(finished.folder / path, (1, 1))
    assert set(finished.planned()) == MODULES[module]
    finished.edit(path, "ADDED = 1\n\n\n", "")
    assert finished.planned() == {}


def test_an_edit_while_its_jobs_run_is_seen_by_the_next_call(finished):
    finished.configure(baseline={**SMALL["baseline"], "threshold": 0.4})
    command = [sys.executable, "-m", "snakemake", "--configfile", finished.config, "--cores", "1"]
    running = subprocess.Popen(command, cwd=finished.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    logs = finished.results / "logs/predict/small"
    before = {path: path.stat().st_mtime_ns for path in logs.iterdir()}
    # A job's earlier log is deleted as it starts.
    while all(path.is_file() for path in before) and time.monotonic() < deadline:
        time.sleep(0.02)
    finished.edit("workflow/scripts/chaosliver/measure/surfaces.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    assert running.wait(timeout=600) == 0
    assert set(finished.planned()) == MODULES["measure/surfaces.py"]


def test_an_edit_taken_back_after_a_run_takes_the_old_checkpoint(finished):
    weights = finished.results / "models/small/fold0_seed1/weights.safetensors"
    card = weights.with_name("card.json")
    target = str(card.relative_to(finished.folder))
    before = weights.read_bytes(), card.read_bytes()
    finished.edit("workflow/scripts/chaosliver/network/losses.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    finished.succeed("--", target)
    log = finished.results / "logs/train/small/fold0_seed1.log"
    assert "is of other settings (code) and stays as it is: training starts anew" in log.read_text()
    finished.edit("workflow/scripts/chaosliver/network/losses.py", "ADDED = 1\n\n\n", "")
    finished.succeed("--", target)
    assert "epoch" not in log.read_text()
    assert (weights.read_bytes(), card.read_bytes()) == before


def test_an_edit_of_what_carries_trains_nothing_and_writes_the_outputs_again(finished):
    """The training's job runs, finds its finished checkpoint, and hands on the same bytes."""
    model = finished.results / "models/small/fold0_seed1"
    names = ("weights.safetensors", "card.json", "history.tsv")
    target = str((model / "card.json").relative_to(finished.folder))
    before = [(model / name).read_bytes() for name in names]
    finished.edit("workflow/scripts/chaosliver/network/job/run.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    assert finished.planned("--", target) == {"train": 1}
    finished.succeed("--", target)
    log = (finished.results / "logs/train/small/fold0_seed1.log").read_text()
    assert "epoch" not in log and "starts anew" not in log
    assert [(model / name).read_bytes() for name in names] == before


@pytest.mark.parametrize(
    ("rule", "picture"), [("draw_overlays", "overlays"), ("draw_contact_sheets", "worst_patients")]
)
@pytest.mark.parametrize(("tree", "made_by"), [("png/8bit", "convert_images"), ("masks/liver", "extract_masks")])
def test_pictures_of_slices_make_the_images_and_masks_that_are_gone(finished, rule, picture, tree, made_by):
    """Of every patient with ground truth, once each, before the picture."""
    target = f"results/small/figures/{picture}/small.png"
    shutil.rmtree(finished.results / tree)
    planned = finished.planned("--forcerun", rule, "--", target)
    assert (planned[made_by], planned[rule]) == (4, 1)


def test_a_phantom_drawn_otherwise_reaches_its_patients(finished):
    archives = {"development": {"phantom": {"seed": 2}}, "test": SMALL["archives"]["test"]}
    finished.configure(archives=archives)
    planned = finished.planned()
    assert (planned["draw_phantom"], planned["unpack_patient"]) == (1, 4)
    assert planned["train"] == 2


def test_an_experiment_added_runs_its_own_jobs_tables_and_figures(finished):
    finished.configure(study=["small", "plain"])
    planned = finished.planned()
    assert planned.pop("train") == planned.pop("describe_model") == 2
    assert planned.pop("predict") == planned.pop("evaluate") == planned.pop("draw_triplets") == 3
    # The 16-bit images are new, for the four patients of the folds and the one of the test cohort.
    assert planned.pop("convert_images") == 5
    assert planned == dict.fromkeys(SUMMARIES | {"plot_training", "draw_overlays", "draw_contact_sheets"}, 1)


def test_a_patient_added_is_unpacked_and_prepared_alone(finished):
    """From an archive on disk: a phantom's own changes with its patients."""
    draw_archive(finished.folder / "five.zip", ["1", "2", "3", "4", "5"], seed=1)
    archives = {"development": {"path": "five.zip", "sha256": None}, "test": SMALL["archives"]["test"]}
    finished.configure(archives=archives, results="results/five")
    finished.succeed("prepared")
    write_sheet(finished.folder / "config/small.tsv", {**SHEET, "5": "development"})
    planned = finished.planned("prepared")
    assert planned.pop("unpack_patient") == planned.pop("inventory_patient") == planned.pop("pair_slices") == 1
    assert planned.pop("convert_images") == planned.pop("extract_masks") == 1
    assert set(planned) == {"split_patients", "augment", "check_cohort", "quality_control"}


def test_a_patient_added_to_the_test_cohort_is_segmented_and_nothing_trained(finished):
    """The phantom of the test cohort is drawn with its patients, so both of them are unpacked."""
    write_sheet(finished.folder / "config/small.tsv", {**SHEET, "10": "test"})
    planned = finished.planned()
    assert planned["draw_phantom"] == 1
    for rule in ("unpack_patient", "inventory_patient", "pair_slices", "convert_images"):
        assert planned[rule] == 2, rule
    # The test cohort has no ground truth here; its patients are segmented and scored in one job.
    for rule in ("predict", "evaluate", "draw_triplets", "check_cohort", "collect_tables"):
        assert planned[rule] == 1, rule
    assert not {"train", "augment", "split_patients", "extract_masks", "describe_model"} & set(planned)


def test_a_fold_added_draws_the_split_anew_and_trains_all_its_folds(finished):
    """With three folds each holds out other patients than with two. Images and masks stay as they are."""
    finished.configure(splits={**SMALL["splits"], "two_fold": {"folds": 3, "validation": 1, "seed": 1}})
    planned = finished.planned()
    assert planned["split_patients"] == 1
    assert planned["train"] == planned["describe_model"] == 3
    # Of four patients one trains in each fold, and in one fold it happens to be the same as before.
    assert planned["augment"] == 2
    # The test cohort is segmented by the three networks together.
    assert planned["predict"] == planned["evaluate"] == 4
    assert set(planned) == {"split_patients", "augment"} | BELOW_TRAINING


def test_a_held_out_list_added_runs_its_own_jobs_tables_and_figures(finished):
    """A split that names its test patients is one fold: another one is a split, and an experiment, of its own."""
    finished.configure(
        splits={**SMALL["splits"], "held_out_3": {"test": ["3"], "validation": 1, "seed": 1}},
        experiments={"small": {}, "another_fold": {"split": "held_out_3"}},
        study=["small", "another_fold"],
    )
    planned = finished.planned()
    for rule in ("split_patients", "augment", "train", "describe_model"):
        assert planned[rule] == 1, rule
    assert planned["predict"] == planned["evaluate"] == planned["draw_triplets"] == 2
    assert set(planned) == {"split_patients", "augment"} | BELOW_TRAINING


def test_two_changes_at_once_are_both_seen(finished):
    """A job that must run does not hide that another one below it has a reason of its own."""
    finished.edit("workflow/scripts/chaosliver/figures/quality_control.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    finished.configure(experiments={"small": {"recipe": {"epochs": 2}}})
    planned = finished.planned()
    assert (planned["quality_control"], planned["train"]) == (1, 2)


def test_a_seed_added_trains_only_that_seed(finished):
    finished.configure(experiments={"small": {"seeds": [1, 2]}})
    planned = finished.planned()
    assert planned["train"] == 2
    # The cards of the other two networks say what all four reach.
    assert planned["describe_model"] == 4
    assert not {"augment", "convert_images", "extract_masks"} & set(planned)


# What is deleted, and the rule that makes it; what is below runs as well.
DELETED = {
    "dice/small/fold0_seed1.tsv": "evaluate",
    "predictions/small/fold0_seed1.tsv": "predict",
    "png/8bit/t1_in_phase/1.tsv": "convert_images",
    "raw/1.tsv": "unpack_patient",
    "inventory/1.pairs.tsv": "pair_slices",
    "models/small/fold0_seed1/weights.safetensors": "train",
    "tables/patients.tsv": "collect_tables",
}


@pytest.mark.parametrize("lost", DELETED)
def test_a_deleted_table_index_or_weight_file_is_made_again_with_what_is_below(finished, lost):
    (finished.results / lost).unlink()
    planned = finished.planned()
    assert planned[DELETED[lost]] == 1
    assert "collect_tables" in planned


# Found by a power cut: what only other tables are made of was not made again.
@pytest.mark.parametrize(
    ("lost", "rule"),
    [
        ("inventory/1.slices.tsv", "inventory_patient"),
        ("inventory/1.findings.tsv", "inventory_patient"),
        ("raw/1.listed.tsv", "unpack_patient"),
    ],
)
def test_a_deleted_table_of_a_patient_is_made_again(finished, lost, rule):
    (finished.results / lost).unlink()
    assert finished.planned()[rule] == 1


@pytest.mark.parametrize("lost", ["weights.safetensors", "history.tsv", "card.json"])
def test_a_lost_file_of_a_model_is_written_again_from_its_checkpoint(finished, lost):
    model = finished.results / "models/small/fold1_seed1"
    names = ("weights.safetensors", "history.tsv", "card.json")
    before = [(model / name).read_bytes() for name in names]
    (model / lost).unlink()
    assert finished.planned()["train"] == 1
    finished.succeed("--", str((model / lost).relative_to(finished.folder)))
    assert "epoch" not in (finished.results / "logs/train/small/fold1_seed1.log").read_text()
    assert [(model / name).read_bytes() for name in names] == before


def test_until_forcerun_and_touch_do_what_users_of_snakemake_expect(finished):
    assert set(finished.planned("--forcerun", "plot_training")) == {"plot_training"}
    finished.configure(**with_recipe(epochs=2))
    assert set(finished.planned("--until", "train")) == {"train"}
    finished.succeed("--touch")
    assert finished.planned() == {}


def test_a_training_whose_inputs_hold_the_same_content_takes_its_checkpoint(finished):
    card = finished.results / "models/small/fold0_seed1/card.json"
    weights = finished.results / "models/small/fold0_seed1/weights.safetensors"
    before = card.read_bytes(), weights.read_bytes()
    (checkpoint,) = (finished.results / "checkpoints/small/fold0_seed1").glob("*.pt")
    age = checkpoint.stat().st_mtime_ns
    finished.succeed("-R", "train", "--", str(card.relative_to(finished.folder)))
    assert (card.read_bytes(), weights.read_bytes()) == before
    assert checkpoint.stat().st_mtime_ns == age


def test_an_altered_png_is_refused_by_the_next_step_that_reads_it(finished):
    victim = next((finished.results / "png/8bit/t1_in_phase/1").glob("*.png"))
    victim.write_bytes(b"altered")
    printed = finished.fail("-R", "augment")
    assert f"{victim.name}: its content differs" in printed
    assert "&& snakemake --cores 1" in printed
    # Whatever Snakemake says of it, the last line is the sentence.
    last = printed.splitlines()[-1]
    assert last.startswith("ERROR ") and f"{victim.name}: its content differs" in last and "snakemake --cores 1" in last


def test_verify_names_every_altered_or_missing_file_and_changes_nothing(finished):
    assert "all is as it was made" in finished.succeed("verify")
    altered = next((finished.results / "png/8bit/t1_in_phase/1").glob("*.png"))
    altered.write_bytes(b"altered")
    lost = next((finished.results / "masks/liver/t1_in_phase/2").glob("*.png"))
    lost.unlink()
    assert finished.planned() == {}
    printed = finished.fail("verify")
    assert f"{altered.name}: its content differs" in printed
    assert f"{lost.name}: is missing" in printed
    assert finished.planned() == {}


@pytest.mark.parametrize("part", ["raw/1.tsv", "inventory/1.pairs.tsv", "png/8bit/t1_in_phase/1.tsv"])
def test_a_step_made_again_to_the_same_bytes_re_runs_nothing_later(finished, part):
    """In a call of its own: within one call Snakemake runs whatever is below a job that ran."""
    target = finished.results / part
    before = target.read_bytes()
    target.unlink()
    finished.succeed(str(target.relative_to(finished.folder)))
    assert target.read_bytes() == before
    assert finished.planned() == {}


def test_a_network_that_saw_the_patients_never_stands_in_for_the_one_that_did_not(finished):
    """Card and weights of the other fold, whole and signed, in a fold's place."""
    models = finished.results / "models/small"
    for name in ("card.json", "weights.safetensors"):
        shutil.copyfile(models / "fold1_seed1" / name, models / "fold0_seed1" / name)
    told = "fold0_seed1/card.json: describes another training than the one whose place this is: it differs in train_on"
    assert told in finished.fail("verify")
    target = str((finished.results / "predictions/small/fold0_seed1.tsv").relative_to(finished.folder))
    assert told in finished.fail(target)
    assert not (finished.results / "predictions/small/fold0_seed1.tsv").exists()
