"""What Snakemake notes for itself, damaged or gone, and results that vanish or shrink behind its back."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from faults.conftest import TARGETS, contents

pytestmark = pytest.mark.faults


def truncate_half(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


# Each leaves `.snakemake` as a kill at a bad moment does.
NOTES = {
    "half_metadata": lambda notes: truncate_half(notes / "metadata"),
    "empty_metadata": lambda notes: [
        os.truncate(path, 0) for path in (notes / "metadata").rglob("*") if path.is_file()
    ],
    "half_of_what_is_incomplete": lambda notes: truncate_half(notes / "incomplete"),
    "no_metadata": lambda notes: shutil.rmtree(notes / "metadata"),
    "no_notes_at_all": lambda notes: shutil.rmtree(notes),
}


@pytest.mark.parametrize("damage", NOTES)
def test_a_kill_while_snakemake_writes_its_notes_costs_no_result(broken, undisturbed, damage):
    """A job is killed with Snakemake, and the notes are damaged: the README's restart makes it again, and it alone."""
    figure = "results/small/figures/dice.png"
    (broken.folder / figure).unlink()
    environment = broken.arm(strikes={"plot_dice": {"at": 2, "torn": 0.5, "signal": 9, "group": True}})
    broken.start("--", figure, **environment)
    assert broken.struck() == {"plot_dice"} and not (broken.folder / figure).exists()
    NOTES[damage](broken.folder / ".snakemake")
    broken.succeed("--unlock", *TARGETS)
    broken.succeed("--rerun-incomplete", *TARGETS)
    assert contents(broken.results) == contents(undisturbed.results)
    assert broken.planned(*TARGETS) == {}


def test_stale_locks_are_refused_with_the_remedy_which_works(broken):
    index = "results/small/masks/liver/t1_in_phase/1.tsv"
    (broken.folder / index).unlink()
    environment = broken.arm(strikes={"extract_masks": {"at": 5, "signal": 9, "group": True}})
    broken.start("--", index, **environment)
    said = broken.fail("--rerun-incomplete", "--", index)
    assert "Directory cannot be locked" in said and "--unlock" in said
    broken.succeed("--unlock", "--", index)
    said = broken.fail("--", index)
    assert "incomplete" in said and "--rerun-incomplete" in said
    broken.succeed("--rerun-incomplete", "--", index)


@pytest.mark.parametrize(
    "what", ["png/8bit/t1_in_phase/3", "masks/liver/t1_in_phase/3.tsv"], ids=["images", "an_index"]
)
def test_a_result_deleted_while_the_study_runs_is_named_and_made_again(broken, undisturbed, what):
    shutil.rmtree(broken.results / "checkpoints/small")
    card = "results/small/models/small/fold0_seed1/card.json"
    augmented = "augmented/augmentor/8bit/liver/t1_in_phase/holdout_fold0.tsv"
    (broken.folder / card).unlink()
    (broken.results / augmented).unlink()
    command = [sys.executable, "-m", "snakemake", "--configfile", broken.config, "--cores", "1", "--", card]
    running = subprocess.Popen(command, cwd=broken.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = broken.results / "logs/augment/augmentor/8bit/liver/t1_in_phase/holdout_fold0.log"
    began = log.stat().st_mtime_ns
    while running.poll() is None and (not log.exists() or log.stat().st_mtime_ns == began):
        time.sleep(0.02)
    lost = broken.results / what
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    said = running.communicate(timeout=300)[0]
    # Had everything been read before, nothing is missing until the next call.
    if running.returncode:
        assert (
            "is missing" in said
            or "no such" in said.lower()
            or "Missing files" in said
            or "Missing input files" in said
        ), said
    index = lost.with_suffix(".tsv") if lost.suffix != ".tsv" else lost
    index.unlink(missing_ok=True)
    broken.succeed("--rerun-incomplete", "--", card)
    assert contents(broken.results) == contents(undisturbed.results)


AUGMENTED = "augmented/augmentor/8bit/liver/t1_in_phase/holdout_fold0.tsv"
CARD = "models/small/fold0_seed1/card.json"
# A result that is cut to nothing between two calls, and what is made of it.
EMPTIED = {
    "raw_index": ("raw/1.tsv", "png/8bit/t1_in_phase/1.tsv"),
    "pairs": ("inventory/1.pairs.tsv", "png/8bit/t1_in_phase/1.tsv"),
    "image_index": ("png/8bit/t1_in_phase/3.tsv", AUGMENTED),
    "augmented_index": (AUGMENTED, CARD),
    "card": (CARD, "predictions/small/fold0_seed1.tsv"),
    "weights": ("models/small/fold0_seed1/weights.safetensors", "predictions/small/fold0_seed1.tsv"),
    "prediction_index": ("predictions/small/fold0_seed1.tsv", "dice/small/fold0_seed1.tsv"),
    "scores": ("dice/small/fold0_seed1.tsv", "tables/patients.tsv"),
    "table": ("tables/patients.tsv", "figures/dice.png"),
}


@pytest.mark.parametrize("what", EMPTIED)
def test_a_result_cut_to_nothing_between_two_calls_is_never_taken_for_one(broken, undisturbed, what):
    emptied, made_of_it = (broken.results / name for name in EMPTIED[what])
    asked = str(made_of_it.relative_to(broken.folder))
    emptied.write_bytes(b"")
    said = broken.fail("--forcerun", asked, "--", asked)
    told = said[said.rindex("ERROR ") :]
    assert emptied.name in told and "Traceback" not in said, said[-3000:]
    emptied.unlink()
    broken.succeed("--rerun-incomplete", "--", asked)
    # Outputs of a job that failed on the way, and that are not asked for, come back with the next call.
    expected, made = contents(undisturbed.results), contents(broken.results)
    assert made == {name: digest for name, digest in expected.items() if name in made}
    assert EMPTIED[what][1] in made


def test_a_damaged_index_is_named_with_the_command_that_makes_it_again(broken, undisturbed):
    index = broken.results / "masks/liver/t1_in_phase/3.tsv"
    lines = index.read_text().splitlines()
    index.write_text(
        "\n".join([lines[0], lines[1].replace(lines[1].split("\t")[1][:8], "00000000"), *lines[2:]]) + "\n"
    )
    asked = f"results/small/{AUGMENTED}"
    said = broken.fail("--forcerun", asked, "--", asked)
    assert f"rm {index.relative_to(broken.folder)}" in said
    index.unlink()
    broken.succeed("--rerun-incomplete", "--", asked)
    assert contents(broken.results) == contents(undisturbed.results)
