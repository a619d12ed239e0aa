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
from chaosliver.base.files import read_tsv, sha256_of
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
        listed=index.with_suffix(".listed.tsv"),
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


def test_patients_whose_names_are_the_same_number_keep_their_own_files(tmp_path: Path, kind: str) -> None:
    """7 and 07 stand side by side in the order of patients, and each has something that is left out."""
    names = [f"MR/{patient}/{file}" for patient in ("07", "10", "7", "a7") for file in (*T2, "T2SPIR/notes.txt")]
    archive = make(kind, tmp_path, {name: content_of(name) for name in names})
    with open_archive(archive) as opened:
        for patient in ("7", "07"):
            folder = tmp_path / "unpacked" / patient
            made = {name: folder.with_suffix(f".{name}.tsv") for name in ("index", "listed")}
            given = {"sequences": ["t2_spir"], "ground_truth": True, "folder": folder, **made}
            unpack_patient(archive=archive, cohort="development", patient=patient, **given, opened=opened)
            for file in T2:
                assert (folder / file).read_bytes() == content_of(f"MR/{patient}/{file}")
            assert [row["file"] for row in read_tsv(made["listed"])] == sorted([*T2, "T2SPIR/notes.txt"])


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
    with pytest.raises(InputError, match=r"page\.zip: is a web page"), open_archive(tmp_path / "page.zip"):
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
        ("BYTES_OF_A_PATIENT_AT_MOST", 300, "no archive of images"),
        ("MEMBERS_OF_ARCHIVE_AT_MOST", 3, "are too many"),
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


@pytest.mark.parametrize("patients", [1, 3])
def test_an_archive_may_unpack_to_512_mib_a_patient_and_no_byte_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patients: int
) -> None:
    monkeypatch.setattr(archives, "RATIO_AT_MOST", 1 << 40)
    names = [
        f"MR/{patient}/T2SPIR/Ground/{number:03d}.png" for patient in range(1, patients + 1) for number in range(9)
    ]
    path = as_zip(tmp_path / "a.zip", dict.fromkeys(names, b""))
    declare(path, {name: 64 << 20 for name in names if not name.endswith("8.png")})
    assert not refused(path)
    declare(path, {names[8]: 1})
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
    assert outside <= {path, index, index.with_suffix(".listed.tsv")}


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


# What a patient's folder has besides its slices.

LAST = "MR/1/T2SPIR/DICOM_anon/IMG-0002-00036.dcm"
LOST_NAMES = {
    "subfolder": ("MR/1/T2SPIR/DICOM_anon/more/IMG-0002-00036.dcm", "T2SPIR/DICOM_anon/more/", "none is looked into"),
    "hidden": ("MR/1/T2SPIR/DICOM_anon/.IMG-0002-00036.dcm", None, "hidden"),
    "half transferred": ("MR/1/T2SPIR/DICOM_anon/.IMG-0002-00036.dcm.Xy12ab", None, "hidden"),
    "beside its folder": ("MR/1/T2SPIR/IMG-0002-00036.dcm", None, "lies in none of"),
    "beside the sequences": ("MR/1/IMG-0002-00036.IMA", None, "lies in none of"),
    "capitals": ("MR/1/T2SPIR/ground/IMG-0002-00036.png", "T2SPIR/ground/", "not T2SPIR/Ground"),
}


def listed_of(path: Path, folder: Path, sequences: list[str]) -> list[tuple[str, str, str]]:
    """What is told of the patient's files that are not unpacked."""
    unpack(path, "1", sequences, folder)
    rows = read_tsv(folder.with_name(f"{folder.name}.listed.tsv"))
    assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)
    unpacked = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {row["file"] for row in rows if row["state"] == "unpacked"} == unpacked
    return [(row["file"], row["state"], row["why"]) for row in rows if row["state"] != "unpacked"]


@pytest.mark.parametrize("case", LOST_NAMES)
def test_a_slice_that_lies_elsewhere_is_listed_as_lost(tmp_path: Path, kind: str, case: str) -> None:
    name, file, why = LOST_NAMES[case]
    path = make(kind, tmp_path, tree("") | {name: b"x"})
    found = [each for each in listed_of(path, tmp_path / "1", ["t2_spir"]) if each[1] == "lost"]
    assert [(each[0], why in each[2]) for each in found] == [(file or name.removeprefix("MR/1/"), True)]
    # Of another sequence nothing is told, but for what lies above both.
    (tmp_path / "other").mkdir()
    others = [each for each in listed_of(path, tmp_path / "other/1", ["t1_in_phase"]) if each[1] == "lost"]
    assert len(others) == (case == "beside the sequences")


@pytest.mark.parametrize("name", ["._IMG-0002-00001.dcm", "Thumbs.db", ".DS_Store", "desktop.ini", ".directory"])
def test_what_desktops_leave_is_listed_as_left_out(tmp_path: Path, kind: str, name: str) -> None:
    path = make(kind, tmp_path, tree("") | {f"MR/1/T2SPIR/DICOM_anon/{name}": b"x"})
    found = {file: state for file, state, _ in listed_of(path, tmp_path / "1", ["t2_spir"])}
    assert found == {
        f"T2SPIR/DICOM_anon/{name}": "left out",
        **dict.fromkeys((".DS_Store", "T2SPIR/Ground/.DS_Store", "T2SPIR/Ground/Thumbs.db"), "left out"),
        "T2SPIR/notes.txt": "left out",
    }


def test_a_folder_beside_those_of_the_sequences_is_left_out(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, tree("") | {"MR/1/T2SPIR/nifti/volume.nii.gz": b"x", "MR/1/other/a.dcm": b"x"})
    found = {file: state for file, state, _ in listed_of(path, tmp_path / "1", ["t2_spir"]) if file.endswith("/")}
    assert found == {"T2SPIR/nifti/": "left out", "other/": "left out"}


@pytest.mark.parametrize("case", ["dangling link", "link to itself", "pipe", "name not UTF-8", "newline", "long name"])
def test_a_slice_of_a_folder_that_is_no_file_or_has_no_fit_name_is_lost(tmp_path: Path, case: str) -> None:
    folder = as_folder(tmp_path / "CHAOS", tree("")) / "MR/1/T2SPIR/DICOM_anon"
    place, shown = folder / "IMG-0002-00036.dcm", "IMG-0002-00036.dcm"
    if case == "pipe":
        os.mkfifo(place)
        why = "it is a pipe or a device"
    elif case == "dangling link":
        place.symlink_to("/nowhere/slice.dcm")
        why = "it is a link that leads nowhere"
    elif case == "link to itself":
        place.symlink_to(place)
        why = "it is a link that leads nowhere"
    else:
        name, shown, why = {
            "name not UTF-8": (b"Gr\xf6\xdfe.dcm", "Gr\\udcf6\\udcdfe.dcm", "its name is not UTF-8"),
            "newline": (b"a\nb.dcm", "a\\nb.dcm", "its name holds a control character"),
            "long name": (b"a" * 197 + b".dcm", f"{'a' * 197}.dcm", "its name has more than 200 bytes"),
        }[case]
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
    found = [each for each in listed_of(tmp_path / "CHAOS", tmp_path / "1", ["t2_spir"]) if each[1] == "lost"]
    assert found == [(f"T2SPIR/DICOM_anon/{shown}", "lost", why)]


def test_a_link_to_a_file_is_a_slice_like_any_other(tmp_path: Path) -> None:
    folder = as_folder(tmp_path / "CHAOS", tree("")) / "MR/1/T2SPIR/DICOM_anon"
    (folder / "IMG-0002-00036.dcm").symlink_to(folder / "IMG-0002-00001.dcm")
    assert "T2SPIR/DICOM_anon/IMG-0002-00036.dcm" in unpack(tmp_path / "CHAOS", "1", ["t2_spir"], tmp_path / "1")


def test_a_patients_folder_without_utf_8_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = as_folder(tmp_path / "CHAOS", tree(""))
    (path / "MR/2").rename(os.fsdecode(os.fsencode(path) + b"/MR/Gr\xf6\xdfe"))
    assert unpack(path, "1", ["t2_spir"], tmp_path / "1") == sorted(T2)
    with pytest.raises(InputError, match=r"patient 'Gr\\udcf6\\udcdfe' .*Rename"):
        patient_sheet(path, "development")


@pytest.mark.parametrize(
    ("lacks", "named"),
    [
        ("T1DUAL/DICOM_anon/InPhase", "T1DUAL/DICOM_anon/inphase"),
        ("T1DUAL/DICOM_anon/InPhase", "T1DUAL/DICOM_anon/In_Phase"),
        ("T1DUAL/DICOM_anon", "T1DUAL/dicom_anon"),
        ("T1DUAL", "t1dual"),
        ("T1DUAL", "T1_DUAL"),
        ("T2SPIR/Ground", "T2SPIR/ground_truth"),
    ],
)
def test_a_folder_of_nearly_the_right_name_is_named(tmp_path: Path, kind: str, lacks: str, named: str) -> None:
    files = {name.replace(f"MR/1/{lacks}/", f"MR/1/{named}/"): content for name, content in tree("").items()}
    path = make(kind, tmp_path, files)
    with pytest.raises(InputError, match=rf"lacks {lacks}.* of patient 1 \(it has {named}/\), which"):
        unpack(path, "1", ["t1_in_phase", "t2_spir"], tmp_path / "1")
    assert not (tmp_path / "1.tsv").exists()


def test_a_patient_of_nearly_the_right_name_is_named(tmp_path: Path, kind: str) -> None:
    path = make(kind, tmp_path, {name.replace("MR/1/", "MR/patient_01/"): each for name, each in tree("").items()})
    with pytest.raises(InputError, match=r"lacks patient patient_1 \(it has patient_01\), which"):
        unpack(path, "patient_1", ["t2_spir"], tmp_path / "1")


@pytest.mark.parametrize("name", ["mr/1/T2SPIR/DICOM_anon/a.dcm", "Train_Sets/Mr/1/T2SPIR/DICOM_anon/a.dcm"])
def test_the_folder_mr_in_other_letters_is_named(tmp_path: Path, kind: str, name: str) -> None:
    path = make(kind, tmp_path, {name: b"x"})
    with pytest.raises(InputError, match=r"holds no MR patient; it has .*(mr|Mr)/.*capitals"), open_archive(path):
        pass


# What is given as an archive and is none.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>log in first</html>", "is a web page, not a zip file"),
        (b"\x1f\x8b\x08\0rest", "is a gzip file, not a zip file"),
        (b"7z\xbc\xaf\x27\x1crest", "is a 7z file"),
        (b"PK\x03\x04rest", "one cut short"),
        (bytes(range(256)) * 9, "not a zip file"),
    ],
    ids=["empty", "web page", "gzip", "7z", "cut short", "anything"],
)
def test_a_file_that_is_no_zip_is_refused_in_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with (
        pytest.raises(InputError, match=rf"a\.zip: .*{words}.*Get it anew") as raised,
        open_archive(tmp_path / "a.zip"),
    ):
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("case", ["pipe", "device", "dangling link", "link to itself", "no rights"])
def test_what_is_neither_file_nor_folder_is_refused_at_once(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    if case == "pipe":
        os.mkfifo(path)
        words = "is a pipe or a device"
    elif case == "device":
        path, words = Path("/dev/zero"), "is a pipe or a device"
    elif case == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
        words = "is a link that leads nowhere"
    elif case == "link to itself":
        path.symlink_to(path)
        words = "cannot be read .*Too many levels of symbolic links"
    else:
        path, words = as_zip(path, tree()), "cannot be read .*Permission denied"

        def deny(file: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))

        monkeypatch.setattr(archives.zipfile, "ZipFile", deny)
    with pytest.raises(InputError, match=rf"{path}: {words}.*Correct archives"), open_archive(path):
        pass


def test_a_zip_with_a_name_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", {"MR/1/T2SPIR/Ground/Größe.png": b"x"})
    path.write_bytes(path.read_bytes().replace("ö".encode(), b"\xf6\xf6"))
    with pytest.raises(InputError, match=r"a\.zip: is a zip with a name that is not the UTF-8"), open_archive(path):
        pass


def test_a_zip_with_a_name_too_long_for_a_disk_is_refused(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a.zip", {f"MR/1/T2SPIR/Ground/{'a' * 300}.png": b"x"})
    with pytest.raises(InputError, match=r"its name has more than 200 bytes"), open_archive(path):
        pass
