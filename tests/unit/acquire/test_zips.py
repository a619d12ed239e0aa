"""The limits of a zip's members; what they may be called and be is tested with archives that are opened."""

import struct
import zipfile
from pathlib import Path

import pytest

from chaosliver.acquire.zips import MEMBERS_OF_ARCHIVE_AT_MOST, refuse_bomb, refuse_harmful
from chaosliver.base.errors import InputError


@pytest.mark.parametrize(("of_archive", "most"), [((), 200_000), ((MEMBERS_OF_ARCHIVE_AT_MOST,), 1_000_000)])
def test_a_zip_may_have_so_many_members_and_no_more(of_archive: tuple[int, ...], most: int) -> None:
    entry = zipfile.ZipInfo("MR/1/T2SPIR/Ground/a.png")
    with pytest.raises(InputError, match=rf"{most + 1:,} members are too many\. Look at it"):
        refuse_harmful(Path("a.zip"), [entry] * (most + 1), "Look at it", *of_archive)
    # So many are not too many, but these have one name.
    with pytest.raises(InputError, match=r"given twice\. Look at it"):
        refuse_harmful(Path("a.zip"), [entry] * most, "Look at it", *of_archive)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"a": 40, "b": 60}, ""),
        ({"a": 40, "b": 61}, "b has 61 bytes"),
        ({"a": 50, "b": 50, "c": 20}, ""),
        ({"a": 50, "b": 50, "c": 21}, "unpack to 121"),
    ],
)
def test_members_and_their_sum_have_limits(tmp_path: Path, sizes: dict[str, int], words: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(100))
    limits = {"member_bytes": 60, "total_bytes": 120, "ratio": 200}
    if not words:
        refuse_bomb(path, sizes, **limits)
        return
    with pytest.raises(InputError, match=words):
        refuse_bomb(path, sizes, **limits)


def test_a_zip_may_unpack_to_so_many_times_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(100))
    limits = {"member_bytes": 1000, "total_bytes": 1000, "ratio": 3}
    refuse_bomb(path, {"a": 300}, **limits)
    with pytest.raises(InputError, match="100 bytes that unpack to 301"):
        refuse_bomb(path, {"a": 301}, **limits)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(42, 0, id="two-members-at-one-place"),
        pytest.param(42, 0xFFFFFFF0, id="a-member-beyond-the-end"),
        pytest.param(20, 5000, id="a-member-that-runs-over-the-next"),
    ],
)
def test_members_that_overlap_or_lie_outside_are_refused(tmp_path: Path, field: int, value: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            archive.writestr(name, name * 90)
    content = bytearray(path.read_bytes())
    # A field of the second member's entry in the directory.
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    struct.pack_into("<I", content, second + field, value)
    path.write_bytes(content)
    with (
        zipfile.ZipFile(path) as archive,
        pytest.raises(InputError, match=r"'[ab]': it lies outside the file, or on another"),
    ):
        refuse_harmful(path, archive.infolist(), "Look at it")


def test_bytes_before_the_first_member_are_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "a" * 90)
    path.write_bytes(b"program" + path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        refuse_harmful(path, archive.infolist(), "Look at it")
