"""Archives of patients with changed directories, unpacked by the library and, where it accepts them, by unzip."""

import io
import random
import shutil
import struct
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from chaosliver.acquire.archive import unpack_patient
from chaosliver.exams.opening import files_of_exam

from .changing import NUMBERS, change_bytes
from .outcomes import WrongError

NAMES = (
    *("../outside", "/tmp/outside", "..\\outside", "C:\\outside", "a/../../outside", "./a", "a//b", "", "/", ".", ".."),
    *(
        "a\0b",
        "CON",
        "a:b",
        "\u00e4.dcm",
        "x" * 300,
        "Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase/../../../../../outside",
    ),
    *("Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase/../../../../../../../outside.dcm", "Train_Sets/MR/../MR/1/a"),
    *("Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase/b.dcm", "Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase/B.DCM"),
    *("Train_Sets/MR/../../outside/T1DUAL/DICOM_anon/InPhase/b.dcm", "MR/1/T1DUAL/DICOM_anon/InPhase/b.dcm"),
)
# Offset and size of each field of a directory's entry, of a file's own header and of the end of the directory.
ENTRY = (
    (4, 2),
    (6, 2),
    (8, 2),
    (10, 2),
    (12, 2),
    (14, 2),
    (16, 4),
    (20, 4),
    (24, 4),
    (28, 2),
    (30, 2),
    (32, 2),
    (34, 2),
    (38, 4),
    (42, 4),
)
LOCAL = ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))
END = ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
PARTS = ((b"PK\1\2", ENTRY), (b"PK\1\2", ENTRY), (b"PK\3\4", LOCAL), (b"PK\5\6", END))


def _pack(files: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for info, content in files:
            archive.writestr(info, content)
    return stream.getvalue()


@cache
def _files() -> tuple[tuple[str, bytes], ...]:
    rng = random.Random(1)
    images, ground = "T1DUAL/DICOM_anon/InPhase", "T1DUAL/Ground"
    names = [
        f"Train_Sets/MR/{patient}/{folder}" for patient in "12" for folder in (f"{images}/a.dcm", f"{images}/b.dcm")
    ]
    names += [f"Train_Sets/MR/{patient}/{ground}/a.png" for patient in "12"]
    return tuple((name, rng.randbytes(40) + bytes(rng.randint(1, 300))) for name in [*names, "Train_Sets/CT/3/a.dcm"])


def _member(name: str, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x", (2019, 4, 11, 0, 0, 0))
    # Later, since zipfile cuts a name at a zero.
    info.filename, info.compress_type = name, method
    return info


def _files_changed(rng: random.Random) -> bytes:
    """A zip that zipfile writes, of members as they should not be."""
    files = [(_member(name, rng.choice((0, 8, 8))), content) for name, content in _files()]
    at = rng.randrange(len(files))
    info, content = files[at]
    how = rng.randrange(6)
    if how == 0:
        info.filename = rng.choice(NAMES)
    elif how == 1:
        files.append((_member(info.filename), rng.randbytes(30)))
    elif how == 2:
        info.external_attr = rng.choice((0o120777, 0o010644, 0o060644, 0o040755, 0o104755)) << 16
    elif how == 3:
        files[at] = (info, bytes(rng.choice((100_000, 3_000_000, 20_000_000))))
    elif how == 4:
        info.extra = rng.choice((b"\x75\x70\x09\0\1\0\0\0\0evil", b"\1\0\x10\0" + b"\xff" * 16, b"\1\0\4\0"))
    else:
        files.append((_member(rng.choice(NAMES)), content))
    return _pack(files)


def _fields_changed(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    start, fields = rng.choice(PARTS)
    places = [place for place in range(len(data) - 4) if data[place : place + 4] == start]
    if not places:
        return data
    offset, size = rng.choice(fields)
    at = rng.choice(places) + offset
    old = int.from_bytes(changed[at : at + size], "little")
    new = rng.choice(
        (*NUMBERS, old + 1, old - 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), rng.randrange(1 << 8 * size))
    )
    changed[at : at + size] = (new % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(changed)


def _directory_changed(rng: random.Random, data: bytes) -> bytes:
    """Entries exchanged, left out or repeated, bytes before the zip, a second zip behind it, a long comment."""
    first, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    if not 0 <= first < end:
        return data
    entries = [b"PK\1\2" + entry for entry in data[first:end].split(b"PK\1\2")[1:]]
    how = rng.randrange(6)
    if how == 0:
        return rng.randbytes(rng.randint(1, 80)) + data
    if how == 1:
        return data + _pack([(_member(name), content[::-1]) for name, content in _files()])
    if how == 2:
        return data + rng.randbytes(rng.randint(1, 80))
    if how == 3:
        rng.shuffle(entries)
    elif how == 4:
        del entries[rng.randrange(len(entries))]
    else:
        entries.append(rng.choice(entries))
    directory = b"".join(entries)
    tail = struct.pack("<HHIIH", len(entries), len(entries), len(directory), first, 0)
    return data[:first] + directory + data[end : end + 8] + tail


def draw(rng: random.Random) -> bytes:
    data = _files_changed(rng) if rng.random() < 0.3 else _pack([(_member(*each), c) for *each, c in _plain(rng)])
    if rng.random() < 0.02:
        return data
    for _ in range(rng.choice((0, 1, 1, 2))):
        data = rng.choice((change_bytes, _fields_changed, _fields_changed, _directory_changed))(rng, data) or data
    return data


def _plain(rng: random.Random) -> list[tuple[str, int, bytes]]:
    return [(name, rng.choice((0, 8)), content) for name, content in _files()]


def read_archive(path: Path, results: Path) -> dict[str, bytes]:
    """The files that the library unpacks of a patient, by name."""
    unpack_patient(
        archive=path,
        cohort="development",
        patient="1",
        sequences=["t1_in_phase"],
        ground_truth=True,
        folder=results / "raw/1",
        index=results / "raw/1.tsv",
        listed=results / "raw/1.listed.tsv",
    )
    folder = results / "raw/1"
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def compare_archive(path: Path, found: dict[str, bytes]) -> None:
    """Raise WrongError where unzip finds other files of the patient."""
    every = _unzipped(path)
    placed = {f"/{name}".partition("/MR/1/")[2]: content for name, content in every.items()}
    _agree(found, placed)


def read_exam(path: Path, results: Path) -> dict[str, bytes]:
    """The files that the library finds in the zip of an exam, by name."""
    tempfile.tempdir = str(results)
    with files_of_exam(path) as files:
        if files == [path]:
            return {}
        root = next(folder for folder in files[0].parents if folder.parent == results)
        return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def compare_exam(path: Path, found: dict[str, bytes]) -> None:
    """Raise WrongError where unzip finds other files."""
    if found:
        _agree(found, _unzipped(path))


def _agree(found: dict[str, bytes], others: dict[str, bytes]) -> None:
    if wrong := sorted(name for name in found.keys() & others.keys() if found[name] != others[name]):
        raise WrongError(f"{wrong[0]!r} has other content than by unzip; {len(wrong)} such")


def _unzipped(path: Path) -> dict[str, bytes]:
    """The files in a zip as unzip unpacks them, where it is installed and does not refuse."""
    if not (unzip := shutil.which("unzip")):
        return {}
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        done = subprocess.run([unzip, "-qq", "-o", path, "-d", folder], capture_output=True, check=False, timeout=30)
        # 1 is a warning, such as of bytes before the first member.
        if done.returncode not in (0, 1) or b"unknown compression" in done.stdout + done.stderr:
            return {}
        root = Path(folder)
        return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}
