"""The card that goes with a network when it is handed on, as the README.md of a model on Hugging Face.

What a card says follows Mitchell et al., 2019 (doi 10.1145/3287560.3287596); the YAML at its top follows Hugging Face's
specification (https://github.com/huggingface/hub-docs/blob/main/modelcard.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import yaml

from ..base.cards import read_card
from ..base.columns import PATIENT_COLUMNS
from ..base.files import read_tsv, write_text
from ..base.patient_order import natural
from ..base.wording import counted, enumerated
from ..measure.patient_statistics import FEWEST_PATIENTS
from ..study.runs import Run
from .data_in_words import encoding_in_words
from .modelscores import ORDER, Row, patients_of, score_table, scores_of, sequences_of
from .printed import PRINTED, title_of
from .references import CODE_LICENCE, REFERENCES
from .trainings import epochs_of, validated_on
from .trainings_in_words import images_in_words, scoring_in_words

INTENDED_USE = (
    "Research on the segmentation of abdominal organs in MRI, and repeating the study that the scores come from.\n\n"
    "**Not for clinical use.** It is no medical device: not for diagnosis, treatment or any decision about a patient. "
    "Sequences, scanners and diseases other than those trained on were not tested."
)
EVALUATION = (
    "Mean ± standard deviation over patients, and the 95 % bootstrap interval of the mean where there are at least "
    "{fewest} patients. *This network* is scored on the patients that its fold holds out. *All networks* are those of "
    "the experiment ({networks}), each scored on the patients that its own fold holds out; a patient's seeds and draws "
    "are averaged first. The intervals say how far the mean depends on which patients were there, not what another "
    "hospital or scanner would change."
)
MEASURES_NOTE = (
    'In "Dice, all slices" a slice with the organ in neither reference nor prediction counts as 1, so that slices '
    "without organ lift it. The study's `tables/methods.html` explains the other measures."
)
LOADING = """```python
import sys
from pathlib import Path

import torch

# Where chaos-liver is; its packages are installed.
sys.path.insert(0, "/path/to/chaos-liver/workflow/scripts")
from chaosliver.network.models import load_model

network, card = load_model(Path("{card}"), Path("{weights}"))
with torch.inference_mode():
    logits = network(torch.zeros(1, {inputs}, {rows}, {columns}))[:, 0]
```

`load_model` compares the weights with the SHA-256 in `{card}`. {images} {answer} The workflow makes these
images from DICOM, and brings the answer back to each image's own grid."""


class Source(NamedTuple):
    """What a network was trained on: its name, its name and licence on Hugging Face, terms, limits and references."""

    name: str
    dataset: str
    licence: str
    terms: str
    limit: str
    references: tuple[str, ...]


SOURCES = {
    "chaos": Source(
        name="CHAOS",
        dataset="chaos",
        licence="cc-by-nc-sa-4.0",
        terms=(
            "The CHAOS data (doi 10.5281/zenodo.3431873), which it was trained on, are under CC BY-NC-SA 4.0: no "
            "commercial use, the same terms for what is adapted from them, and the sources cited. Whether weights are "
            "adapted from the data they were trained on is not settled; the licence at the top of this card is the "
            "data's, which keeps to these terms in either case."
        ),
        limit="The patients of CHAOS come from one hospital, and their organs are healthy.",
        references=REFERENCES[:2],
    ),
    "phantom": Source(
        name="phantom",
        dataset="chaos-liver-phantom",
        licence="mit",
        terms="It was trained on a phantom that the workflow drew, which is under the workflow's licence.",
        limit="It has seen no patient: the scores show that the workflow runs, and say nothing about patients.",
        references=(),
    ),
}


def describe_model(
    *,
    card: Path,
    patients: list[Path],
    settings: dict[str, Any],
    source: str,
    experiment: str,
    run: str,
    readme: Path,
) -> None:
    """Write what a user of the weights needs to know: intended use, licence, split, scores, and how they were trained.

    `card` is the training's own, and `patients` are the tables of the patients held out from each network of the
    experiment. `settings` is `Plan.model_settings`, and `source` a key of SOURCES.
    """
    training = read_card(card)
    rows = [row for table in patients for row in read_tsv(table, PATIENT_COLUMNS)]
    _, fold, seed = Run.parse(experiment, run)
    own = [row for row in rows if (row["fold"], row["seed"]) == (fold, seed)]
    origin = SOURCES[source]
    sections = {
        "Intended use": INTENDED_USE,
        "Licence": f"{origin.terms} {CODE_LICENCE}",
        "Training": _training(training, settings, origin, patients_of(own)),
        "Evaluation": _evaluation(own, rows),
        "Limitations": _limitations(training, settings, origin, own),
        "How to load it": loading_of(training, settings),
        "Citation": citation_of(origin),
    }
    header = header_of(f"{experiment}/{run}", settings["organ"], origin, own)
    title = f"chaos-liver: {experiment}, fold {fold}, seed {seed}"
    write_text(readme, card_of(header, title, summary_of(training, settings, origin), sections))


def card_of(header: Mapping[str, Any], title: str, summary: str, sections: Mapping[str, str]) -> str:
    """A model card as text: the metadata as YAML, a title, a summary, and a section for each name."""
    body = "\n".join(f"## {name}\n\n{text}\n" for name, text in sections.items())
    return f"---\n{yaml.safe_dump(dict(header), sort_keys=False)}---\n\n# {title}\n\n{summary}\n\n{body}"


def header_of(name: str, organ: str, source: Source, rows: Sequence[Row]) -> dict[str, Any]:
    """The metadata for Hugging Face, whose results are those of the rows alone."""
    return {
        "license": source.licence,
        "library_name": "chaos-liver",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical", "mri", "abdomen", organ.replace("_", "-"), "snakemake"],
        "datasets": [source.dataset],
        "metrics": ["dice"],
        "model-index": [
            {"name": name, "results": [_result(sequence, source, rows) for sequence in sequences_of(rows)]}
        ],
    }


def _result(sequence: str, source: Source, own: Sequence[Row]) -> dict[str, Any]:
    scores = scores_of(own)
    return {
        "task": {"type": "image-segmentation"},
        "dataset": {
            "type": source.dataset,
            "name": f"{source.name}, {title_of(sequence)}",
            "split": "held-out patients",
        },
        "metrics": [
            {"type": measure, "name": f"{PRINTED[measure].heading}, mean of patients", "value": _rounded(fmean(values))}
            for measure in ORDER
            if (values := scores.get((sequence, measure)))
        ],
    }


def _rounded(value: float) -> float:
    """As many digits as the tables have."""
    return float(f"{value:.6g}")


def summary_of(training: Mapping[str, Any], settings: Mapping[str, Any], source: Source) -> str:
    """What the network is, and on what it was trained, in a sentence or two."""
    network = ", ".join(f"{key} {value}" for key, value in training["network"].items() if key != "name")
    others = settings["other_organs"]
    also = f" It also learned, without being scored: {_organs(others)}." if others else ""
    return (
        f"A network (`{training['network']['name']}`{', ' if network else ''}{network}) that segments the "
        f"{_organs([settings['organ']])} slice by slice in abdominal MRI, trained by the Snakemake workflow "
        f"chaos-liver on {source.name} data.{also}"
    )


def _training(training: Mapping[str, Any], settings: Mapping[str, Any], source: Source, held_out: Sequence[str]) -> str:
    validated, dice = validated_on(training, set(held_out)), training["validation_dice"]
    versions = ", ".join(f"{package} {version}" for package, version in sorted(training["versions"].items()))
    facts = {
        "data": f"{source.name}, {volumes_of(training['train_on'])}",
        "validated on": validated if dice is None else f"{validated}, Dice {dice:.3f} at the network's resolution",
        "held out": f"{counted(len(held_out), 'patient')} ({', '.join(held_out)})",
        "images": f"{encoding_in_words(settings['encoding'])}",
        "epochs": f"{epochs_of(training)}, weights of epoch {training['chosen_epoch']}",
        "versions": versions,
        "everything else": "`card.json`, and by epoch `history.tsv`",
    }
    return "\n".join(f"- {name}: {text}" for name, text in facts.items())


def volumes_of(names: Iterable[str]) -> str:
    """`T1 in phase of 3 patients (1, 6, 7)`: of names <sequence>/<patient>."""
    patients: dict[str, list[str]] = {}
    for sequence, patient in (name.split("/") for name in names):
        patients.setdefault(sequence, []).append(patient)
    return "; ".join(
        f"{title_of(sequence)} of {counted(len(own), 'patient')} ({', '.join(sorted(own, key=natural))})"
        for sequence, own in patients.items()
    )


def _evaluation(own: Sequence[Row], rows: Sequence[Row]) -> str:
    columns = {"this network": own, "all networks": rows}
    tables = [score_table(sequence, columns) for sequence in sequences_of(rows)]
    return "\n\n".join([EVALUATION.format(fewest=FEWEST_PATIENTS, networks=networks_of(rows)), *tables, MEASURES_NOTE])


def networks_of(rows: Sequence[Row]) -> str:
    """`5 folds, 1 seed`: the networks that scored the rows."""
    folds, seeds = (len({row[key] for row in rows}) for key in ("fold", "seed"))
    return f"{counted(folds, 'fold')}, {counted(seeds, 'seed')}"


def _limitations(training: Mapping[str, Any], settings: Mapping[str, Any], source: Source, own: Sequence[Row]) -> str:
    learned, scored = len({name.split("/")[1] for name in training["train_on"]}), patients_of(own)
    limits = [
        source.limit,
        f"It learned from {counted(learned, 'patient')}, and its scores are those of {len(scored)} others of the same "
        "data: that is no external test.",
        "Another seed or other folds give another network; the scores of all networks show how far they differ.",
    ]
    if copies := training["copies_of_held_out"]:
        limits.append(
            f"It was trained on {counted(len(copies), 'slice')} of the held-out patients as well, an error that this "
            "experiment repeats: the scores are no estimate for other patients."
        )
    if training["leaks"]["validation_slices"]:
        limits.append("It was validated on slices of patients that it was trained on: the validation Dice is too high.")
    if settings["scores"] == "logits":
        limits.append("Dice was computed from grey logits, as in the original study, not from a mask.")
    return "\n".join(f"- {limit}" for limit in limits)


def loading_of(
    training: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    card: str = "card.json",
    weights: str = "weights.safetensors",
) -> str:
    """How to load a network from its two files, what images it takes, and what its answer is."""
    recipe = training["recipe"]
    shape = {"inputs": 2 * recipe["context"] + 1, **{key: recipe["grid"][key] for key in ("rows", "columns")}}
    words = {"images": images_in_words(recipe), "answer": scoring_in_words(settings)}
    return LOADING.format(**shape, **words, card=card, weights=weights)


def citation_of(source: Source) -> str:
    """The references of the data, and of the workflow, as a list."""
    cited = [*source.references, "chaos-liver: see CITATION.cff of the workflow."]
    return "\n".join(f"- {reference}" for reference in cited)


def _organs(names: Iterable[str]) -> str:
    return enumerated([name.replace("_", " ") for name in names])
