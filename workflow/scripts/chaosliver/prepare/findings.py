"""What is wrong with a patient's files, as rows of a table, one plain sentence each.

An error keeps the patient out of the study, unless the configuration accepts it; a warning is shown in the quality
control.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId

REMEDY = "Mend the files, or drop the patient or the sequence from the patient sheet."
ACCEPTED = "accepted"


class Finding(NamedTuple):
    """What is wrong with `file`, a path below the patient's folder: a row of `columns.FINDING_COLUMNS`."""

    patient: str
    sequence: str
    file: str
    severity: str
    flag: str
    message: str


def error(volume: VolumeId, file: str, flag: str, message: str) -> Finding:
    """A finding that keeps the patient out of the study."""
    return Finding(volume.patient, volume.sequence, file, "error", flag, f"{file}: {message}")


def warning(volume: VolumeId, file: str, flag: str, message: str) -> Finding:
    """A finding that is shown, and keeps nobody out."""
    return Finding(volume.patient, volume.sequence, file, "warning", flag, f"{file}: {message}")


def accept(findings: Iterable[Mapping[str, Any]], accepted: Mapping[str, Collection[str]]) -> list[dict[str, Any]]:
    """The rows of `findings`, of which those of a patient's accepted flags have the severity `accepted`."""
    return [
        {**finding, "severity": ACCEPTED} if finding["flag"] in accepted.get(finding["patient"], ()) else {**finding}
        for finding in findings
    ]


def with_severity(severity: str, findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of `findings` that are of one severity: `error`, `warning` or `accepted`."""
    return [finding for finding in findings if finding["severity"] == severity]


def log_findings(findings: Iterable[Mapping[str, Any]], level: int) -> None:
    """Log each row of `findings` with its patient and sequence."""
    for finding in findings:
        title = SEQUENCES[finding["sequence"]].title
        logging.log(level, "patient %s, %s: %s", finding["patient"], title, finding["message"])
