"""What can become of a changed file."""

from dataclasses import dataclass

ACCEPTED, REFUSED = "accepted", "refused"


class WrongError(Exception):
    """A file was accepted, and another reader finds another content."""


@dataclass(frozen=True)
class Outcome:
    """What became of the input of a number: `what` is "accepted", "refused" or the fault, `detail` its message."""

    number: int
    what: str
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.what not in (ACCEPTED, REFUSED)
