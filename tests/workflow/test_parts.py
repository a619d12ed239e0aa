"""A study takes from a server only what it needs of an archive, and more when its sheet asks for more."""

import zipfile

import pytest
from range_server import RangeServer
from workflow.conftest import SHEET, write_sheet

from chaosliver.acquire.phantom import draw_phantom

SEQUENCES = ["t1_in_phase"]


@pytest.fixture
def served(tmp_path):
    archive = tmp_path / "archive.zip"
    patients = [name for name, cohort in SHEET.items() if cohort == "development"]
    draw_phantom(
        archive=archive,
        receipt=tmp_path / "receipt",
        patients=patients,
        cohort="development",
        seed=1,
        ground_truth=True,
    )
    with zipfile.ZipFile(archive, "a") as opened:
        # What nobody needs, as the archive's CT.
        opened.writestr("Train_Sets/CT/1/DICOM_anon/i1.dcm", bytes(3_000_000))
    server = RangeServer(archive.read_bytes())
    yield server
    server.close()


def unpacked(study):
    return {
        path.relative_to(study.results).as_posix(): path.read_bytes()
        for patient in "1234"
        for path in sorted((study.results / f"raw/{patient}").rglob("*.*"))
        if path.suffix in (".dcm", ".png")
    }


def test_parts_of_an_archive_serve_as_the_whole(fresh, finished_once, served):
    whole = unpacked(finished_once)
    test = {"phantom": {"seed": 1}, "ground_truth": False}
    fresh.configure(archives={"development": {"url": served.url, "parts": True, "ground_truth": True}, "test": test})
    write_sheet(fresh.folder / "config/small.tsv", SHEET, "t1_in_phase")
    targets = [f"results/small/raw/{patient}.tsv" for patient in "1234"]
    fresh.succeed(*targets, NO_PROXY="*")
    part = unpacked(fresh)
    assert set(part) == {name for name in whole if "T1DUAL" in name and "OutPhase" not in name}
    assert all(whole[name] == content for name, content in part.items())
    assert served.sent < 0.8 * (len(served.content) - 3_000_000)
    served.sent = 0
    write_sheet(fresh.folder / "config/small.tsv", SHEET)
    assert fresh.planned(*targets)["download_parts"] == 1
    fresh.succeed(*targets, NO_PROXY="*")
    assert unpacked(fresh) == whole
    assert served.sent < 0.8 * (len(served.content) - 3_000_000)
    assert fresh.planned(*targets) == {}
