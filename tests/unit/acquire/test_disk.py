"""A full disk in plain words."""

import errno

import pytest

from chaosliver.acquire import disk
from chaosliver.acquire.disk import room_for
from chaosliver.base.errors import InputError


def test_too_little_room_is_told_before_the_work(tmp_path):
    with (
        pytest.raises(InputError, match=r"the disk is full: .* bytes are needed and .* bytes are free"),
        room_for(tmp_path, 1 << 60),
    ):
        pytest.fail("the work was begun")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_found_full_within_the_work_is_told_too(tmp_path, number):
    with pytest.raises(InputError, match="the disk is full"), room_for(tmp_path, 0):
        raise OSError(number, "no room")


def test_another_failure_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), room_for(tmp_path, 0):
        raise PermissionError(errno.EACCES, "not allowed")


def test_as_many_free_bytes_as_are_needed_are_enough(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: usage)
    with room_for(tmp_path, 1000):
        pass
    with pytest.raises(InputError, match=r"1,001 bytes are needed and 1,000 bytes are free"), room_for(tmp_path, 1001):
        pytest.fail("the work was begun")
    # How much is needed may be unknown.
    with pytest.raises(InputError, match=r"full: 1,000 bytes are free"), room_for(tmp_path, 0):
        raise OSError(errno.ENOSPC, "no room")
