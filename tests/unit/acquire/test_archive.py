"""Zips and folders laid out as the CHAOS archive, whole, incomplete, damaged and hostile."""

import contextlib
import errno
import hashlib
import os
import random
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chaosliver.acquire import archive as archives
from chaosliver.acquire import disk
from chaosliver.acquire.archive import (
    check_archive,
    open_archive,
    patient_sheet,
    sequences_by_patient,
    unpack_patient,
)
from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of
from chaosliver.base.indexes import read_index

SCRIPTS = Path(archives.__file__).parents[2]
SAMPLE_SHA256 = "974a5c8194242a3fc8f49f7e6c0ebb0545dbbc67fed9927201ea8e4ccd3ecbeb"
ROOTS = ["Train_Sets/", "CHAOS_Train_Sets/Train_Sets/", "Test_Sets/", "CHAOS_Test_Sets/Test_Sets/", ""]
T1 = ["T1DUAL/DICOM_anon/InPhase/IMG-0004-00002.dcm", "T1DUAL/Ground/IMG-0004-00002.png"]
T1_OUT = ["T1DUAL/DICOM_anon/OutPhase/IMG-0004-00001.dcm"]
T2 = ["T2SPIR/DICOM_anon/IMG-0002-00001.dcm", "T2SPIR/Ground/IMG-0002-00001.png"]
PATIENTS = {"10": [*T1, *T1_OUT, *T2], "2": [*T1, *T2], "1": [*T1, *T1_OUT, *T2]}
NOISE = [
    "CT/1/DICOM_anon/i0000,0000b.dcm",
    "CT/1/Ground/liver_GT_000.png",
    "MR/1/.DS_Store",
    "MR/1/T2SPIR/Ground/.DS_Store",
    "MR/1/T2SPIR/Ground/Thumbs.db",
    "MR/1/T2SPIR/notes.txt",
    "MR/readme.txt",
]


def content_of(name: str) -> bytes:
    return random.Random(name).randbytes(300)


def tree(root: str = "Train_Sets/") -> dict[str, bytes]:
    """Every file of a small archive by its name."""
    names = [f"{root}MR/{patient}/{file}" for patient, files in PATIENTS.items() for file in files]
    return {name: content_of(name) for name in [*names, *(root + name for name in NOISE)]}


def as_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            add(archive, name, content)
    return path


def add(archive: zipfile.ZipFile, name: str, content: bytes = b"x", mode: int = 0) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # the constructor would mend a hostile name
    info.external_attr = mode << 16
    archive.writestr(info, content, zipfile.ZIP_DEFLATED)


def as_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def unpack(archive: Path, patient: str, sequences: list[str], folder: Path, *, ground_truth: bool = True) -> list[str]:
    """Unpack a patient to `folder`; the files that its index lists."""
    index = folder.with_name(f"{folder.name}.tsv")
    unpack_patient(
        archive=archive,
        cohort="development",
        patient=patient,
        sequences=sequences,
        ground_truth=ground_truth,
        folder=folder,
        index=index,
    )
    return [row["file"] for row in read_index(index, folder)]


@pytest.fixture(params=["zip", "folder"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def make(kind: str, path: Path, files: Mapping[str, bytes]) -> Path:
    return as_zip(path / "CHAOS.zip", files) if kind == "zip" else as_folder(path / "CHAOS", files)


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_gives_the_same_patients(tmp_path: Path, kind: str, root: str) -> None:
    path = make(kind, tmp_path, tree(root) | {"__MACOSX/MR/1/T2SPIR/Ground/x.png": b"x"})
    with open_archive(path) as archive:
        assert [(m.patient, m.file) for m in archive.members] == [
            (patient, file) for patient in ("1", "2", "10") for file in sorted(PATIENTS[patient])
        ]
        assert {m.bytes for m in archive.members} == {300}
        assert all(m.name == f"{root}MR/{m.patient}/{m.file}" for m in archive.members)
        assert sequences_by_patient(archive) == {
            "1": ["t1_in_phase", "t1_out_of_phase", "t2_spir"],
            "2": ["t1_in_phase", "t2_spir"],
            "10": ["t1_in_phase", "t1_out_of_phase", "t2_spir"],
        }


def test_folder_that_is_mr_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = as_folder(tmp_path / "CHAOS", tree()) / "Train_Sets" / "MR"
    with open_archive(folder) as archive:
        assert [m.patient for m in archive.members][-1] == "10"
    monkeypatch.chdir(folder)
    with open_archive(Path()) as archive:
        assert archive.open(archive.members[0]).read() == content_of(f"Train_Sets/MR/1/{archive.members[0].file}")


def test_links_in_a_folder_are_followed(tmp_path: Path) -> None:
    files = as_folder(tmp_path / "store", tree())
    (tmp_path / "linked" / "MR").mkdir(parents=True)
    (tmp_path / "linked" / "MR" / "7").symlink_to(files / "Train_Sets" / "MR" / "2")
    with open_archive(tmp_path / "linked") as archive:
        assert list(sequences_by_patient(archive)) == ["7"]


def test_only_wanted_patients_and_sequences_are_unpacked(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, tree())
    assert unpack(path, "2", ["t2_spir"], tmp_path / "2") == sorted(T2)
    # The out-of-phase images find their ground truth by the in-phase ones.
    assert unpack(path, "10", ["t1_out_of_phase"], tmp_path / "10") == sorted([*T1, *T1_OUT])
    assert unpack(path, "2", ["t2_spir"], tmp_path / "x", ground_truth=False) == [T2[0]]
    assert not (tmp_path / "1").exists()


def test_zip_and_folder_give_the_same_bytes(tmp_path: Path) -> None:
    indexes = []
    for kind in ("zip", "folder"):
        unpack(make(kind, tmp_path, tree()), "1", ["t1_in_phase", "t2_spir"], tmp_path / "raw" / kind)
        indexes.append((tmp_path / "raw" / f"{kind}.tsv").read_text())
    assert indexes[0] == indexes[1]


def test_unpacks_one_patient_and_indexes_it(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "raw" / "2"
    listed = unpack(make(kind, tmp_path, tree()), "2", ["t1_in_phase", "t2_spir"], folder)
    found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert found == {file: content_of(f"Train_Sets/MR/2/{file}") for file in PATIENTS["2"]}
    assert listed == sorted(PATIENTS["2"])


@pytest.mark.parametrize(
    ("patient", "lacks"),
    [
        ("38", "lacks patient 38, which"),
        ("2", "lacks T1DUAL/DICOM_anon/OutPhase of patient 2, which"),
        ("10", "lacks T2SPIR/Ground of patient 10, which"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, kind: str, patient: str, lacks: str) -> None:
    files = {name: content for name, content in tree().items() if "MR/10/T2SPIR/Ground" not in name}
    path = make(kind, tmp_path, files)
    with pytest.raises(InputError) as raised:
        unpack(path, patient, ["t1_out_of_phase", "t2_spir"], tmp_path / "raw")
    for told in (str(path), lacks, "key `patients`", "development cohort", "write_patient_sheet.py"):
        assert told in str(raised.value)
    assert not (tmp_path / "raw.tsv").exists()


def test_checksum_of_a_zip_is_held_to_and_of_a_folder_is_not_asked(tmp_path: Path) -> None:
    path, receipt = as_zip(tmp_path / "a.zip", tree()), tmp_path / "raw" / "test.sha256"
    found = sha256_of(path)
    for expected in (found.upper(), None):
        check_archive(archive=path, cohort="test", sha256=expected, receipt=receipt)
        assert receipt.read_text() == f"{found}\n"
    receipt.unlink()
    with pytest.raises(InputError, match=r"set archives\.test\.sha256 .*or to null") as raised:
        check_archive(archive=path, cohort="test", sha256="0" * 64, receipt=receipt)
    assert found in str(raised.value)
    assert "0" * 64 in str(raised.value)
    assert not receipt.exists()
    folder = as_folder(tmp_path / "b", tree())
    check_archive(archive=folder, cohort="test", sha256="0" * 64, receipt=receipt)
    assert receipt.read_text() == "a folder\n"


def test_no_archive_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such zip file or folder"), open_archive(tmp_path / "absent.zip"):
        pass
    (tmp_path / "page.zip").write_bytes(b"<html></html>")
    with pytest.raises(InputError, match=r"page\.zip: not a zip file"), open_archive(tmp_path / "page.zip"):
        pass
    with pytest.raises(InputError, match=r"holds no MR patient.*Train_Sets/MR/<patient>"), open_archive(tmp_path):
        pass
    ct = as_zip(tmp_path / "ct.zip", {"Train_Sets/CT/1/DICOM_anon/a.dcm": b"x"})
    with pytest.raises(InputError, match=r"ct\.zip: holds no MR patient"), open_archive(ct):
        pass


def test_a_patient_in_two_places_is_refused(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, tree() | tree("CHAOS_Train_Sets/Train_Sets/"))
    with pytest.raises(InputError, match=r"in both (CHAOS_Train_Sets/)?Train_Sets/MR and "), open_archive(path):
        pass


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_zip_cut_short(tmp_path: Path, share: float) -> None:
    path = as_zip(tmp_path / "a.zip", tree())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"a\.zip: not a zip file, or one cut short"), open_archive(path):
        pass


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "Train_Sets/MR/1/T2SPIR/Ground/../../../../../../evil.png",
        "Train_Sets/MR/../T2SPIR/Ground/evil.png",
        "/Train_Sets/MR/1/T2SPIR/Ground/evil.png",
        "Train_Sets/MR/1/T2SPIR/Ground/..\\evil.png",
        "C:/Train_Sets/MR/1/T2SPIR/Ground/evil.png",
        "Train_Sets/MR/1/T2SPIR/Ground/\nevil.png",
        "Train_Sets/MR/1/T2SPIR/Ground/evil\0.png",
        "Train_Sets/MR//T2SPIR/Ground/evil.png",
        "Train_Sets/CT/../../evil.png",
    ],
)
def test_hostile_name_is_refused(tmp_path: Path, name: str) -> None:
    path = as_zip(tmp_path / "a.zip", tree() | {name: b"x"})
    with pytest.raises(InputError, match=r"a\.zip: refused because of its member .*evil"), open_archive(path):
        pass


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_link_or_device_is_refused(tmp_path: Path, mode: int) -> None:
    path = as_zip(tmp_path / "a.zip", tree())
    with zipfile.ZipFile(path, "a") as archive:
        add(archive, "Train_Sets/MR/1/T2SPIR/Ground/evil.png", b"/etc/passwd", mode | 0o777)
    with pytest.raises(InputError, match=r"evil.*link or a device"), open_archive(path):
        pass


@pytest.mark.parametrize("name", ["a.png", "A.png"])
def test_name_given_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = as_zip(tmp_path / "a.zip", {"Train_Sets/MR/1/T2SPIR/Ground/a.png": b"x"})
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "a") as archive:
        add(archive, f"Train_Sets/MR/1/T2SPIR/Ground/{name}")
    with pytest.raises(InputError, match=r"given twice"), open_archive(path):
        pass


def patched(path: Path, offset: int, value: int) -> None:
    """Set one byte of each entry in a zip's directory."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\1\2")
    while at >= 0:
        content[at + offset] = value
        at = content.find(b"PK\1\2", at + 1)
    path.write_bytes(content)


def test_encrypted_and_unknown_compression_are_refused(tmp_path: Path) -> None:
    for offset, value, cause in ((8, 1, "encrypted"), (10, 9, "compression")):
        path = as_zip(tmp_path / "a.zip", tree())
        patched(path, offset, value)
        with pytest.raises(InputError, match=cause), open_archive(path):
            pass


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = as_zip(tmp_path / "a.zip", {"MR/1/T2SPIR/Ground/a.png": bytes(20 << 20)})
    with pytest.raises(InputError, match=r"unpack to 20,971,520"), open_archive(bomb):
        pass
    plain = as_zip(tmp_path / "b.zip", tree())
    for limit, value, cause in (
        ("MEMBER_BYTES_AT_MOST", 299, "far more than any image"),
        ("TOTAL_BYTES_AT_MOST", 900, "no archive of images"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(archives, limit, value)
            with pytest.raises(InputError, match=cause), open_archive(plain):
                pass


def declare(path: Path, sizes: Mapping[str, int]) -> None:
    """Set the sizes that a zip's directory declares for its members."""
    content = bytearray(path.read_bytes())
    for name, size in sizes.items():
        # In the directory a name stands 46 bytes after its entry's beginning, and the size 24 bytes after it.
        entry = content.rfind(name.encode()) - 46
        assert content[entry : entry + 4] == b"PK\1\2"
        content[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    path.write_bytes(content)


def refused(path: Path) -> bool:
    try:
        with open_archive(path):
            return False
    except InputError:
        return True


def test_a_member_may_have_64_mib_and_no_byte_more(tmp_path: Path) -> None:
    name = "MR/1/T2SPIR/Ground/a.png"
    path = as_zip(tmp_path / "a.zip", {name: b"x", "MR/1/T2SPIR/Ground/b.png": random.Random(1).randbytes(400_000)})
    declare(path, {name: 64 << 20})
    assert not refused(path)
    declare(path, {name: (64 << 20) + 1})
    assert refused(path)


def test_an_archive_may_unpack_to_200_times_its_bytes_and_no_byte_more(tmp_path: Path) -> None:
    name = "MR/1/T2SPIR/Ground/a.png"
    path = as_zip(tmp_path / "a.zip", {name: b"x" * 1000})
    declare(path, {name: 200 * path.stat().st_size})
    assert not refused(path)
    declare(path, {name: 200 * path.stat().st_size + 1})
    assert refused(path)


def test_an_archive_may_unpack_to_8_gib_and_no_byte_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "RATIO_AT_MOST", 1 << 40)
    names = [f"MR/1/T2SPIR/Ground/{number:03d}.png" for number in range(129)]
    path = as_zip(tmp_path / "a.zip", dict.fromkeys(names, b""))
    declare(path, dict.fromkeys(names[:128], 64 << 20))
    assert not refused(path)
    declare(path, {names[128]: 1})
    assert refused(path)


def test_member_with_more_bytes_than_it_declares_is_cut_and_found(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", {"MR/1/T2SPIR/DICOM_anon/a.dcm": bytes(5000)})
    content = path.read_bytes()
    path.write_bytes(content.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(InputError, match=r"a\.dcm is damaged"):
        unpack(path, "1", ["t2_spir"], tmp_path / "1", ground_truth=False)
    assert sum(file.stat().st_size for file in (tmp_path / "1").rglob("*.dcm")) <= 50


def test_damaged_member_is_named(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", tree())
    name = f"Train_Sets/MR/2/{T2[1]}"
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo(name).header_offset
    content = bytearray(path.read_bytes())
    content[offset + 30 + len(name) + 100] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.zip: its member {name} is damaged"):
        unpack(path, "2", ["t2_spir"], tmp_path / "2")
    assert not (tmp_path / "2.tsv").exists()


def test_full_disk_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip(tmp_path / "a.zip", tree())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(archives, "_copy", full)
        with pytest.raises(InputError, match=r"2: the disk is full: 600 bytes are needed"):
            unpack(path, "2", ["t2_spir"], tmp_path / "2")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 599}))
    with pytest.raises(InputError, match=r"600 bytes are needed and 599 bytes are free"):
        unpack(path, "2", ["t2_spir"], tmp_path / "2")


PARTS = st.sampled_from(["..", ".", "", "MR", "1", "Train_Sets", "T2SPIR", "Ground", "DICOM_anon", "a.png", "C:", "\\"])
NAMES = st.one_of(
    st.lists(PARTS, min_size=1, max_size=9).map("/".join),
    st.lists(PARTS, max_size=3).map(lambda parts: "/".join(["MR", "1", "T2SPIR", "DICOM_anon", *parts])),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(lambda end: f"MR/1/T2SPIR/DICOM_anon/{end}"),
)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4))
def test_nothing_is_ever_written_outside_the_folder(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("hostile")
    path = place / "a.zip"
    folder, index = place / "deep" / "er" / "raw" / "1", place / "deep" / "er" / "raw" / "1.tsv"
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w") as archive:
        add(archive, "MR/1/T2SPIR/DICOM_anon/good.dcm")
        for name in names:
            add(archive, name)
    with contextlib.suppress(InputError):
        unpack(path, "1", ["t2_spir"], folder, ground_truth=False)
    outside = {file for file in place.rglob("*") if file.is_file() and folder not in file.parents}
    assert outside <= {path, index}


@settings(max_examples=150, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=8))
@example(damage=[(934, 1)])  # a place before the file's beginning
@example(damage=[(756, 64)])  # a flag that zipfile does not know
def test_any_damage_gives_an_input_error_or_the_right_bytes(
    damage: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("damaged")
    path = as_zip(place / "a.zip", {f"MR/1/{file}": content_of(file) for file in T2})
    content = bytearray(path.read_bytes())
    for at, change in damage:
        content[at % len(content)] ^= change
    path.write_bytes(content)
    folder = place / "1"
    try:
        unpack(path, "1", ["t2_spir"], folder)
    except InputError:
        return
    for file in T2:
        assert (folder / file).read_bytes() == content_of(file)


def sheet(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPTS / "write_patient_sheet.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_sheet_from_an_archive(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, tree())
    rows = [
        "patient\tcohort\tsequences",
        "1\ttest\tt1_in_phase,t1_out_of_phase,t2_spir",
        "2\ttest\tt1_in_phase,t2_spir",
        "10\ttest\tt1_in_phase,t1_out_of_phase,t2_spir",
    ]
    assert patient_sheet(path, "test").splitlines() == rows
    printed = sheet(path, "--cohort", "test")
    assert printed.stdout.splitlines() == rows
    written = sheet(path, "--output", tmp_path / "my_patients.tsv")
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "my_patients.tsv").read_text() == patient_sheet(path, "development")


def test_sheet_from_nothing_is_one_clear_line(tmp_path: Path) -> None:
    failed = sheet(tmp_path / "absent.zip")
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {tmp_path / 'absent.zip'}: no such zip file or folder")


def test_the_real_archive(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "CHAOS_Train_Sets.zip"
    with open_archive(path) as archive:
        found = sequences_by_patient(archive)
    assert list(found) == ["1", "2", "5", "8", "13", "15", "19", "20", "22", "32", "33", "34", "37", "39"]
    assert all(sequences == ["t1_in_phase", "t2_spir"] for sequences in found.values())
    check_archive(archive=path, cohort="development", sha256=SAMPLE_SHA256, receipt=tmp_path / "receipt")
    # 28 slices of T1, 36 of T2, each with its mask.
    assert len(unpack(path, "19", found["19"], tmp_path / "19")) == 128
    rows = read_index(tmp_path / "19.tsv", tmp_path / "19")
    with zipfile.ZipFile(path) as archive:
        expected = hashlib.sha256(archive.read(f"Train_Sets/MR/19/{rows[0]['file']}")).hexdigest()
    assert rows[0]["sha256"] == expected
