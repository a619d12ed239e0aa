"""Memory that runs out, and threads and files that come late or not at all, while a job runs."""

import shutil
import subprocess

import pytest
from faults.conftest import SHIM, contents, told_last

pytestmark = pytest.mark.faults

CARD = "results/small/models/small/fold0_seed1/card.json"


@pytest.fixture
def untrained(broken):
    shutil.rmtree(broken.results / "checkpoints/small")
    (broken.folder / CARD).unlink()
    return broken


def test_a_training_that_the_memory_killer_ends_is_told_so_and_goes_on(untrained, undisturbed):
    """As the kernel does: SIGKILL, and no word of ours. The fifth write begins the checkpoint of the second epoch."""
    environment = untrained.arm(strikes={"train": {"at": 5, "signal": 9}})
    said = untrained.fail("--", CARD, **environment)
    assert told_last(said).startswith("ERROR train/small/fold0_seed1: ") and "memory" in told_last(said)
    assert not (untrained.folder / CARD).exists()
    untrained.succeed("--rerun-incomplete", "--", CARD)
    assert "going on after epoch" in (untrained.results / "logs/train/small/fold0_seed1.log").read_text()
    assert contents(untrained.results) == contents(undisturbed.results)


def test_memory_that_a_limit_denies_is_told_in_one_line(untrained, undisturbed):
    """A limit on the address space, such as `ulimit -v`, of little more than torch alone takes."""
    said = untrained.fail("--", CARD, **untrained.arm(memory={"train": 640 << 20}))
    assert not (untrained.folder / CARD).exists()
    assert told_last(said).startswith("ERROR train/small/fold0_seed1: "), said[-3000:]
    untrained.succeed("--rerun-incomplete", "--", CARD)
    assert contents(untrained.results) == contents(undisturbed.results)


def test_a_loaders_thread_that_dies_stops_the_training_by_name(untrained, undisturbed, tmp_path):
    """With so little memory that slices are read by threads while it trains; the disk fails under one of them."""
    compiler = shutil.which("cc") or pytest.skip("a C compiler makes the disk that fails")
    library = tmp_path / "disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SHIM / "disk.c", "-ldl"], check=True)
    asked = ("--set-resources", "train:mem_mb=0", "--", CARD)
    # The indexes and the ranges of the grey values are read first.
    said = untrained.fail(*asked, DISK_FAULT="read:5:80:/augmented/", LD_PRELOAD=str(library))
    assert "Input/output error" in told_last(said) and "augmented" in told_last(said)
    assert "streaming them" in (untrained.results / "logs/train/small/fold0_seed1.log").read_text()
    untrained.succeed("--rerun-incomplete", "--", CARD)
    assert contents(untrained.results) == contents(undisturbed.results)


@pytest.mark.parametrize(("waits", "ends_well"), [(20, True), (1, False)], ids=["within_latency_wait", "beyond_it"])
def test_outputs_that_appear_late_are_waited_for_as_long_as_was_said(broken, undisturbed, waits, ends_well):
    """As on a network file system, where another machine sees a new file only after seconds."""
    table = "results/small/inventory/1.pairs.tsv"
    (broken.folder / table).unlink()
    asked = ("--latency-wait", str(waits), "--", table)
    environment = broken.arm(late={"pair_slices": 4.0})
    said = broken.run(*asked, **environment)
    assert (said.returncode == 0) == ends_well, said.stdout
    if not ends_well:
        assert "latency-wait" in said.stdout
        broken.succeed("--rerun-incomplete", "--", table)
    assert contents(broken.results) == contents(undisturbed.results)
