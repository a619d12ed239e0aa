"""A study's patients, encodings and splits in words, for the pages about its methods."""

from collections.abc import Mapping
from typing import Any

from ..base.anatomy import SEQUENCES
from ..base.wording import counted
from ..study.splits import HELD_OUT


def cohorts_in_words(study: Mapping[str, Any]) -> list[str]:
    """For each cohort that has patients, how many, and how many of them with each sequence."""
    counts = []
    for cohort in ("development", "test"):
        own = [sequences for group, sequences in study["patients"].values() if group == cohort]
        if own:
            shown = ", ".join(
                f"{sum(sequence in sequences for sequences in own)} with {facts.title}"
                for sequence, facts in SEQUENCES.items()
                if any(sequence in sequences for sequences in own)
            )
            counts.append(f"{counted(len(own), 'patient')} of the {cohort} cohort ({shown})")
    return counts


def encoding_in_words(encoding: Mapping[str, Any]) -> str:
    """Which grey values an encoding keeps of a slice."""
    if encoding.get("scaling") == "drawn":
        brighter = "black" if encoding["brightest_to_zero"] else "white as well"
        return (
            "8 bit, each slice drawn on 256 x 256 pixels by nearest neighbour, its second largest grey value white, "
            f"brighter pixels {brighter}"
        )
    low, high = encoding["percentiles"]
    window = f"window from the {low:g} to the {high:g} percentile"
    if encoding["bits"] == 16:
        return f"exact 16-bit values, {window} of the volume"
    return f"8 bit, {window} of the {encoding['scaling']}"


def split_in_words(name: str, split: Mapping[str, Any]) -> str:
    """A split by its name: who is held out, who validates, and what of the held-out patients is trained on."""
    parts = [held_out_in_words(split), validation_in_words(split)]
    if "copies" in split:
        parts.append(f"{split['copies']:.1%} of the held-out patients' slices were trained on as well")
    return f"{name}: {'; '.join(parts)} (seed {split['seed']})."


def held_out_in_words(split: Mapping[str, Any]) -> str:
    """Which patients a split holds out."""
    if "folds" in split:
        folds, draws = f"{split['folds']} folds by patient", split.get("draws", 1)
        if draws == 1:
            return f"{folds}, each held out once"
        return f"{folds}, drawn {'twice' if draws == 2 else f'{draws} times'}, each patient held out once per draw"
    if isinstance(split["test"], list):
        return f"patients {', '.join(split['test'])} held out"
    return f"{counted(split['test'], 'patient')} held out"


def validation_in_words(split: Mapping[str, Any]) -> str:
    """Which patients or slices a split validates on."""
    if "validation_slices" in split:
        return f"{split['validation_slices']:.0%} of the training patients' slices for validation"
    if split["validation"] == HELD_OUT:
        return "the held-out patients for validation as well"
    if split["validation"]:
        return f"{counted(split['validation'], 'patient')} of the training side for validation"
    return "no validation"
