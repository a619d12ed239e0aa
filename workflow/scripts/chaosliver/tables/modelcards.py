"""The card that goes with a network when it is handed on (Mitchell et al., 2019, doi 10.1145/3287560.3287596)."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.columns import MEASURES
from ..base.files import read_tsv, write_text

INTENDED_USE = (
    "Research on the segmentation of abdominal organs in MRI, and repeating the study that the scores come from. It is "
    "no medical device: not for diagnosis, treatment or any decision about a patient. Sequences, scanners and diseases "
    "other than those trained on were not tested."
)
LICENCES = {
    "chaos": "CC BY-NC-SA 4.0, the licence of the CHAOS data (doi 10.5281/zenodo.3431873) that it was trained on",
    "phantom": "MIT, the licence of the workflow that drew the phantom it was trained on",
}


def describe_model(*, card: Path, patients: Path, source: str, model_card: Path) -> None:
    """Write what a user of the weights needs to know: intended use, licence, split, scores, and how they were trained.

    `card` is the training's own, `patients` the table of the patients held out from it, `source` a key of LICENCES.
    """
    training = json.loads(card.read_text(encoding="utf-8"))
    rows = read_tsv(patients, ("patient", "sequence", *MEASURES))
    split = {"train": training["train_on"], "validation": training["validate_on"]}
    described = {
        "intended_use": INTENDED_USE,
        "licence": LICENCES[source],
        "split": {**split, "test": sorted(f"{row['sequence']}/{row['patient']}" for row in rows)},
        "scores": {"validation": {"dice_3d": training["validation_dice"]}, "test": _scores(rows)},
        "training": training,
    }
    write_text(model_card, json.dumps(described, indent=2, sort_keys=True) + "\n")


def _scores(rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Mean and standard deviation over the patients, by sequence and measure."""
    sequences = sorted({row["sequence"] for row in rows})
    return {
        sequence: {
            measure: _summary([float(row[measure]) for row in rows if row["sequence"] == sequence and row[measure]])
            for measure in MEASURES
        }
        for sequence in sequences
    }


def _summary(values: Sequence[float]) -> dict[str, float | int | None]:
    mean = statistics.fmean(values) if values else None
    return {"mean": mean, "sd": statistics.stdev(values) if len(values) > 1 else None, "patients": len(values)}
