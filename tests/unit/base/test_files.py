"""Atomic writing and small tables."""

from pathlib import Path

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, sha256_of, write_atomically, write_text, write_tsv


def test_a_table_comes_back_as_it_was_written(tmp_path):
    table = tmp_path / "deep" / "table.tsv"
    write_tsv(table, ("a", "b"), [{"a": 1, "b": 0.123456789}, {"a": "x y", "b": None}])
    assert read_tsv(table, ("a",)) == [{"a": "1", "b": "0.123457"}, {"a": "x y", "b": ""}]


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


def test_what_a_killed_process_left_of_the_same_file_is_removed(tmp_path):
    left, other = tmp_path / ".1.partial.a[1].txt", tmp_path / ".1.partial.b.txt"
    for path in (left, other):
        path.write_text("half")
    write_text(tmp_path / "a[1].txt", "whole")
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a[1].txt"]


def test_a_missing_table_or_column_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.tsv: no such table"):
        read_tsv(tmp_path / "gone.tsv")
    write_tsv(tmp_path / "t.tsv", ("a",), [])
    with pytest.raises(InputError, match=r"t\.tsv: lacks the column\(s\) b"):
        read_tsv(tmp_path / "t.tsv", ("a", "b"))


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


def test_sha256_is_that_of_the_standard(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")
