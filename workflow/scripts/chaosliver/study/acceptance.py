"""Findings on a patient that a configuration accepts by name, so that they keep nobody out of the study."""

from collections.abc import Collection, Mapping
from typing import Any

from ..base.errors import InputError
from ..base.wording import known

# Of masks that are readable, and which someone may have looked at and found right. What cannot be read, paired or
# placed is never accepted.
ACCEPTABLE = ("identical-masks", "mask-against-neighbours", "mask-off-organ", "mask-order", "liver-order")


def accepted_findings(config: Mapping[str, Any], patients: Collection[str]) -> dict[str, list[str]]:
    """The flags that a checked configuration accepts, by patient; YAML takes a patient's number for a number.

    Raises InputError that names a patient who is not in the sheet.
    """
    accepted: dict[str, list[str]] = {}
    for key, flags in config["accept_findings"].items():
        patient = str(key)
        if patient not in patients:
            raise InputError(
                f"config key accept_findings.{patient}: {config['patients']} lacks this patient. Drop the key, or "
                f"write the patient's name in quotes as it stands there. {known(patients)}"
            )
        accepted[patient] = list(dict.fromkeys([*accepted.get(patient, []), *flags]))
    return accepted
