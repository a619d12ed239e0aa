"""The card that goes with a network when it is handed on (Mitchell et al., 2019, doi 10.1145/3287560.3287596).

Its form is that of a README.md on Hugging Face: https://huggingface.co/docs/hub/model-cards.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..base.columns import MEASURES
from ..base.files import read_tsv, write_text
from ..base.patient_order import natural
from ..base.wording import counted
from .printed import NOTHING, PRINTED, title_of
from .references import REFERENCES

INTENDED_USE = (
    "Research on the segmentation of abdominal organs in MRI, and repeating the study that the scores come from.\n\n"
    "**Not for clinical use.** It is no medical device: not for diagnosis, treatment or any decision about a patient. "
    "Sequences, scanners and diseases other than those trained on were not tested."
)


class Source(NamedTuple):
    """What is said of the data that a network was trained on; `identifier` is its licence's name on Hugging Face."""

    identifier: str
    name: str
    data: str
    licence: str
    limits: tuple[str, ...]
    references: tuple[str, ...]


SOURCES = {
    "chaos": Source(
        "cc-by-nc-sa-4.0",
        "CHAOS",
        "MRI of the CHAOS challenge (doi 10.5281/zenodo.3431873), licence CC BY-NC-SA 4.0.",
        "The header names the licence of the data that the network was trained on, CC BY-NC-SA 4.0. Whether it binds "
        "the weights as well is not for this card to say; no wider permission is given here. The workflow's code is "
        "under the MIT licence.",
        (),
        REFERENCES[:2],
    ),
    "phantom": Source(
        "mit",
        "phantom",
        "Phantoms that the workflow drew, under its licence, MIT.",
        "The header names the licence of the workflow, which drew the phantoms: MIT.",
        ("Trained and scored on phantoms: the scores show that the workflow runs, and say nothing about patients.",),
        (),
    ),
}
LOADING = """\
With the code of chaos-liver and its packages installed, in the folder of this file:

```python
import sys
from pathlib import Path

sys.path.insert(0, "/path/to/chaos-liver/workflow/scripts")
from chaosliver.network.models import load_model

network, card = load_model(Path("card.json"), Path("weights.safetensors"))
```
"""


def describe_model(
    *,
    card: Path,
    patients: Path,
    source: str,
    organ: str,
    threshold: float,
    experiment: str,
    run: str,
    readme: Path,
) -> None:
    """Write what a user of the weights needs to know, as README.md with the metadata of Hugging Face.

    `card` is the training's own, `patients` the table of the patients held out from it, `source` a key of SOURCES;
    a pixel with a probability of at least `threshold` is of the `organ`.
    """
    training = json.loads(card.read_text(encoding="utf-8"))
    scored = _scored(read_tsv(patients, ("patient", "sequence", *MEASURES)))
    data, name = SOURCES[source], f"{experiment}, {run}"
    organ = organ.replace("_", " ")
    header = yaml.safe_dump(_header(data, organ, f"chaos-liver-{experiment}-{run}", scored), sort_keys=False)
    sections = {
        "Intended use": INTENDED_USE,
        "Training data": _training_data(data, training),
        "Training": _training(training),
        "Evaluation": _evaluation(scored, training),
        "Limitations": "\n".join(f"- {limit}" for limit in _limits(data, training, scored)),
        "How to load it": f"{LOADING}\n{_use(training, organ, threshold)}",
        "Licence": data.licence,
        "Citation": "\n\n".join(("chaos-liver, as its CITATION.cff says.", *data.references)),
    }
    text = f"# {name}: {organ} segmentation in abdominal MRI\n"
    text += "".join(f"\n## {title}\n\n{body.rstrip()}\n" for title, body in sections.items())
    write_text(readme, f"---\n{header}---\n\n{text}")


class _Score(NamedTuple):
    """A measure's mean and standard deviation over the patients that have it, each None where there are too few."""

    mean: float | None
    sd: float | None
    patients: int


Scored = Mapping[str, tuple[list[str], dict[str, _Score]]]


def _scored(rows: Sequence[Mapping[str, str]]) -> Scored:
    """By sequence: its patients, and the score of each measure."""
    by_sequence: dict[str, list[Mapping[str, str]]] = {}
    for row in sorted(rows, key=lambda row: row["sequence"]):
        by_sequence.setdefault(row["sequence"], []).append(row)
    return {
        sequence: (
            sorted({row["patient"] for row in of_sequence}, key=natural),
            {measure: _score([float(row[measure]) for row in of_sequence if row[measure]]) for measure in MEASURES},
        )
        for sequence, of_sequence in by_sequence.items()
    }


def _score(values: Sequence[float]) -> _Score:
    mean = statistics.fmean(values) if values else None
    return _Score(mean, statistics.stdev(values) if len(values) > 1 else None, len(values))


def _header(data: Source, organ: str, name: str, scored: Scored) -> dict[str, Any]:
    results = [_result(data, organ, sequence, scores) for sequence, (_, scores) in scored.items()]
    return {
        "license": data.identifier,
        "library_name": "pytorch",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical", "mri", "abdomen", organ, "research-only", "chaos-liver"],
        "datasets": [data.name],
        "metrics": list(MEASURES),
        "model-index": [{"name": name, "results": [result for result in results if result["metrics"]]}],
    }


def _result(data: Source, organ: str, sequence: str, scores: Mapping[str, _Score]) -> dict[str, Any]:
    return {
        "task": {"type": "image-segmentation", "name": f"{organ} segmentation in MRI"},
        "dataset": {
            "type": data.name,
            "name": f"{data.name}, {title_of(sequence)}, patients held out",
            "config": sequence,
            "split": "held out",
        },
        "metrics": [
            {
                "type": measure,
                "name": f"{PRINTED[measure].heading}, mean over {counted(score.patients, 'patient')}",
                "value": round(score.mean, 4),
            }
            for measure, score in scores.items()
            if score.mean is not None
        ],
    }


def _training_data(data: Source, training: Mapping[str, Any]) -> str:
    validated = _listed(training["validate_on"]) if training["validate_on"] else "- none"
    return f"{data.data}\n\nTrained on:\n\n{_listed(training['train_on'])}\n\nValidated on:\n\n{validated}"


def _listed(names: Iterable[str]) -> str:
    """Names <sequence>/<patient> as a list with an entry for each sequence."""
    patients: dict[str, list[str]] = {}
    for name in names:
        sequence, patient = name.split("/")
        patients.setdefault(sequence, []).append(patient)
    return "\n".join(
        f"- {title_of(sequence)}: {counted(len(found), 'patient')} ({', '.join(sorted(found, key=natural))})"
        for sequence, found in sorted(patients.items())
    )


def _training(training: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in training["network"].items() if key != "name")
    network = f"`{training['network']['name']}`{f' ({settings})' if settings else ''}"
    epochs = f"epoch {training['chosen_epoch']} of {training['recipe']['epochs']}"
    return (
        f"Network {network}, seed {training['seed']}; weights of {epochs}. `card.json` has every setting, the versions "
        "of the packages, and the SHA-256 of data, code and weights."
    )


def _evaluation(scored: Scored, training: Mapping[str, Any]) -> str:
    if not scored:
        return "No patient with ground truth was held out."
    lines = ["| sequence | measure | mean ± SD | patients |", "|---|---|---|---|"]
    for sequence, (_, scores) in scored.items():
        lines += [
            f"| {title_of(sequence)} | {PRINTED[measure].heading} | {_shown(measure, score)} | {score.patients} |"
            for measure, score in scores.items()
        ]
    held_out = [f"{sequence}/{patient}" for sequence, (patients, _) in scored.items() for patient in patients]
    return (
        f"Mean and standard deviation over patients held out from this training:\n\n{_listed(held_out)}\n\n"
        + "\n".join(lines)
        + "\n\nASSD, HD95 and MSSD leave out patients whose prediction is empty. All slices: a slice without organ in "
        "both reference and prediction counts as Dice 1." + _validation(training)
    )


def _shown(measure: str, score: _Score) -> str:
    decimals = PRINTED[measure].decimals
    if score.mean is None:
        return NOTHING
    return f"{score.mean:.{decimals}f}" + ("" if score.sd is None else f" ± {score.sd:.{decimals}f}")


def _validation(training: Mapping[str, Any]) -> str:
    dice = training["validation_dice"]
    return "" if dice is None else f"\n\nDice, 3D, on the validation patients: {dice:.3f}."


def _limits(data: Source, training: Mapping[str, Any], scored: Scored) -> list[str]:
    trained = {name.split("/")[1] for name in training["train_on"]}
    tested = {patient for patients, _ in scored.values() for patient in patients}
    limits = [
        *data.limits,
        f"{counted(len(trained), 'patient')} to train on and {len(tested)} held out, all of the same data set: that is "
        "no external test.",
        "Scores are of this one training; another seed or another division of the patients gives others.",
    ]
    if copies := training["copies_of_held_out"]:
        slices = counted(len(copies), "slice")
        limits.append(f"**Trained on {slices} of held-out patients as well: the scores are too good.**")
    if training["leaks"]["validation_slices"]:
        limits.append("Validated on slices of patients that it was trained on: the validation Dice is too good.")
    return limits


def _use(training: Mapping[str, Any], organ: str, threshold: float) -> str:
    grid, slices = training["recipe"]["grid"], 2 * training["recipe"]["context"] + 1
    others = "" if training["outputs"] == 1 else f" the first of {training['outputs']} outputs is the {organ};"
    return (
        f"It takes [batch, {slices}, {grid['rows']}, {grid['columns']}], slices prepared as `recipe` in `card.json` "
        f"says, and returns logits:{others} a probability of at least {threshold:g} is {organ}. `segment_volume` in "
        "`chaosliver.network.prediction` does both for a whole volume. `load_model` refuses weights whose SHA-256 is "
        "not that of the card."
    )
