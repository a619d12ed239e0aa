"""A training that is asked to stop ends at its next batch and says what is saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# What a scheduler sends before it kills: at the time limit, on preemption, when a user cancels.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


@contextmanager
def stop_requests() -> Iterator[Callable[[], str | None]]:
    """Give a function that names the signal which asked this process to stop, or None as long as none did.

    Slurm signals a job's processes twice within moments, as the job and as its step: once asked, the process takes no
    further signal of these, also after the context, so that it ends with its own words. SIGKILL remains. Python
    delivers signals to the main thread alone: elsewhere nothing is caught.
    """
    received: list[str] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)

    catching = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, remember) for number in catching}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if received else handler)
