"""The ends of a job that are no defect of ours, and how they are told."""

import errno
import re
from pathlib import Path

# What to do about a fault of the disk or of the system.
REMEDIES = {
    errno.ENOSPC: "Make space on that disk, and run again",
    errno.EDQUOT: "Make space within your quota on that disk, or ask for more, and run again",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f), or choose another disk, and run again",
    errno.EROFS: "Mount that disk for writing, or choose another folder for `results`, and run again",
    errno.EACCES: "Get the right to read and write there, or choose another folder, and run again",
    errno.EPERM: "Get the right to read and write there, or choose another folder, and run again",
    errno.EIO: "The disk or the network to it fails: check it, move the files if need be, and run again",
    errno.ESTALE: "The network folder changed underneath: run again",
    errno.EMFILE: "Raise the limit on open files (ulimit -n), and run again",
    errno.ENOENT: "If another program deleted it, run again to make it anew",
    errno.ENAMETOOLONG: "Shorten the name, or choose a shorter folder for `results`",
}


class InputError(ValueError):
    """Something the user gave is wrong. The message names the file or key, the cause and the remedy."""


class StoppedError(RuntimeError):
    """A signal asked the job to stop. The message says what is saved and how to go on."""


def in_words(error: OSError) -> str:
    """A fault of the disk or the system as a sentence: the file, the fault and the remedy, as far as they are known."""
    if error.errno is None or not error.strerror:
        return str(error)
    files = " to ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return f"{files or 'a file of this job'}: {error.strerror}. {REMEDIES.get(error.errno, 'Mend that, and run again')}"


def disk_fault(error: BaseException, path: Path) -> int | None:
    """The number of the system's fault because of which `path` could not be written, or None if that was not the cause.

    safetensors has the number in its words, and what torch raises only hides an OSError.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno and found.filename in (None, str(path), path):
            return found.errno
        if type(found).__name__ == "SafetensorError" and (number := re.search(r"\(os error (\d+)\)", str(found))):
            return int(number[1])
        found = found.__cause__ or found.__context__
    return None
