"""The index refuses a folder that is not what it lists."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.indexes import read_index, write_index


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
    with pytest.raises(InputError, match=r"a\.png: its content differs"):
        read_index(index, folder)


def test_only_the_files_asked_for_are_checked(indexed):
    index, folder = indexed
    (folder / "a.png").unlink()
    assert [row["file"] for row in read_index(index, folder, only={"b.png"})] == ["b.png"]
    with pytest.raises(InputError, match=r"does not list c\.png"):
        read_index(index, folder, only={"c.png"})
