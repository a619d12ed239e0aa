"""One clear error for a full disk, before anything is written where the size is known."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.errors import InputError


@contextmanager
def room_for(folder: Path, needed: int) -> Iterator[None]:
    """A context for writing about `needed` bytes (0: unknown) below the existing `folder`.

    Raises InputError that names the folder, the bytes needed and the bytes free: at once where too few are free, else
    when the disk turns out to be full, or the quota used up, while writing.
    """
    if shutil.disk_usage(folder).free < needed:
        raise _full(folder, needed)
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder, needed) from error
        raise


def _full(folder: Path, needed: int) -> InputError:
    free = shutil.disk_usage(folder).free
    needs = f"{needed:,} bytes are needed and " if needed else ""
    return InputError(
        f"{folder}: the disk is full: {needs}{free:,} bytes are free. Free some space, or keep the results on "
        "another disk (config key `results`), and run the same command again"
    )
