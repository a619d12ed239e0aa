"""Faults of the disk and the system in one sentence, also where a library hides them."""

import errno
import os

import pytest

from chaosliver.base.errors import disk_fault, in_words

TOLD = {
    "full": (errno.ENOSPC, "a.png: No space left on device. Make space on that disk, and run again"),
    "quota": (
        errno.EDQUOT,
        "a.png: Disk quota exceeded. Make space within your quota on that disk, or ask for more, and",
    ),
    "read-only": (
        errno.EROFS,
        "a.png: Read-only file system. Mount that disk for writing, or choose another folder for",
    ),
    "broken": (
        errno.EIO,
        "a.png: Input/output error. The disk or the network to it fails: check it, move the files if",
    ),
    "forbidden": (errno.EACCES, "a.png: Permission denied. Get the right to read and write there, or choose another"),
    "too large": (errno.EFBIG, "a.png: File too large. Raise the limit on the size of files (ulimit -f), or choose"),
    "too many": (errno.EMFILE, "a.png: Too many open files. Raise the limit on open files (ulimit -n), and run again"),
    "gone": (
        errno.ENOENT,
        "a.png: No such file or directory. If another program deleted it, run again to make it anew",
    ),
    "stale": (errno.ESTALE, "a.png: Stale file handle. The network folder changed underneath: run again"),
    "long": (errno.ENAMETOOLONG, "a.png: File name too long. Shorten the name, or choose a shorter folder for"),
    "other": (errno.EBUSY, "a.png: Device or resource busy. Mend that, and run again"),
}


@pytest.mark.parametrize("fault", TOLD)
def test_a_fault_of_the_disk_is_told_with_file_and_remedy(fault):
    number, sentence = TOLD[fault]
    assert in_words(OSError(number, os.strerror(number), "a.png")).startswith(sentence)


def test_a_fault_of_two_files_names_both_and_one_without_a_file_says_so():
    both = OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b")
    assert in_words(both).startswith("a to b: Invalid cross-device link. ")
    assert in_words(OSError(errno.ENOSPC, "full")).startswith("a file of this job: full. Make space")
    # As libraries raise it, with words of their own.
    assert in_words(OSError("no route to the archive")) == "no route to the archive"


class SafetensorError(Exception):
    """Named as the one of safetensors, which base does not import."""


def chained(inner, outer):
    """An error while another was being dealt with."""
    outer.__context__ = inner
    return outer


def test_the_systems_number_is_found_where_a_library_hides_it(tmp_path):
    path = tmp_path / "a.pt"
    full = OSError(errno.ENOSPC, "full")
    assert disk_fault(full, path) == errno.ENOSPC
    assert disk_fault(OSError(errno.EROFS, "read-only", str(path)), path) == errno.EROFS
    assert disk_fault(chained(full, RuntimeError("unexpected pos 704 vs 598")), path) == errno.ENOSPC
    assert disk_fault(SafetensorError("I/O error: Disk quota exceeded (os error 122)"), path) == errno.EDQUOT


def test_what_is_no_fault_of_that_file_is_not_taken_for_one(tmp_path):
    path = tmp_path / "a.pt"
    other = OSError(errno.ENOENT, "gone", str(tmp_path / "input.png"))
    for error in (other, ValueError("(os error 28)"), SafetensorError("no tensor"), chained(other, KeyError("w"))):
        assert disk_fault(error, path) is None
