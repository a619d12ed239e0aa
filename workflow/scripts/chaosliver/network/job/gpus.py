"""Which device a job uses: a GPU that no other job of this user holds, or the CPU."""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout


@contextmanager
def claimed_device(threads: int) -> Iterator[torch.device]:
    """The device of this job: a GPU that no other job of this user holds, else MPS, else the CPU with so many threads.

    A single GPU is taken as it is: whoever set CUDA_VISIBLE_DEVICES, such as a scheduler, has decided. Among several, a
    lock file for each settles who has which, and a job waits while all are taken.
    """
    device = choose_device()
    if device.type != "cuda":
        if device.type == "cpu":
            logging.warning("no GPU found: running on the CPU with %d threads", threads)
        yield device
        return
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    with claim(names, _lock_folder()) as number:
        torch.cuda.set_device(number)
        yield torch.device("cuda", number)


@contextmanager
def claim(names: Sequence[str], folder: Path, poll_seconds: float = 2.0) -> Iterator[int]:
    """Hold the first of the devices `names` that is free, and give its position; a single one is not locked.

    The names are the same for all jobs, whatever part of the machine each of them sees. The operating system drops a
    claim with the process, however that ends.
    """
    if len(names) == 1:
        yield 0
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    locks = [FileLock(folder / f"{name}.lock") for name in names]
    waiting = False
    while (free := next((number for number, lock in enumerate(locks) if _taken(lock)), None)) is None:
        if not waiting:
            logging.info("all %d GPUs are taken by other jobs: waiting for one", len(names))
        waiting = True
        time.sleep(poll_seconds)
    try:
        yield free
    finally:
        locks[free].release()


def choose_device() -> torch.device:
    """CUDA where there is a GPU, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _lock_folder() -> Path:
    # One user's: a lock file of one user cannot be opened by another. On Windows the temporary folder is the user's.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"chaos-liver-gpus-{user}"
