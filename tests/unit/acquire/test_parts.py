"""Parts of an archive, from a server on the loopback address that counts what it sends."""

import itertools
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from range_server import RangeServer

from chaosliver.acquire import parts
from chaosliver.acquire.answers import Patience
from chaosliver.acquire.archive import unpack_patient
from chaosliver.acquire.parts import download_parts, merged
from chaosliver.base.errors import InputError

QUICK = Patience(attempts=3, connect_s=10, stall_s=10, answer_s=30, pause_s=0.01)
FOLDERS = (
    "T1DUAL/DICOM_anon/InPhase",
    "T1DUAL/DICOM_anon/OutPhase",
    "T1DUAL/Ground",
    "T2SPIR/DICOM_anon",
    "T2SPIR/Ground",
)
T1, T2 = ["t1_in_phase"], ["t2_spir"]
SLICE_BYTES = 3000


def an_archive(seed=0):
    """Patients 1, 2 and 13 with three slices a folder, as a zip with a CT of a megabyte between and behind them."""
    draw = np.random.default_rng(seed)
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as opened:
        for patient in ("1", "2", "13"):
            for folder in FOLDERS:
                suffix = "png" if "Ground" in folder else "dcm"
                for number in range(3):
                    opened.writestr(f"Train_Sets/MR/{patient}/{folder}/IMG-{number}.{suffix}", draw.bytes(SLICE_BYTES))
            opened.writestr(f"Train_Sets/CT/{patient}/DICOM_anon/i1.dcm", draw.bytes(1_000_000))
    return written.getvalue()


CONTENT = an_archive()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    # A patient's folders are smaller here than the gap that a request is worth.
    monkeypatch.setattr(parts, "GAP_BYTES", 500)
    monkeypatch.setattr(parts, "BLOCK_BYTES", 1000)


@pytest.fixture
def server():
    server = RangeServer(CONTENT)
    yield server
    server.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "raw/development.parts.zip"


def fetch(server, target, patients, ground_truth=True):
    receipt = target.with_name("development.sha256")
    given = {"patients": patients, "ground_truth": ground_truth, "receipt": receipt, "patience": QUICK}
    download_parts(url=server.url, cohort="development", archive=target, **given)
    return receipt.read_text()


def unpacked(archive, folder, patient, sequences, ground_truth=True):
    unpack_patient(
        archive=archive,
        cohort="development",
        patient=patient,
        sequences=sequences,
        ground_truth=ground_truth,
        folder=folder / patient,
        index=folder / f"{patient}.tsv",
        listed=folder / f"{patient}.listed.tsv",
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.zip"
    path.write_bytes(CONTENT)
    return path


def test_what_is_unpacked_is_as_from_the_whole_archive_at_a_fraction_of_its_bytes(server, target, whole, tmp_path):
    fetch(server, target, {"1": T1, "13": T2})
    # Twelve slices and masks and the list; the archive has three megabytes.
    assert 12 * SLICE_BYTES < server.sent < 12 * SLICE_BYTES + 25_000
    for patient, sequences in (("1", T1), ("13", T2)):
        ours = unpacked(target, tmp_path / "ours", patient, sequences)
        assert ours == unpacked(whole, tmp_path / "theirs", patient, sequences)
    assert target.stat().st_size == len(CONTENT)
    # A hole takes no space on the disk.
    assert target.stat().st_blocks * 512 < len(CONTENT) / 5


def test_what_unpacking_needs_beyond_a_sequence_is_fetched_too(server, target, whole, tmp_path):
    """The ground truth of an out-of-phase image is found by the in-phase image beside it."""
    fetch(server, target, {"2": ["t1_out_of_phase"]})
    ours = unpacked(target, tmp_path / "ours", "2", ["t1_out_of_phase"])
    assert ours == unpacked(whole, tmp_path / "theirs", "2", ["t1_out_of_phase"])
    assert sum("InPhase/IMG" in name for name in ours) == 3


def test_masks_are_not_fetched_without_ground_truth(server, target, whole, tmp_path):
    fetch(server, target, {"1": T1}, ground_truth=False)
    assert server.sent < 3 * SLICE_BYTES + 20_000
    ours = unpacked(target, tmp_path / "ours", "1", T1, ground_truth=False)
    assert ours == unpacked(whole, tmp_path / "theirs", "1", T1, ground_truth=False)


def test_more_is_fetched_later_and_nothing_twice(server, target, whole, tmp_path):
    receipt = fetch(server, target, {"1": T1})
    server.asked, server.sent = [], 0
    assert fetch(server, target, {"1": [*T1, *T2], "2": T1}) == receipt
    assert 12 * SLICE_BYTES < server.sent < 12 * SLICE_BYTES + 20_000
    for patient, sequences in (("1", [*T1, *T2]), ("2", T1)):
        ours = unpacked(target, tmp_path / "ours", patient, sequences)
        assert ours == unpacked(whole, tmp_path / "theirs", patient, sequences)
    server.asked, server.sent = [], 0
    fetch(server, target, {"1": T1})
    # Which version the server has.
    assert server.asked == [(0, 0)]


def test_neighbouring_members_come_with_one_request(server, target):
    fetch(server, target, {"1": T1, "2": T1, "13": T1})
    # Version, end and list of the archive, and two folders of each patient, which others lie between.
    assert len(server.asked) <= 4 + 6


def test_the_receipt_is_of_what_the_archive_lists(server, target):
    receipt = fetch(server, target, {"1": T1})
    server.content, server.etag = an_archive(seed=1), '"two"'
    assert fetch(server, target, {"1": T1}) != receipt


def test_a_transfer_that_breaks_off_goes_on_where_it_was(server, target, whole, tmp_path):
    fetch(server, target, {"1": T1})
    usual = server.sent
    server.sent = 0
    server.break_after = [10**6, 10**6, 10**6, 4000, 2500]
    fetch(server, target.with_name("other.parts.zip"), {"1": T1})
    assert server.break_after == []
    assert server.sent == usual
    ours = unpacked(target.with_name("other.parts.zip"), tmp_path / "ours", "1", T1)
    assert ours == unpacked(whole, tmp_path / "theirs", "1", T1)


def test_what_arrived_before_a_stop_is_not_fetched_again(server, target, monkeypatch):
    fetch(server, target.with_name("other.parts.zip"), {"1": T1})
    usual, server.sent = server.sent, 0
    server.break_after = [10**6, 10**6, 10**6, 4000, 0, 0, 0]
    with pytest.raises(InputError, match=r"closed the connection too early\. What arrived is kept: run again to go on"):
        fetch(server, target, {"1": T1})
    fetch(server, target, {"1": T1})
    # But for the byte that tells which version the server has.
    assert server.sent == usual + 1


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(server, target, monkeypatch):
    waits = []
    monkeypatch.setattr(parts.time, "sleep", waits.append)
    server.statuses, server.retry_after = [429, 503], "7"
    fetch(server, target, {"1": T1})
    assert waits == [7, 7]
    server.statuses, server.retry_after = [429], "3600"
    with pytest.raises(InputError, match="429 Too Many Requests and asks to be left alone for 3600 s"):
        fetch(server, target, {"2": T1})


def test_a_server_that_sends_no_parts_is_named_with_the_remedy(server, target):
    server.ranges = False
    with pytest.raises(InputError, match=r"does not send parts of a file\. Set archives\.development\.parts to false"):
        fetch(server, target, {"1": T1})


def test_an_address_where_nothing_is_is_named(server, target):
    server.statuses = [404]
    with pytest.raises(InputError, match=r"answered 404 Not Found\. Correct the address in archives\.development\.url"):
        fetch(server, target, {"1": T1})


def test_a_zip_of_too_many_members_is_refused_before_any_is_fetched(server, target, monkeypatch):
    monkeypatch.setattr(parts, "MEMBERS_OF_ARCHIVE_AT_MOST", 3)
    with pytest.raises(InputError, match=r"members are too many\. Get the archive anew"):
        fetch(server, target, {"1": ["t2_spir"]})


def test_a_server_that_is_not_there_is_given_up(server, target):
    server.close()
    with pytest.raises(InputError, match=r"could not download http://127.*set archives\.development\.path"):
        fetch(server, target, {"1": T1})


def test_what_is_no_zip_is_told_and_fetched_anew_when_it_is_one(server, target):
    server.content = b"<!doctype html>" + bytes(100_000)
    with pytest.raises(InputError, match=r"archive\.zip: is a web page, not a zip file\. Correct the address"):
        fetch(server, target, {"1": T1})
    server.content = CONTENT[:100_015].replace(b"PK", b"XX")
    with pytest.raises(InputError, match="not a zip file"):
        fetch(server, target, {"1": T1})
    server.content = CONTENT
    fetch(server, target, {"1": T1})


def test_another_version_is_fetched_anew(server, target, tmp_path):
    fetch(server, target, {"1": T1})
    server.content, server.etag = an_archive(seed=1), '"two"'
    fetch(server, target, {"1": T1})
    other = tmp_path / "other.zip"
    other.write_bytes(server.content)
    assert unpacked(target, tmp_path / "ours", "1", T1) == unpacked(other, tmp_path / "theirs", "1", T1)


@pytest.mark.parametrize("etag", ["", 'W/"one"'])
def test_without_a_strong_tag_nothing_of_an_earlier_call_is_believed(server, target, etag):
    server.etag = etag
    fetch(server, target, {"1": T1})
    usual, server.sent = server.sent, 0
    fetch(server, target, {"1": T1})
    assert server.sent == usual


def test_a_version_that_changes_in_the_midst_is_refused(server, target):
    answer, asked = server.answer, []

    def changing(request):
        asked.append(1)
        if len(asked) == 4:
            server.content, server.etag = an_archive(seed=1), '"two"'
        answer(request)

    server.answer = changing
    with pytest.raises(InputError, match=r"changed on the server meanwhile\. Run again to fetch its parts anew"):
        fetch(server, target, {"1": T1})
    fetch(server, target, {"1": T1})


def test_a_member_that_arrives_damaged_is_named_and_alone_fetched_anew(server, target, whole, tmp_path):
    with zipfile.ZipFile(whole) as opened:
        name = "Train_Sets/MR/1/T1DUAL/Ground/IMG-1.png"
        at = opened.getinfo(name).header_offset + 1500
    server.content = bytearray(CONTENT)
    server.content[at] ^= 1
    with pytest.raises(InputError, match=rf"its member {name} arrived damaged .*Run again to fetch it anew"):
        fetch(server, target, {"1": T1})
    server.content, server.sent = CONTENT, 0
    fetch(server, target, {"1": T1})
    assert SLICE_BYTES < server.sent < 2 * SLICE_BYTES
    assert unpacked(target, tmp_path / "ours", "1", T1) == unpacked(whole, tmp_path / "theirs", "1", T1)


def test_a_full_disk_is_told_before_anything_is_fetched(server, target, monkeypatch):
    monkeypatch.setattr("chaosliver.acquire.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(InputError, match="the disk is full"):
        fetch(server, target, {"1": T1})


def test_a_patient_who_is_not_there_is_named_when_unpacked(server, target, tmp_path):
    fetch(server, target, {"1": T1, "40": T1})
    with pytest.raises(InputError, match="lacks patient 40"):
        unpacked(target, tmp_path / "ours", "40", T1)


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda each: (each[0], each[0] + each[1])))


def numbers(spans):
    return {number for start, stop in spans for number in range(start, stop)}


@given(SPANS, st.integers(0, 5))
def test_merged_spans_hold_the_same_and_gaps_that_are_small(spans, gap):
    found = merged(spans, gap)
    assert all(later[0] - earlier[1] > gap for earlier, later in itertools.pairwise(found))
    assert numbers(spans) <= numbers(found)
    assert all(min(abs(number - held) for held in numbers(spans)) <= gap for number in numbers(found) - numbers(spans))


@given(SPANS, st.tuples(st.integers(0, 60), st.integers(1, 20)))
def test_what_is_missing_is_what_no_span_holds(spans, part):
    span = (part[0], part[0] + part[1])
    left = [span]
    for own in spans:
        left = [rest for each in left for rest in parts._without(each, own)]
    assert numbers(left) == numbers([span]) - numbers(spans)
    assert sum(stop - start for start, stop in left) == len(numbers(left))
