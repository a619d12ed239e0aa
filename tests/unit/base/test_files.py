"""Atomic writing and small tables."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.files import (
    force_to_disk,
    naming,
    read_json,
    read_tsv,
    sha256_of,
    whole_folder,
    write_atomically,
    write_text,
    write_tsv,
)

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux names an open file")


def test_a_table_comes_back_as_it_was_written(tmp_path):
    table = tmp_path / "deep" / "deeper" / "table.tsv"
    write_tsv(table, ("a", "b"), [{"a": 1, "b": 0.123456789}, {"a": "x y", "b": None}])
    assert read_tsv(table, ("a",)) == [{"a": "1", "b": "0.123457"}, {"a": "x y", "b": ""}]


def test_a_table_is_tab_separated_lines_that_end_alike_everywhere(tmp_path):
    write_tsv(tmp_path / "t.tsv", ("b", "a"), [{"a": 1.0, "b": "Größe"}, {"a": 1234567.0, "b": True}])
    assert (tmp_path / "t.tsv").read_bytes() == "b\ta\nGröße\t1\nTrue\t1.23457e+06\n".encode()


def test_a_cell_keeps_its_own_line_ends(tmp_path):
    write_tsv(tmp_path / "t.tsv", ("a", "b"), [{"a": "one\r\ntwo", "b": 'a "word"'}])
    assert read_tsv(tmp_path / "t.tsv") == [{"a": "one\r\ntwo", "b": 'a "word"'}]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "result.txt"
    target.write_text("old")

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_a_fault_of_the_disk_names_the_file_and_not_its_partial(tmp_path, number):
    target = tmp_path / "result.txt"
    target.write_text("old")

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise OSError(number, os.strerror(number), *([str(partial)] if number == errno.EROFS else []))

    with pytest.raises(OSError, match="result") as stopped:
        write_atomically(target, fail)
    assert (stopped.value.errno, stopped.value.filename) == (number, str(target))
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_what_is_wrong_with_an_input_stays_the_inputs_fault(tmp_path):
    def refuse(partial: Path) -> None:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise InputError("input.tsv: is empty. Fetch it anew") from None

    with pytest.raises(InputError, match=r"input\.tsv: is empty"):
        write_atomically(tmp_path / "a", refuse)

    def miss(partial: Path) -> None:
        (tmp_path / "input.png").read_bytes()

    with pytest.raises(FileNotFoundError, match=r"input\.png"):
        write_atomically(tmp_path / "a", miss)


def test_what_a_killed_process_left_of_the_same_file_is_removed(tmp_path):
    left, other = tmp_path / ".1.partial.a[1].txt", tmp_path / ".1.partial.b.txt"
    for path in (left, other):
        path.write_text("half")
    write_text(tmp_path / "a[1].txt", "whole")
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a[1].txt"]


def test_a_left_file_that_another_process_removes_first_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [folder / ".1.partial.a.txt"])
    write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.fixture
def on_disk(monkeypatch) -> list[str]:
    """What is forced to disk and renamed, by its name, in this order."""
    told: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        told.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name.split('.partial.')[-1]}")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> None:
        told.append(f"rename {target.name}")
        replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    return told


@needs_proc
def test_a_file_is_on_disk_before_it_has_its_name_and_its_name_is_on_disk_then(tmp_path, on_disk):
    write_text(tmp_path / "a.txt", "whole")
    assert on_disk == ["sync a.txt", "rename a.txt", f"sync {tmp_path.name}"]


@needs_proc
def test_files_are_forced_to_disk_before_their_folders(tmp_path, on_disk):
    files = [tmp_path / "a/1.png", tmp_path / "a/2.png", tmp_path / "b/inner/1.png"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    force_to_disk(tmp_path, [str(path.relative_to(tmp_path)) for path in files])
    assert sorted(on_disk[:3]) == ["sync 1.png", "sync 1.png", "sync 2.png"]
    assert sorted(on_disk[3:]) == sorted(f"sync {name}" for name in ("a", "b", "inner", tmp_path.name))


@needs_proc
def test_a_folder_takes_its_place_when_all_of_it_is_on_disk(tmp_path, on_disk):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/old.txt").touch()
    (tmp_path / ".1.partial.pack").mkdir()
    with whole_folder(tmp_path / "pack") as partial:
        (partial / "inner").mkdir()
        (partial / "inner/new.txt").write_text("new")
        assert (tmp_path / "pack/old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")] == ["pack/inner/new.txt"]
    assert on_disk[0] == "sync new.txt" and sorted(on_disk[1:3]) == ["sync inner", "sync pack"]
    assert on_disk[3:] == ["rename pack", f"sync {tmp_path.name}"]


def test_a_failure_within_a_folder_keeps_the_old_one(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/old.txt").touch()
    with pytest.raises(OSError, match="disk full"), whole_folder(tmp_path / "pack") as partial:
        (partial / "half.txt").touch()
        raise OSError("disk full")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["old.txt", "pack"]


def test_a_missing_table_or_column_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.tsv: no such table"):
        read_tsv(tmp_path / "gone.tsv")
    write_tsv(tmp_path / "t.tsv", ("a",), [])
    with pytest.raises(InputError, match=r"t\.tsv: lacks the column\(s\) b"):
        read_tsv(tmp_path / "t.tsv", ("a", "b"))


def test_a_column_that_stands_there_twice_is_named(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\ta\n1\t2\t3\n")
    with pytest.raises(InputError, match=r"t\.tsv: has the column a twice\. Keep one of them"):
        read_tsv(tmp_path / "t.tsv", ("a",))


def test_an_empty_table_is_told_as_such(tmp_path):
    (tmp_path / "t.tsv").touch()
    with pytest.raises(InputError, match=r"t\.tsv: is empty\. If a step made it, delete it"):
        read_tsv(tmp_path / "t.tsv", ("a",))


def test_a_spreadsheets_mark_is_no_part_of_the_first_column(tmp_path):
    (tmp_path / "t.tsv").write_bytes("\ufeffa\tb\n1\t2\n".encode())
    assert read_tsv(tmp_path / "t.tsv", ("a",)) == [{"a": "1", "b": "2"}]


def test_what_is_no_table_is_named(tmp_path):
    (tmp_path / "latin.tsv").write_bytes("a\tb\nGröße\t2\n".encode("latin-1"))
    for path in (tmp_path / "latin.tsv", tmp_path):
        with pytest.raises(InputError, match="cannot be read as a table"):
            read_tsv(path)
    (tmp_path / "commas.tsv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="Columns are separated by tabs"):
        read_tsv(tmp_path / "commas.tsv", ("a", "b"))


def test_an_error_of_the_disk_names_the_file(tmp_path):
    def fill(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*/result\.txt'"):
        write_atomically(tmp_path / "result.txt", fill)
    with pytest.raises(OSError, match=r"'other\.txt'"), naming(tmp_path):
        raise OSError(errno.EIO, "Input/output error", "other.txt")


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "[" * 100_000], ids=["missing", "empty", "half", "list", "nested"]
)
def test_a_damaged_file_of_json_is_named(tmp_path, text):
    path = tmp_path / "provenance.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"provenance\.json: is missing or damaged\. Delete it, and run again"):
        read_json(path)
    path.write_text('{"a": "ü"}', encoding="utf-8")
    assert read_json(path) == {"a": "ü"}


def test_sha256_is_that_of_the_standard(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_of_several_blocks_has_one_sha256(tmp_path):
    # The third example of FIPS 180-2: a million times "a"; and again, beyond the first block.
    (tmp_path / "a").write_bytes(b"a" * 1_000_000)
    assert sha256_of(tmp_path / "a") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    (tmp_path / "a").write_bytes(b"a" * 3_000_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"a" * 3_000_000).hexdigest()
