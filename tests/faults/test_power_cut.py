"""After a power cut, which loses whatever was not forced to disk, the README's restart ends with the same bytes."""

import json
import random
import shutil
import signal

import pytest
from faults.conftest import SEED, TARGETS, contents, everything, writes_of
from faults.powercut import lose_unsynced

pytestmark = pytest.mark.faults

# What is made anew, in the study's results, and what is deleted for it. Cut as soon as Snakemake has ended.
MADE = {
    "unpack": ("raw/1.tsv", "raw/1"),
    "PNG": ("png/8bit/t1_in_phase/1.tsv", "png/8bit/t1_in_phase/1"),
    "masks": ("masks/liver/t1_in_phase/2.tsv", "masks/liver/t1_in_phase/2"),
    "augment": (
        "augmented/augmentor/8bit/liver/t1_in_phase/holdout_fold0.tsv",
        "augmented/augmentor/8bit/liver/t1_in_phase/holdout_fold0",
    ),
    "train": ("models/small/fold0_seed1/card.json", "checkpoints/small/fold0_seed1"),
    "predict": ("predictions/small/fold0_seed1.tsv", "predictions/small/fold0_seed1"),
    "tables": ("tables/patients.tsv", "tables/slices.tsv"),
    "pictures": ("figures/worst_patients/small.png", "figures/contact_sheets/small"),
    "pack": ("model", "model"),
    "viewer": ("viewer", "viewer"),
    "crate": ("crate", "crate"),
    "submission": ("submission/contents.tsv", "submission/chaos_task3.zip"),
}
CUTS = 8


def delete(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.parametrize("made", MADE)
def test_a_cut_right_after_a_step_loses_no_result_and_no_half_file_is_taken(broken, made):
    expected = contents(broken.results)
    target, deleted = (broken.results / name for name in MADE[made])
    delete(target)
    delete(deleted)
    journal = broken.state_folder / "journal"
    name = str(target.relative_to(broken.folder))
    broken.succeed("--", name, **broken.arm(journal=str(journal)))
    assert json.loads(journal.read_text().splitlines()[0])
    lost = lose_unsynced(journal, random.Random(SEED))
    # At least what Snakemake notes for itself.
    assert lost
    broken.succeed("--unlock", "--", name)
    broken.succeed("--rerun-incomplete", "--", name)
    assert contents(broken.results) == expected, lost


def test_cuts_in_the_midst_of_a_study_lose_nothing_that_was_whole(undisturbed, tmp_path):
    """Snakemake and all its jobs end at once, at a write of one of the jobs."""
    study = everything(tmp_path / "study")
    journal, chance = study.state_folder / "journal", random.Random(SEED)
    counts = writes_of(undisturbed)
    for rule in chance.sample(sorted(counts), CUTS):
        strike = {"at": chance.randint(1, counts[rule]), "signal": signal.SIGKILL, "group": True}
        journal.unlink(missing_ok=True)
        environment = study.arm(journal=str(journal), strikes={rule: strike})
        study.start("--rerun-incomplete", "--resources", "gpu=2", *TARGETS, **environment)
        lost = lose_unsynced(journal, chance)
        print(rule, strike["at"], rule in study.struck(), lost)
        study.succeed("--unlock", *TARGETS)
    study.succeed("--rerun-incomplete", "--resources", "gpu=2", *TARGETS)
    assert contents(study.results) == contents(undisturbed.results)
    assert study.planned(*TARGETS) == {}
