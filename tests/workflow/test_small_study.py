"""The chain on a small phantom study: every rule runs, stages have names, and bad input stops it early."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import metadata_load
from workflow.conftest import ROOT, SHEET, SMALL, Study, write_sheet

from chaosliver.base.files import read_tsv, sha256_of

STAGES = {
    "prepared": {"draw_phantom", "check_cohort", "unpack_patient", "augment", "convert_images", "quality_control"},
    "trained": {"train", "quality_control"},
    "evaluated": {"predict", "evaluate", "draw_triplets"},
}


def test_the_whole_chain_runs_where_a_path_holds_spaces_and_letters_beyond_ascii(fresh):
    printed = fresh.succeed()
    assert "Dice 3D" in printed
    assert "Tables: results/small/tables" in printed
    rows = read_tsv(fresh.results / "tables/patients.tsv")
    assert {(row["cohort"], row["patient"]) for row in rows} == {(cohort, name) for name, cohort in SHEET.items()}


def test_a_cohort_without_ground_truth_is_segmented_only(finished_once):
    rows = [row for row in read_tsv(finished_once.results / "tables/slices.tsv") if row["cohort"] == "test"]
    assert rows
    assert all(row["dice"] == row["reference_mm2"] == "" and row["predicted_mm2"] for row in rows)
    assert (finished_once.results / "predictions/small/test_cohort.tsv").is_file()


def test_a_second_run_does_nothing(finished):
    assert finished.planned() == {}
    assert "Nothing to be done" in finished.succeed()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_a_name(fresh, stage):
    planned = fresh.planned(stage)
    assert STAGES[stage] <= set(planned)
    later = list(STAGES)[list(STAGES).index(stage) + 1 :]
    assert not set(planned) & set().union(*(STAGES[name] for name in later)) - {"quality_control"}


def test_a_held_out_patient_reaches_no_training(finished_once):
    """No index of a held-out patient is among the inputs of a training, nor its slices in an augmented set."""
    split = read_tsv(finished_once.results / "splits/two_fold.tsv")
    for fold in ("0", "1"):
        roles = {row["patient"]: row["role"] for row in split if row["fold"] == fold}
        augmented = finished_once.results / f"augmented/augmentor/8bit/liver/t1_in_phase/two_fold_fold{fold}.tsv"
        assert {roles[row["patient"]] for row in read_tsv(augmented)} == {"train"}
        predicted = read_tsv(finished_once.results / f"predictions/small/fold{fold}_seed1.tsv")
        assert {roles[row["patient"]] for row in predicted} == {"test"}
        shown = finished_once.succeed("-n", "--verbose", "-F", f"results/small/models/small/fold{fold}_seed1/card.json")
        (inputs,) = [block for block in shown.split("rule ") if block.startswith("train:")]
        for patient, role in roles.items():
            assert (f"t1_in_phase/{patient}.tsv" in inputs.split("output:")[0]) == (role != "test")


def test_a_damaged_patient_is_named_and_nothing_is_trained(fresh):
    fresh.succeed("results/small/raw/development.zip")
    folder = fresh.folder / "unpacked"
    zipfile.ZipFile(fresh.results / "raw/development.zip").extractall(folder)
    damaged = sorted(folder.glob("**/MR/3/T1DUAL/DICOM_anon/InPhase/*.dcm"))[4]
    damaged.write_bytes(damaged.read_bytes()[:500])
    archives = {"development": {"path": "unpacked", "sha256": None}, "test": SMALL["archives"]["test"]}
    fresh.configure(archives=archives)
    printed = fresh.fail()
    assert "Patient 3 has" in printed
    assert damaged.name in printed
    assert not (fresh.results / "models").exists()


def test_every_error_of_every_patient_is_told_before_the_study_stops(fresh):
    fresh.succeed("results/small/raw/development.zip")
    folder = fresh.folder / "unpacked"
    zipfile.ZipFile(fresh.results / "raw/development.zip").extractall(folder)
    damaged = [sorted(folder.glob(f"**/MR/{patient}/T2SPIR/DICOM_anon/*.dcm"))[2] for patient in ("2", "4")]
    for path in damaged:
        path.write_bytes(b"")
    fresh.configure(archives={"development": {"path": "unpacked"}, "test": SMALL["archives"]["test"]})
    printed = fresh.fail("trained")
    # When the job ends, and again as the last words of the run.
    told = [part for part in printed.split("ERROR ") if part.startswith("check_cohort/development")]
    assert told and all(path.name in part for part in told for path in damaged)
    assert not (fresh.results / "models").exists()
    findings = read_tsv(fresh.results / "inventory/findings.tsv")
    errors = {(row["patient"], row["file"].split("/")[-1]) for row in findings if row["severity"] == "error"}
    assert {("2", damaged[0].name), ("4", damaged[1].name)} <= errors
    assert (fresh.results / "figures/quality_control.png").is_file()


def test_a_mask_that_two_patients_share_stops_the_study_before_training(fresh):
    fresh.succeed("results/small/raw/development.zip")
    folder = fresh.folder / "unpacked"
    zipfile.ZipFile(fresh.results / "raw/development.zip").extractall(folder)
    # Patients 1 and 3 have the same matrix: their masks' files can be exchanged unseen.
    first, second = (sorted(folder.glob(f"**/MR/{patient}/T1DUAL/Ground/*.png")) for patient in ("1", "3"))
    shutil.copy(first[6], second[6])
    fresh.configure(archives={"development": {"path": "unpacked"}, "test": SMALL["archives"]["test"]})
    printed = fresh.fail("trained")
    assert "the mask equals that of patient" in printed and second[6].name in printed
    assert not (fresh.results / "models").exists()


def test_masks_that_are_all_the_same_stop_a_patient_until_the_config_accepts_that(fresh):
    fresh.succeed("results/small/raw/development.zip")
    folder = fresh.folder / "unpacked"
    zipfile.ZipFile(fresh.results / "raw/development.zip").extractall(folder)
    masks = sorted(folder.glob("**/MR/3/T1DUAL/Ground/*.png"))
    for mask in masks:
        if mask != masks[6]:
            shutil.copy(masks[6], mask)
    archives = {"development": {"path": "unpacked"}, "test": SMALL["archives"]["test"]}
    fresh.configure(archives=archives)
    target = "results/small/inventory/3.pairs.tsv"
    printed = fresh.fail(target)
    assert "identical masks in different slices" in printed
    # A number in YAML, as a user writes it.
    flags = re.search(r'accept_findings: \{"3": \[([a-z, -]+)\]\}', printed)[1].split(", ")
    assert "identical-masks" in flags
    fresh.configure(archives=archives, accept_findings={3: flags})
    assert fresh.planned(target) == {"pair_slices": 1}
    fresh.succeed(target, "results/small/inventory/findings.tsv")
    found = read_tsv(fresh.results / "inventory/findings.tsv")
    assert {(row["patient"], row["severity"]) for row in found} == {("3", "accepted")}


def test_all_sequences_another_organ_scaling_by_slice_and_a_holdout_run_to_the_tables(fresh):
    write_sheet(fresh.folder / "config/small.tsv", SHEET, "t1_in_phase,t1_out_of_phase,t2_spir")
    fresh.configure(study=["other"])
    fresh.succeed()
    rows = read_tsv(fresh.results / "tables/patients.tsv")
    assert {row["sequence"] for row in rows} == {"t1_out_of_phase", "t2_spir"}
    assert len([row for row in rows if row["cohort"] == "development"]) == 2
    augmented = read_tsv(next((fresh.results / "augmented").rglob("holdout_fold0.tsv")))
    assert {row["sequence"] for row in augmented} <= {"t1_in_phase", "t1_out_of_phase", "t2_spir"}
    card = json.loads((fresh.results / "models/other/fold0_seed1/card.json").read_text())
    assert card["keep_originals"] and len(card["train_on"]) == 6


def test_the_fast_recipe_with_snapshots_and_events_runs_to_the_tables(fresh):
    recipe = {**SMALL["experiments"]["ours"]["recipe"], "epochs": 2, "snapshots": [1]}
    ours = {**SMALL["experiments"]["ours"], "recipe": recipe}
    fresh.configure(study=["ours"], experiments={"ours": ours}, training={**SMALL["training"], "tensorboard": True})
    fresh.succeed()
    assert list((fresh.results / "tensorboard/ours/fold0_seed1").glob("events.*"))
    card = json.loads((fresh.results / "models/ours/fold0_seed1/card.json").read_text())
    assert card["outputs"] == 4 and card["recipe"]["context"] == 1
    rows = read_tsv(fresh.results / "tables/patients.tsv")
    assert {row["patient"] for row in rows} == set(SHEET)
    assert {row["experiment"] for row in rows} == {"ours", "ours_epoch1"}
    snapshot = fresh.results / "models/ours_epoch1/fold0_seed1"
    assert sha256_of(snapshot / "weights.safetensors") == card["snapshots"]["1"]["weights_sha256"]
    held_out = [row for row in rows if row["experiment"] == "ours_epoch1" and row["fold"] == "0"]
    check_model_card(snapshot, held_out)
    assert len(read_tsv(snapshot / "history.tsv")) == 1
    # An epoch more to look at is another training; to watch it is none.
    fresh.configure(training=SMALL["training"])
    assert fresh.planned() == {}


def test_the_original_with_its_errors_and_validation_by_slice_run_to_the_tables(fresh):
    """All that the published study did wrong goes through the same chain, beside experiments that do not."""
    splits = {
        "leaky": {"folds": 2, "validation": "held_out", "copies": 0.1, "seed": 1},
        "by_slice": {"folds": 2, "validation": 0, "validation_slices": 0.2, "seed": 1},
    }
    fresh.configure(
        study=["published", "by_slice", "raw", "fewer"],
        splits={**SMALL["splits"], **splits},
        augmentations={"augmentor_published": {"samples": 60}, "augmentor": {"samples": 8}},
        experiments={
            **SMALL["experiments"],
            "published": {
                "based_on": "as_published",
                "split": "leaky",
                "recipe": {"snapshots": []},
            },
            "by_slice": {"based_on": "small", "split": "by_slice", "recipe": {"choose": "best"}},
            "raw": {"based_on": "16bit_raw"},
            "fewer": {"based_on": "small", "training_patients": 1, "augmentation": "none"},
        },
    )
    fresh.succeed()
    rows = read_tsv(fresh.results / "tables/slices.tsv")
    assert {row["experiment"] for row in rows} == {"published", "by_slice", "raw", "fewer"}
    scored = [row for row in rows if row["dice"] and row["experiment"] == "published"]
    assert all(len(row["dice"]) <= len("0.123") for row in scored)
    assert {row["scores"] for row in scored} == {"logits"}
    cards = {name: json.loads((fresh.results / f"models/{name}/fold0_seed1/card.json").read_text()) for name in NAMES}
    held_out = {row["patient"] for row in scored if row["fold"] == "0"}
    copied = cards["published"]["copies_of_held_out"]
    assert copied and {name.split("/")[1] for name in copied} <= held_out
    assert {name.split("/")[1] for name in cards["published"]["validate_on"]} == held_out
    (augmented,) = (fresh.results / "augmented").rglob("leaky_fold0.tsv")
    drawn = {(row["patient"], row["stem"]) for row in read_tsv(augmented)}
    assert {pair for pair in drawn if pair[0] in held_out} <= {tuple(name.split("/")[1:]) for name in copied}
    assert drawn & {tuple(name.split("/")[1:]) for name in copied}
    (clean,) = (fresh.results / "augmented").rglob("by_slice_fold0.tsv")
    own = {row["patient"] for row in rows if row["experiment"] == "by_slice" and row["fold"] == "0"}
    assert not {row["patient"] for row in read_tsv(clean)} & own
    assert cards["by_slice"]["copies_of_held_out"] == [] and len(cards["fewer"]["train_on"]) == 1
    told = {row["experiment"]: row["validated_on"] for row in read_tsv(fresh.results / "tables/trainings.tsv")}
    assert told["published"] == "the held-out patients themselves"
    assert told["by_slice"] == "20% of the slices of the training patients"


NAMES = ("published", "by_slice", "fewer")


def test_a_folder_already_unpacked_serves_as_the_archive(fresh):
    fresh.succeed("results/small/raw/development.zip")
    archive = fresh.results / "raw/development.zip"
    zipfile.ZipFile(archive).extractall(fresh.folder / "unpacked")
    archives = SMALL["archives"] | {"development": {"path": "unpacked"}}
    fresh.configure(archives=archives, results="results/folder")
    fresh.succeed("results/folder/raw/2.tsv")
    fresh.configure(results="results/small", archives=SMALL["archives"])
    fresh.succeed("results/small/raw/2.tsv")
    both = [(fresh.folder / f"results/{name}/raw/2.tsv").read_bytes() for name in ("folder", "small")]
    assert both[0] == both[1]


def test_a_wrong_checksum_and_a_missing_patient_are_named(fresh):
    fresh.succeed("results/small/raw/development.zip")
    shutil.copy(fresh.results / "raw/development.zip", fresh.folder / "mine.zip")
    wrong = {"development": {"path": "mine.zip", "sha256": "0" * 64}, "test": SMALL["archives"]["test"]}
    fresh.configure(archives=wrong, results="results/mine")
    printed = fresh.fail("prepared")
    assert "mine.zip" in printed and "archives.development.sha256" in printed
    fresh.configure(archives=wrong | {"development": {"path": "mine.zip", "sha256": None}})
    write_sheet(fresh.folder / "config/small.tsv", {**SHEET, "77": "development"})
    printed = fresh.fail("prepared")
    assert "mine.zip" in printed and "77" in printed and "write_patient_sheet" in printed


def test_without_network_the_key_for_a_local_archive_and_the_demo_are_named(fresh):
    # Nothing listens on port 9 of this machine.
    url = {"url": "http://127.0.0.1:9/CHAOS_Train_Sets.zip", "ground_truth": True}
    write_sheet(fresh.folder / "config/small.tsv", {name: "development" for name in SHEET})
    fresh.configure(archives={"development": url})
    printed = fresh.fail()
    assert "could not reach http://127.0.0.1:9/CHAOS_Train_Sets.zip" in printed
    assert "archives.development.path" in printed and "make demo" in printed
    assert not (fresh.results / "raw/development.zip").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 3}, "config key epochs: unknown"),
        ({"study": ["smal"]}, "config key study: no experiment is named 'smal'"),
        ({"experiments": {"small": {"encoding": "12bit"}}}, "no encoding is named '12bit'"),
        ({"experiments": {"small": {"train_on": ["t1_out_of_phase"]}}}, "train_on names t1_out_of_phase, but no train"),
        ({"patients": "config/none.tsv"}, "config/none.tsv: no such table"),
        (
            {"archives": {"development": {"path": "$NO_SUCH_VARIABLE", "phantom": None}}},
            "variable that is empty or not",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_before_the_dag(fresh, changes, words):
    if "archives" in changes:
        write_sheet(fresh.folder / "config/small.tsv", {name: "development" for name in SHEET})
    fresh.configure(**changes)
    printed = fresh.fail("-n")
    assert words in printed
    assert "Building DAG" not in printed


def test_a_dry_run_works_where_torch_is_absent(fresh, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('torch is imported')")
    assert fresh.planned(PYTHONPATH=str(tmp_path))["train"] == 2


def test_the_default_study_of_20_patients_can_be_planned(fresh):
    planned = Study(fresh.folder, "config/config.yaml").planned()
    assert planned["unpack_patient"] == 20
    # 31 experiments of five folds and one of a single fold. Those priced and the first have three snapshots each.
    assert (planned["train"], planned["take_snapshot"]) == (156, 93)
    # Snapshots of others than the first are not drawn.
    assert planned["draw_overlays"] == planned["draw_contact_sheets"] == 35
    assert "draw_phantom" not in planned


def test_the_report_holds_the_figures_and_their_captions(finished):
    finished.succeed("--report", "report.html")
    report = (finished.folder / "report.html").read_text()
    for words in ("Dice by experiment", "Training curves", "Quality control", "Best, median and worst slices"):
        assert words in report


def check_model_card(folder: Path, held_out: list[dict[str, str]]) -> None:
    """Its scores are those of the held-out patients, and its code loads the weights beside it."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    (result,) = metadata_load(folder / "README.md")["model-index"][0]["results"]
    (dice,) = [metric for metric in result["metrics"] if metric["type"] == "dice_3d"]
    values = np.array([row["dice_3d"] for row in held_out], dtype=float)
    assert len(values) == 2 and dice["value"] == pytest.approx(values.mean(), rel=1e-5)
    assert "| T1 in phase | this network, 2 patients | all networks, 4 patients |" in card
    assert f"| Dice, 3D | {values.mean():.3f} ± {values.std(ddof=1):.3f} | " in card
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    code = code.replace("/path/to/chaos-liver", str(ROOT)) + "print(type(network).__name__, card['seed'])"
    printed = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    assert printed.stdout.split()[1] == "1"
