"""The index refuses a folder that is not what it lists."""

import hashlib

import pytest

from chaosliver.base import indexes
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import problems_of, read_index, write_index


@pytest.fixture
def indexed(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_text(name)
    write_index(tmp_path / "folder.tsv", folder, [{"file": "a.png", "low": 1.5}, {"file": "b.png", "low": 2}], ("low",))
    return tmp_path / "folder.tsv", folder


def test_an_unaltered_folder_is_read_with_its_further_columns(indexed):
    assert [(row["file"], row["low"]) for row in read_index(*indexed, ("low",))] == [("a.png", "1.5"), ("b.png", "2")]


def test_a_missing_file_is_named_with_the_command_that_makes_it(indexed):
    index, folder = indexed
    (folder / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png: is missing.*rm .*folder\.tsv && snakemake"):
        read_index(index, folder)


def test_an_altered_file_is_named(indexed):
    index, folder = indexed
    (folder / "a.png").write_text("x")
    with pytest.raises(InputError, match=r"a\.png: its content differs.*rm .*folder\.tsv && snakemake .*folder\.tsv"):
        read_index(index, folder)


def test_a_column_that_an_index_lacks_is_named(indexed):
    with pytest.raises(InputError, match=r"folder\.tsv: lacks the column\(s\) high"):
        read_index(*indexed, ("low", "high"))


def test_an_index_holds_the_sha256_of_each_file(indexed):
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in ("a.png", "b.png")]
    assert indexed[0].read_text() == f"file\tsha256\tlow\na.png\t{digests[0]}\t1.5\nb.png\t{digests[1]}\t2\n"


def test_all_problems_of_a_folder_are_told_one_by_one(indexed):
    index, folder = indexed
    assert list(problems_of(index, folder)) == []
    (folder / "a.png").write_text("x")
    (folder / "b.png").unlink()
    altered, missing = problems_of(index, folder)
    assert altered.startswith(f"{folder / 'a.png'}: ") and str(index) in altered
    assert missing.startswith(f"{folder / 'b.png'}: ") and str(index) in missing
    index.write_text("file\na.png\n")
    with pytest.raises(InputError, match="sha256"):
        list(problems_of(index, folder))


def test_only_the_files_asked_for_are_checked(indexed):
    index, folder = indexed
    (folder / "a.png").unlink()
    assert [row["file"] for row in read_index(index, folder, only={"b.png"})] == ["b.png"]
    with pytest.raises(InputError, match=r"does not list c\.png"):
        read_index(index, folder, only={"c.png"})


def test_the_files_are_forced_to_disk_before_the_index_is_written(tmp_path, monkeypatch):
    (tmp_path / "a.png").touch()
    told = []
    monkeypatch.setattr(indexes, "force_to_disk", lambda folder, files: told.append((folder, list(files))))
    monkeypatch.setattr(indexes, "write_tsv", lambda index, *_: told.append(index))
    write_index(tmp_path / "t.tsv", tmp_path, iter([{"file": "a.png"}]))
    assert told == [(tmp_path, ["a.png"]), tmp_path / "t.tsv"]
