"""The files of an exam: below a folder, in a zip, or one; what could do harm or holds nothing is refused."""

import zipfile

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
