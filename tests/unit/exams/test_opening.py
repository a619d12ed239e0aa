"""The files of an exam: below a folder, in a zip, or one; what could do harm or holds nothing is refused."""

import os
import zipfile
from pathlib import Path

import pytest

from chaosliver.base.errors import InputError
from chaosliver.exams import opening
from chaosliver.exams.opening import files_of_exam


def test_files_of_a_folder_are_those_at_any_depth_by_name(tmp_path):
    for name in ("b/2", "b/1", "a", "c/d/e.nii.gz"):
        path = tmp_path / "exam" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    with files_of_exam(tmp_path / "exam") as files:
        assert [file.relative_to(tmp_path / "exam").as_posix() for file in files] == ["a", "b/1", "b/2", "c/d/e.nii.gz"]


def test_a_zip_is_unpacked_while_its_files_are_needed(tmp_path):
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.writestr("DICOM/2", b"two")
        archive.writestr("DICOM/1", b"one")
    with files_of_exam(tmp_path / "exam.zip") as files:
        assert [file.read_bytes() for file in files] == [b"one", b"two"]
    assert not files[0].exists() and not files[0].parent.exists()


@pytest.mark.parametrize("name", ["a.dcm", "a.nii", "a.nii.gz", "A.NII.GZ"])
def test_a_file_is_itself(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with files_of_exam(tmp_path / name) as files:
        assert files == [tmp_path / name]
    assert opening.is_nifti(tmp_path / name) == ("nii" in name.lower())


def test_what_holds_nothing_or_could_do_harm_is_refused(tmp_path):
    (tmp_path / "empty/inner").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", b"x")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("DICOM/1", bytes(20 << 20))
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("DICOM/1", bytes(range(256)) * 40)
    content = bytearray((tmp_path / "cut.zip").read_bytes())
    content[100:110] = b"otherbytes"
    (tmp_path / "cut.zip").write_bytes(content)
    for name, words in (
        ("absent", "no such file or folder"),
        ("empty", "holds no file"),
        ("empty.zip", "holds no file"),
        ("evil.zip", "would land outside"),
        ("bomb.zip", "unpack to 20,971,520"),
        ("cut.zip", "the zip is damaged"),
    ):
        with pytest.raises(InputError, match=words), files_of_exam(tmp_path / name):
            pass
    assert not (tmp_path.parent / "evil").exists()


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    for number in range(4):
        (tmp_path / str(number)).write_bytes(b"x")
    monkeypatch.setattr(opening, "MEMBERS_AT_MOST", 3)
    with pytest.raises(InputError, match="holds 4 files, too many for one study"), files_of_exam(tmp_path):
        pass


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("empty", "is empty"),
        ("dangling", "is a link that leads nowhere"),
        ("loop", "is a link that leads nowhere"),
        ("pipe", "is a pipe or a device"),
        ("folder", "is a link to a folder"),
        ("not UTF-8", "is empty"),
    ],
)
def test_a_file_that_may_be_a_slice_and_would_not_be_read_is_refused_by_name(tmp_path, case, words):
    folder = tmp_path / "exam/DICOM"
    folder.mkdir(parents=True)
    (folder / "IM01").write_bytes(b"x")
    (tmp_path / "other").mkdir()
    last = folder / "IM02"
    if case in ("empty", "not UTF-8"):
        last = folder / os.fsdecode(b"IM02\xff") if case == "not UTF-8" else last
        last.touch()
    elif case == "pipe":
        os.mkfifo(last)
    else:
        last.symlink_to({"dangling": tmp_path / "nowhere", "loop": last, "folder": tmp_path / "other"}[case])
    refused = pytest.raises(InputError, match=rf"exam: its DICOM/IM02.* {words}.*Copy it anew")
    with refused, files_of_exam(tmp_path / "exam"):
        pass
    last.rename(folder / ".hidden")
    with files_of_exam(tmp_path / "exam") as files:
        assert files[-1] == folder / "IM01"


@pytest.mark.parametrize("case", ["pipe", "device", "dangling", "loop", "empty"])
def test_what_is_no_study_is_refused_at_once(tmp_path, case):
    path, words = tmp_path / "study", "is a pipe, a device or a link that leads nowhere"
    if case == "pipe":
        os.mkfifo(path)
    elif case == "device":
        path = Path("/dev/zero")
    elif case == "empty":
        path.touch()
        words = "is empty"
    else:
        path.symlink_to(path if case == "loop" else tmp_path / "nowhere")
    with pytest.raises(InputError, match=f"{path}: {words}"), files_of_exam(path):
        pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>log in first</html>", "is a web page, not a zip file"),
        (b"PK\x03\x04" + bytes(200), r"not a zip file, or one cut short \(its end is missing\)"),
        (b"\x1f\x8b" + bytes(200), "is a gzip file, not a zip file"),
    ],
    ids=["web page", "cut short", "gzip"],
)
def test_a_file_that_is_called_zip_and_is_none_is_refused_as_what_it_is(tmp_path, content, words):
    (tmp_path / "exam.zip").write_bytes(content)
    with pytest.raises(InputError, match=rf"exam\.zip: {words}"), files_of_exam(tmp_path / "exam.zip"):
        pass
