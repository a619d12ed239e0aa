"""Slow and faulty servers at the download, through Snakemake: the archive arrives whole, or one line says why not."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from faults.conftest import SHIM, Faulty, told_last
from faults.servers import Server, begin, refuse, send
from workflow.conftest import SMALL

from chaosliver.base.files import sha256_of

pytestmark = pytest.mark.faults

TARGET = "results/fetched/raw/development.zip"


@pytest.fixture
def fetching(undisturbed, tmp_path):
    """A study that downloads an archive from a server of the given behaviour."""
    study = Faulty(tmp_path / "study", undisturbed.config)
    shutil.copytree(undisturbed.folder, study.folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    content = (undisturbed.results / "raw/development.zip").read_bytes()

    def configure(behave) -> Server:
        server = Server(content, behave)
        source = {"url": server.url, "sha256": sha256_of(undisturbed.results / "raw/development.zip")}
        archives = {"development": {**source, "phantom": None}, "test": SMALL["archives"]["test"]}
        study.configure(archives=archives, results="results/fetched")
        return server

    return study, configure, content


def behaviours(content):
    def stalls(handler, number):
        if number > 1:
            return False
        begin(handler, content)
        send(handler, content, until=0.5)
        handler.wfile.flush()
        time.sleep(45)
        return True

    def trickles(handler, number):
        begin(handler, content)
        send(handler, content, pause_s=5 / max(1, len(content) // (1 << 14)))
        return True

    def asks_to_wait(handler, number):
        if number > 1:
            return False
        refuse(handler, 429, Retry_After="2")
        return True

    def breaks_off(handler, number):
        if number > 2:
            return False
        begin(handler, content)
        send(handler, content, until=number / 3)
        handler.close_connection = True
        return True

    return {"stall": stalls, "trickle": trickles, "429": asks_to_wait, "breaks_off": breaks_off}


@pytest.mark.parametrize("behaviour", ["stall", "trickle", "429", "breaks_off"])
def test_a_slow_or_unwilling_server_is_waited_for_and_the_archive_arrives_whole(fetching, behaviour):
    study, configure, content = fetching
    with configure(behaviours(content)[behaviour]).running() as server:
        study.succeed("--", TARGET)
    assert (study.folder / TARGET).read_bytes() == content
    if behaviour in ("stall", "breaks_off"):
        assert server.ranges[-1] is not None


def test_a_redirect_to_another_server_is_followed_and_what_comes_is_checked(fetching):
    study, configure, content = fetching
    with Server(content, lambda *_: False).running() as other:

        def sends_on(handler, number):
            refuse(handler, 302, Location=other.url)
            return True

        with configure(sends_on).running():
            study.succeed("--", TARGET)
        assert (study.folder / TARGET).read_bytes() == content
        (study.folder / TARGET).chmod(0o644)
        (study.folder / TARGET).unlink()
        other.content = content[:-1] + b"x"
        with configure(sends_on).running():
            said = study.fail("--", TARGET)
    assert "wrong checksum" in said and not (study.folder / TARGET).exists()


def test_a_redirect_to_another_host_of_a_private_network_is_told_and_not_followed(fetching):
    study, configure, content = fetching
    with Server(content, lambda *_: False).running() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")

        def sends_on(handler, number):
            refuse(handler, 302, Location=elsewhere)
            return True

        with configure(sends_on).running():
            said = study.fail("--", TARGET)
        assert f"redirects to {elsewhere}, which is not followed: it lies in a private network" in said
        assert other.ranges == [] and not (study.folder / TARGET).exists()


def test_a_proxy_that_cuts_is_resumed_and_one_that_alters_is_found(fetching):
    study, configure, content = fetching

    def cuts(handler, number):
        if number > 1:
            return False
        begin(handler, content)
        send(handler, content, until=0.6)
        handler.close_connection = True
        return True

    with configure(lambda *_: False).running(), Server(content, cuts).running() as proxy:
        study.succeed("--", TARGET, http_proxy=proxy.url.removesuffix("/CHAOS.zip"), no_proxy="")
        assert (study.folder / TARGET).read_bytes() == content
        assert proxy.ranges[0] is None and proxy.ranges[1] is not None
        (study.folder / TARGET).chmod(0o644)
        (study.folder / TARGET).unlink()
        proxy.content = content.replace(content[1000:1004], bytes(4))
        said = study.fail("--", TARGET, http_proxy=proxy.url.removesuffix("/CHAOS.zip"), no_proxy="")
        assert "wrong checksum" in said and not (study.folder / TARGET).exists()
        # Without it the same command fetches all anew.
        study.succeed("--", TARGET)
    assert (study.folder / TARGET).read_bytes() == content


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_download_that_is_killed_goes_on_where_it_was(fetching, number):
    study, configure, content = fetching

    def sends_half_and_kills(handler, asked):
        if asked > 1:
            return False
        begin(handler, content)
        send(handler, content, until=0.5)
        partial = (study.folder / TARGET).with_name("development.zip.partial")
        while not partial.is_file() or partial.stat().st_size < len(content) // 3:
            time.sleep(0.05)
        os.killpg(study.running.pid, number)
        time.sleep(5)
        return True

    with configure(sends_half_and_kills).running() as server:
        study.start("--", TARGET)
        assert not (study.folder / TARGET).exists()
        study.succeed("--unlock", "--", TARGET)
        study.succeed("--rerun-incomplete", "--", TARGET)
    assert (study.folder / TARGET).read_bytes() == content
    assert server.ranges[0] is None and server.ranges[1] is not None


@pytest.mark.parametrize(
    "fault", ["write:28:3", "write:122:3", "open:30:0", "read:5:0"], ids=["full", "quota", "read_only", "read_error"]
)
def test_a_disk_that_fails_during_a_download_is_told_and_the_archive_arrives_later(fetching, tmp_path, fault):
    compiler = shutil.which("cc") or pytest.skip("a C compiler makes the disk that fails")
    library = tmp_path / "disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SHIM / "disk.c", "-ldl"], check=True)
    study, configure, content = fetching
    with configure(lambda *_: False).running():
        said = study.fail("--", TARGET, DISK_FAULT=f"{fault}:/raw/", LD_PRELOAD=str(library))
        assert told_last(said).startswith("ERROR download_archive/development: ")
        assert "Traceback" not in said and not (study.folder / TARGET).exists()
        study.succeed("--", TARGET)
    assert (study.folder / TARGET).read_bytes() == content
