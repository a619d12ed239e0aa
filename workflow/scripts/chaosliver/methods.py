"""The methods of a study as a paragraph for a paper, from the configuration that was run."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .anatomy import SEQUENCES
from .files import write_text

REFERENCES = (
    "Kavur AE, Gezer NS, Baris M, et al. CHAOS Challenge: combined (CT-MR) healthy abdominal organ segmentation. "
    "Medical Image Analysis 69 (2021) 101950. doi 10.1016/j.media.2020.101950",
    "Kavur AE, Selver MA, Dicle O, Baris M, Gezer NS. CHAOS Challenge data. Zenodo, 2019. doi 10.5281/zenodo.3431873",
    "Bloice MD, Roth PM, Holzinger A. Biomedical image augmentation using Augmentor. Bioinformatics 35 (2019) 4522. "
    "doi 10.1093/bioinformatics/btz259",
    "Ronneberger O, Fischer P, Brox T. U-Net: convolutional networks for biomedical image segmentation. MICCAI 2015. "
    "doi 10.1007/978-3-319-24574-4_28",
    "Mölder F, Jablonski KP, Letcher B, et al. Sustainable data analysis with Snakemake. F1000Research 10 (2021) 33. "
    "doi 10.12688/f1000research.29032.2",
)
LICENCE = (
    "The CHAOS data are under the licence CC BY-NC-SA 4.0: what shows pixels of them, and networks trained on them, "
    "may not be used commercially and is passed on under the same terms, with the sources cited."
)
PHANTOM = (
    "The slices are a phantom that the workflow drew: the figures show that the chain works, and nothing of patients."
)
METRICS = (
    "Predictions were resampled to each image's own grid and compared there with the ground truth. Dice is given as "
    "the mean over all slices of a patient, where one without organ in both counts as 1, over the slices whose ground "
    "truth holds the organ, and of the volume. RAVD (percent), ASSD and MSSD (mm, between border voxels at the slices' "
    "true positions) and the challenge's score are those of the challenge's evaluation code. An empty prediction has "
    "no distance and a score of 0. The unit of all statistics is the patient; seeds are replicates. Experiments were "
    "compared with the first one, patient by patient, by the Wilcoxon signed-rank test with Holm's correction over "
    "the comparisons of one measure; no test was made of fewer than six pairs that differ. Intervals are bootstrapped "
    "over patients (95 %, percentiles, widened for small samples)."
)


def write_methods(path: Path, study: Mapping[str, Any], cards: Sequence[Path]) -> None:
    """Write the page: data, split, each experiment's training, metrics, versions, references and licence.

    `study` holds `patients` {name: [cohort, sequences]}, `phantom`, `encodings`, `splits`, `augmentations` and
    `experiments` as resolved; `cards` describe its trainings.
    """
    versions = [json.loads(card.read_text(encoding="utf-8"))["versions"] for card in cards]
    parts = [
        "<h1>Methods</h1>",
        _paragraph("Data", _data(study)),
        _paragraph("Split", " ".join(_split(name, split) for name, split in study["splits"].items())),
        "<h2>Training</h2>",
        *(f"<p><b>{escape(name)}.</b> {escape(_training(study, name))}</p>" for name in study["experiments"]),
        _paragraph("Measures and statistics", METRICS),
        _paragraph("Software", _software(versions)),
        "<h2>References</h2>",
        "<ol>" + "".join(f"<li>{escape(reference)}</li>" for reference in REFERENCES) + "</ol>",
        _paragraph("Licence", PHANTOM if study["phantom"] else LICENCE),
    ]
    style = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    head = f'<meta charset="utf-8"><title>Methods</title><style>{style}</style>'
    write_text(
        path, f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


def _paragraph(title: str, text: str) -> str:
    return f"<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>"


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
            patients = "patient" if len(own) == 1 else "patients"
            counts.append(f"{len(own)} {patients} of the {cohort} cohort ({shown})")
    source = "a phantom" if study["phantom"] else "the CHAOS challenge's MRI (references 1 and 2)"
    encodings = " ".join(f"{name}: {_encoding(encoding)}." for name, encoding in study["encodings"].items())
    return (
        f"Slices of {source}: {' and '.join(counts)}. Images and ground truth were paired by name and place along z; "
        f"masks are grey ranges of the ground truth. Encodings: {encodings}"
    )


def _encoding(encoding: Mapping[str, Any]) -> str:
    low, high = encoding["percentiles"]
    window = f"window from the {low:g} to the {high:g} percentile"
    if encoding["bits"] == 16:
        return f"exact 16-bit values, {window} of the volume"
    overflow = ", the brightest pixels of each slice set to 0" if encoding.get("brightest_to_zero") else ""
    return f"8 bit, {window} of the {encoding['scaling']}{overflow}"


def _split(name: str, split: Mapping[str, Any]) -> str:
    if "folds" in split:
        held_out = f"{split['folds']} folds by patient, each held out once"
    elif isinstance(split["test"], list):
        held_out = f"patients {', '.join(split['test'])} held out"
    else:
        held_out = f"{split['test']} patients held out"
    if "validation_slices" in split:
        chosen = f"{split['validation_slices']:.0%} of the training slices, of whichever patient, chose the epoch"
    elif split["validation"]:
        chosen = f"{split['validation']} patients of the training side chose the epoch"
    else:
        chosen = "the last epoch was taken"
    return f"{name}: {held_out}; {chosen} (seed {split['seed']})."


def _training(study: Mapping[str, Any], name: str) -> str:
    experiment = study["experiments"][name]
    if snapshot := experiment["snapshot"]:
        return f"The best network of {snapshot['of']} within its first {snapshot['epoch']} epochs."
    recipe, network = experiment["recipe"], dict(experiment["network"])
    kind = network.pop("name")
    settings = "".join(f", {key} {value}" for key, value in network.items())
    grid = recipe["grid"]
    spacing = f" at {grid['spacing_mm']:g} mm" if grid["spacing_mm"] else ""
    organs = " and ".join([experiment["organ"], *experiment["other_organs"]])
    few = f", {experiment['training_patients']} of the training patients" if experiment["training_patients"] else ""
    seen = f", {2 * recipe['context'] + 1} neighbouring slices" if recipe["context"] else ""
    stop = f", stopped after {recipe['patience']} epochs without a better one" if recipe["patience"] else ""
    return (
        f"{organs} on {_titles(experiment['train_on'])} (encoding {experiment['encoding']}, split "
        f"{experiment['split']}{few}), scored on {_titles(experiment['score_on'])}. Network {kind}{settings}; "
        f"{grid['rows']} x {grid['columns']} pixels{spacing}{seen}. {_augmentation(study, experiment)} "
        f"{recipe['epochs']} epochs{stop}, batches of {recipe['batch_size']}, loss {recipe['loss']}, "
        f"{recipe['optimiser']} with a learning rate of {recipe['learning_rate']:g} ({recipe['schedule']}), "
        f"seeds {', '.join(map(str, experiment['seeds']))}. "
        f"{_errors(experiment)}Scored: {_scored(experiment)}."
    )


def _titles(sequences: Sequence[str]) -> str:
    return " and ".join(SEQUENCES[sequence].title for sequence in sequences)


def _augmentation(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    said = []
    if experiment["augmentation"] != "none":
        settings = study["augmentations"][experiment["augmentation"]]
        joined = "beside" if experiment["keep_originals"] else "in place of"
        grey = ", masks left grey" if settings.get("grey_masks") else ""
        said.append(f"{settings['samples']} samples by Augmentor (reference 3) {joined} the originals{grey}")
    if experiment["recipe"]["transforms"] == "strong":
        said.append("affine and elastic deformation, gamma, bias field, contrast and noise on the fly")
    return f"Augmentation: {' and '.join(said) or 'none'}."


def _errors(experiment: Mapping[str, Any]) -> str:
    if not experiment["recipe"]["stays_in_evaluation_mode"]:
        return ""
    return "After the first epoch dropout was off and batch statistics stood still, as in the original study. "


def _scored(experiment: Mapping[str, Any]) -> str:
    if experiment["scores"] == "logits":
        return "grey logits, as in the original study"
    largest = ", its largest connected component" if experiment["largest_component"] else ""
    return f"the mask of probabilities of {experiment['threshold']:g} and more{largest}"


def _software(versions: Sequence[Mapping[str, str]]) -> str:
    seen: dict[str, set[str]] = {}
    for each in versions:
        for package, version in each.items():
            seen.setdefault(package, set()).add(version)
    listed = ", ".join(f"{package} {' and '.join(sorted(found))}" for package, found in sorted(seen.items()))
    return f"Every step ran in Snakemake (reference 5); trainings with {listed}."
