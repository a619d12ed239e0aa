"""The methods of a study as a page for a paper, from the configuration that was run."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..base.anatomy import SEQUENCES
from ..base.wording import counted
from ..study.splits import HELD_OUT
from .pages import section, write_page
from .references import CODE_LICENCE, LICENCE, METRICS, PHANTOM, REFERENCES
from .trainings_in_words import describe_trainings


def write_methods(*, study: Mapping[str, Any], cards: list[Path], page: Path) -> None:
    """Write the page: data, split, each experiment's training, metrics, versions, references and licence.

    `study` holds `patients` {name: [cohort, sequences]}, `phantom`, `surface_tolerance_mm`, `encodings`, `splits`,
    `augmentations` and `experiments` as resolved; `cards` describe its trainings.
    """
    versions = [json.loads(card.read_text(encoding="utf-8"))["versions"] for card in cards]
    write_page(
        page,
        "Methods",
        [
            section("Data", _data(study)),
            section("Split", " ".join(_split(name, split) for name, split in study["splits"].items())),
            "<h2>Training</h2>",
            *(f"<p><b>{escape(name)}.</b> {escape(text)}</p>" for name, text in describe_trainings(study).items()),
            section("Measures and statistics", METRICS.format(tolerance_mm=study["surface_tolerance_mm"])),
            section("Software", _software(versions)),
            "<h2>References</h2>",
            "<ol>" + "".join(f"<li>{escape(reference)}</li>" for reference in REFERENCES) + "</ol>",
            section("Licence", f"{PHANTOM if study['phantom'] else LICENCE} {CODE_LICENCE}"),
        ],
    )


def _data(study: Mapping[str, Any]) -> str:
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
    source = "a phantom" if study["phantom"] else "the CHAOS challenge's MRI (references 1 and 2)"
    encodings = " ".join(f"{name}: {_encoding(encoding)}." for name, encoding in study["encodings"].items())
    return (
        f"Slices of {source}: {' and '.join(counts)}. Images and ground truth were paired by name and place along z; "
        f"masks are grey ranges of the ground truth. Encodings: {encodings}"
    )


def _encoding(encoding: Mapping[str, Any]) -> str:
    if encoding.get("scaling") == "drawn":
        brighter = "black" if encoding["brightest_to_zero"] else "white as well"
        return (
            "8 bit, each slice drawn on 256 x 256 pixels, its second largest grey value white, brighter pixels "
            f"{brighter}"
        )
    low, high = encoding["percentiles"]
    window = f"window from the {low:g} to the {high:g} percentile"
    if encoding["bits"] == 16:
        return f"exact 16-bit values, {window} of the volume"
    return f"8 bit, {window} of the {encoding['scaling']}"


def _split(name: str, split: Mapping[str, Any]) -> str:
    parts = [_held_out(split), _validation(split)]
    if "copies" in split:
        parts.append(f"{split['copies']:.1%} of the held-out patients' slices were trained on as well")
    return f"{name}: {'; '.join(parts)} (seed {split['seed']})."


def _held_out(split: Mapping[str, Any]) -> str:
    if "folds" in split:
        folds, draws = f"{split['folds']} folds by patient", split.get("draws", 1)
        if draws == 1:
            return f"{folds}, each held out once"
        return f"{folds}, drawn {'twice' if draws == 2 else f'{draws} times'}, each patient held out once per draw"
    if isinstance(split["test"], list):
        return f"patients {', '.join(split['test'])} held out"
    return f"{counted(split['test'], 'patient')} held out"


def _validation(split: Mapping[str, Any]) -> str:
    if "validation_slices" in split:
        return f"{split['validation_slices']:.0%} of the training patients' slices for validation"
    if split["validation"] == HELD_OUT:
        return "the held-out patients for validation as well"
    if split["validation"]:
        return f"{counted(split['validation'], 'patient')} of the training side for validation"
    return "no validation"


def _software(versions: Sequence[Mapping[str, str]]) -> str:
    seen: dict[str, set[str]] = {}
    for each in versions:
        for package, version in each.items():
            seen.setdefault(package, set()).add(version)
    listed = ", ".join(f"{package} {' and '.join(sorted(found))}" for package, found in sorted(seen.items()))
    return f"Every step ran in Snakemake (reference 5); trainings with {listed}."
