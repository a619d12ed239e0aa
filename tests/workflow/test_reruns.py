"""What runs again after a change: exactly what depends on it, by content."""

import os
import time

import pytest
from conftest import SHEET, SMALL, write_sheet

from chaosliver.phantom import draw_archive

# Tables and figures that any experiment's result reaches.
SUMMARIES = {
    "collect_tables",
    "compare_experiments",
    "write_publication_table",
    "cross_sequence",
    "plot_dice",
    "plot_along_liver",
    "plot_volumes",
    "plot_learning_curve",
}
DRAWN = {"draw_triplets", "draw_overlays", "draw_contact_sheets"}
BELOW_PREDICTION = {"predict", "evaluate", "describe_model"} | DRAWN | SUMMARIES


def touch_all(folder):
    later = time.time() + 60
    for path in folder.rglob("*"):
        if ".snakemake" not in path.parts:
            os.utime(path, (later, later), follow_symlinks=False)


def test_touching_every_file_of_the_workflow_re_runs_nothing(finished):
    for part in ("Snakefile", "workflow", "config"):
        touch_all(finished.folder / part)
    os.utime(finished.folder / "Snakefile", (time.time() + 60,) * 2)
    assert finished.planned() == {}


def test_a_comment_or_a_docstring_re_runs_nothing(finished):
    finished.edit("workflow/scripts/chaosliver/masks.py", '"""From the ground', '# A remark.\n"""Made from the ground')
    finished.edit("workflow/scripts/train.py", '"""Train one network', '"""Fit one network')
    assert finished.planned() == {}


def test_an_edited_figure_re_runs_that_figure_and_its_reversal_nothing(finished):
    finished.edit("workflow/scripts/plot_training.py", "main(*, ", "main(*, unused: int = 0, ")
    assert finished.planned() == {"plot_training": 1}
    finished.edit("workflow/scripts/plot_training.py", "main(*, unused: int = 0, ", "main(*, ")
    assert finished.planned() == {}


def test_an_edited_library_module_re_runs_the_rules_that_reach_it_and_all_below(finished):
    finished.edit("workflow/scripts/chaosliver/surfaces.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    planned = finished.planned()
    assert "evaluate" in planned
    assert not {"predict", "train", "convert_images", "draw_triplets"} & set(planned)


def test_another_threshold_predicts_anew_and_trains_nothing(finished):
    finished.configure(experiments={"small": {"threshold": 0.4}})
    assert set(finished.planned()) == BELOW_PREDICTION


def test_another_grey_range_re_runs_masks_and_all_below_but_no_image(finished):
    finished.configure(grey_ranges={"liver": [56, 70]})
    planned = finished.planned()
    assert planned["extract_masks"] == 4
    assert planned["train"] == 2
    assert not {"unpack_patient", "inventory_patient", "convert_images"} & set(planned)


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


def test_two_changes_at_once_are_both_seen(finished):
    """A job that must run does not hide that another one below it has a reason of its own."""
    finished.edit("workflow/scripts/chaosliver/montage.py", "\n\n\n", "\n\n\nADDED = 1\n\n\n")
    finished.configure(experiments={"small": {"recipe": {"epochs": 2}}})
    planned = finished.planned()
    assert (planned["quality_control"], planned["train"]) == (1, 2)


def test_a_seed_added_trains_only_that_seed(finished):
    finished.configure(experiments={"small": {"seeds": [1, 2]}})
    planned = finished.planned()
    assert planned["train"] == 2
    assert not {"augment", "convert_images", "extract_masks"} & set(planned)


def test_a_deleted_table_or_index_is_made_again_with_what_is_below(finished):
    (finished.results / "dice/small/fold0_seed1.tsv").unlink()
    planned = finished.planned()
    assert planned["evaluate"] == 1 and "predict" not in planned and "collect_tables" in planned


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
