"""The methods of a study as a page for a paper, from the configuration that was run."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..base.anatomy import SEQUENCES
from ..study.splits import HELD_OUT
from .pages import section, write_page

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
    "Hesterberg TC. What teachers should know about the bootstrap. The American Statistician 69 (2015) 371. "
    "doi 10.1080/00031305.2015.1089789",
    "Kerby DS. The simple difference formula. Comprehensive Psychology 3 (2014) 1. doi 10.2466/11.IT.3.1",
    "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement. "
    "The Lancet 327 (1986) 307. doi 10.1016/S0140-6736(86)90837-8",
    "Li X, Chen H, Qi X, Dou Q, Fu CW, Heng PA. H-DenseUNet: hybrid densely connected UNet for liver and tumor "
    "segmentation from CT volumes. IEEE Transactions on Medical Imaging 37 (2018) 2663. doi 10.1109/TMI.2018.2845918",
)
LICENCE = (
    "The CHAOS data (references 1 and 2) are under the licence CC BY-NC-SA 4.0: what shows pixels of them, and "
    "networks trained on them, may not be used commercially and is passed on under the same terms, with the sources "
    "cited."
)
PHANTOM = (
    "The slices are a phantom that the workflow drew: the figures show that the chain works, and nothing of patients. "
    "Nothing in this report is from the CHAOS data."
)
CODE_LICENCE = "The workflow's code is under the MIT licence."
NETWORKS = {
    "unet": "U-Net (reference 4)",
    "fast": "small U-Net (after reference 4)",
    "denseunet65": "DenseUNet-65 (after reference 9)",
    "denseunet167": "DenseUNet-167 (after reference 9)",
}
LOSSES = {"bce": "binary cross entropy", "bce_dice": "binary cross entropy and Dice"}
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW"}
# The operations of an augmentation, each with the probability with which a sample undergoes it.
WARPS = {
    "rotate": "rotation by up to {degrees} degrees at {probability:g}",
    "mirror": "mirroring at {probability:g}",
    "zoom": "zoom into {area:g} of the area at {probability:g}",
}
NORMALISATIONS = {
    "window": "grey values from 0 to 1 over the window, clipped to it",
    "none": "raw grey values",
    "volume": "grey values of each volume's body with mean 0 and standard deviation 1",
}
CHOICES = {
    "last": "the weights of the last epoch were taken",
    "best": "the weights of the epoch with the highest validation Dice were taken",
}
SCHEDULES = {"constant": "kept constant", "cosine": "falling along a cosine"}
METRICS = (
    "Predictions were resampled to each image's own grid and compared there with the ground truth. Dice is given as "
    "the mean over all slices of a patient, where one without organ in both counts as 1, over the slices whose ground "
    "truth holds the organ, and of the volume. RAVD (percent), ASSD and MSSD (mm, between border voxels at the slices' "
    "true positions) and the challenge's score are those of the challenge's evaluation code. An empty prediction has "
    "no distance and a score of 0. The unit of all statistics is the patient; seeds are replicates. Experiments were "
    "compared with the first one, and with the one that they are based on, patient by patient, by the Wilcoxon "
    "signed-rank test with Holm's correction over the comparisons of one measure with the same baseline; no test was "
    "made of fewer than six pairs that differ. The effect size is the matched-pairs rank-biserial correlation "
    "(reference 7). Intervals are bootstrapped over patients (95 %, percentiles, widened for small samples; reference "
    "6); volumes are compared by bias and 95 % limits of agreement (reference 8)."
)


def write_methods(*, study: Mapping[str, Any], cards: list[Path], page: Path) -> None:
    """Write the page: data, split, each experiment's training, metrics, versions, references and licence.

    `study` holds `patients` {name: [cohort, sequences]}, `phantom`, `encodings`, `splits`, `augmentations` and
    `experiments` as resolved; `cards` describe its trainings.
    """
    versions = [json.loads(card.read_text(encoding="utf-8"))["versions"] for card in cards]
    write_page(
        page,
        "Methods",
        [
            section("Data", _data(study)),
            section("Split", " ".join(_split(name, split) for name, split in study["splits"].items())),
            "<h2>Training</h2>",
            *(f"<p><b>{escape(name)}.</b> {escape(text)}</p>" for name, text in _trainings(study).items()),
            section("Measures and statistics", METRICS),
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
            patients = "patient" if len(own) == 1 else "patients"
            counts.append(f"{len(own)} {patients} of the {cohort} cohort ({shown})")
    source = "a phantom" if study["phantom"] else "the CHAOS challenge's MRI (references 1 and 2)"
    encodings = " ".join(f"{name}: {_encoding(encoding)}." for name, encoding in study["encodings"].items())
    return (
        f"Slices of {source}: {' and '.join(counts)}. Images and ground truth were paired by name and place along z; "
        f"masks are grey ranges of the ground truth. Encodings: {encodings}"
    )


def _encoding(encoding: Mapping[str, Any]) -> str:
    if encoding.get("scaling") == "drawn":
        brightest = "set to 0" if encoding["brightest_to_zero"] else "white too"
        return (
            "8 bit, each slice drawn on 256 x 256 pixels, its second largest grey value white, what is brighter "
            f"{brightest}"
        )
    low, high = encoding["percentiles"]
    window = f"window from the {low:g} to the {high:g} percentile"
    if encoding["bits"] == 16:
        return f"exact 16-bit values, {window} of the volume"
    return f"8 bit, {window} of the {encoding['scaling']}"


def _split(name: str, split: Mapping[str, Any]) -> str:
    if "folds" in split:
        held_out = f"{split['folds']} folds by patient, each held out once"
    elif isinstance(split["test"], list):
        held_out = f"patients {', '.join(split['test'])} held out"
    else:
        held_out = f"{split['test']} {'patient' if split['test'] == 1 else 'patients'} held out"
    if "validation_slices" in split:
        validated = f"{split['validation_slices']:.0%} of the training patients' slices for validation"
    elif split["validation"] == HELD_OUT:
        validated = "the held-out patients for validation as well"
    elif split["validation"]:
        patients = "patient" if split["validation"] == 1 else "patients"
        validated = f"{split['validation']} {patients} of the training side for validation"
    else:
        validated = "no validation"
    copied = (
        f"; {split['copies']:.1%} of the held-out patients' slices were trained on as well" if "copies" in split else ""
    )
    return f"{name}: {held_out}; {validated}{copied} (seed {split['seed']})."


def _trainings(study: Mapping[str, Any]) -> dict[str, str]:
    """The first experiment in full; of each other one what differs from it."""
    first, *others = study["experiments"]
    usual = _sentences(study, first)
    told = {first: " ".join(usual)}
    for name in others:
        if snapshot := study["experiments"][name]["snapshot"]:
            told[name] = f"{snapshot['of']} after {snapshot['epoch']} epochs."
            continue
        differing = [own for own, other in zip(_sentences(study, name), usual, strict=True) if own != other]
        told[name] = f"As {first}, but: {' '.join(differing)}" if differing else f"As {first}."
    return told


def _sentences(study: Mapping[str, Any], name: str) -> list[str]:
    """What there is to say of an experiment's training and scoring, always in the same places."""
    experiment = study["experiments"][name]
    recipe, grid = experiment["recipe"], experiment["recipe"]["grid"]
    network = dict(experiment["network"])
    kind = NETWORKS[network.pop("name")]
    settings = "".join(f", {key} {value}" for key, value in network.items())
    spacing = f" at {grid['spacing_mm']:g} mm" if grid["spacing_mm"] else ""
    organs = _listed([organ.replace("_", " ") for organ in (experiment["organ"], *experiment["other_organs"])])
    few = f", {experiment['training_patients']} of the training patients" if experiment["training_patients"] else ""
    seen = f", {2 * recipe['context'] + 1} neighbouring slices" if recipe["context"] else ""
    stop = f", stopped after {recipe['patience']} epochs without a better one" if recipe["patience"] else ""
    scaled = NORMALISATIONS[recipe["normalisation"]]
    seeds = "seed" if len(experiment["seeds"]) == 1 else "seeds"
    return [
        f"Segmented: {organs}.",
        f"Trained on {_titles(experiment['train_on'])}.",
        f"Scored on {_titles(experiment['score_on'])}.",
        f"Encoding {experiment['encoding']}, split {experiment['split']}{few}.",
        f"Network: {kind}{settings}.",
        f"Images of {grid['rows']} x {grid['columns']} pixels{spacing}{seen}, {scaled}.",
        _augmentation(study, experiment),
        f"{recipe['epochs']} epochs{stop}, batches of {recipe['batch_size']}, {LOSSES[recipe['loss']]} as loss; "
        f"{CHOICES[recipe['choose']]}.",
        _optimisation(recipe),
        "Targets: grey masks, as in the original study." if recipe["targets"] == "grey" else "Targets: binary masks.",
        f"Random {seeds} {_listed(experiment['seeds'])}.",
        _dropout(experiment),
        f"A pixel is {_scored(experiment)}.",
    ]


def _titles(sequences: Sequence[str]) -> str:
    return _listed([SEQUENCES[sequence].title for sequence in sequences])


def _listed(names: Sequence[Any]) -> str:
    """Names as a sentence has them: a, b and c."""
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last


def _augmentation(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    said = []
    if experiment["augmentation"] != "none":
        settings = study["augmentations"][experiment["augmentation"]]
        joined = "beside" if experiment["keep_originals"] else "in place of"
        grey = ", masks left grey" if settings.get("grey_masks") else ""
        warps = [WARPS[name].format(**settings[name]) for name in WARPS]
        said.append(
            f"{settings['samples']} samples by Augmentor (reference 3; {', '.join(warps)}; seed {settings['seed']}) "
            f"{joined} the originals{grey}"
        )
    if experiment["recipe"]["transforms"] == "strong":
        said.append("affine and elastic deformation, gamma, bias field, contrast and noise on the fly")
    return f"Augmentation: {' and '.join(said) or 'none'}."


def _optimisation(recipe: Mapping[str, Any]) -> str:
    told = [
        f"{OPTIMISERS[recipe['optimiser']]} with a learning rate of {recipe['learning_rate']:g}",
        SCHEDULES[recipe["schedule"]],
    ]
    if recipe["warmup_epochs"]:
        told.append(f"rising over the first {recipe['warmup_epochs']:g} epochs")
    if recipe["weight_decay"]:
        told.append(f"weight decay {recipe['weight_decay']:g}")
    if recipe["largest_gradient"]:
        told.append(f"gradients clipped to a norm of {recipe['largest_gradient']:g}")
    if recipe["average"]:
        told.append(f"weights averaged exponentially ({recipe['average']:g})")
    return f"{', '.join(told)}."


def _dropout(experiment: Mapping[str, Any]) -> str:
    if experiment["recipe"]["stays_in_evaluation_mode"]:
        return "After the first epoch dropout was off and batch statistics stood still, as in the original study."
    return "Dropout and batch statistics were on in every epoch of training."


def _scored(experiment: Mapping[str, Any]) -> str:
    if experiment["scores"] == "logits":
        return "scored by its grey logit, rounded to three places for a slice, as in the original study"
    largest = " and in the largest connected component" if experiment["largest_component"] else ""
    return f"the organ's where its probability is {experiment['threshold']:g} or more{largest}"


def _software(versions: Sequence[Mapping[str, str]]) -> str:
    seen: dict[str, set[str]] = {}
    for each in versions:
        for package, version in each.items():
            seen.setdefault(package, set()).add(version)
    listed = ", ".join(f"{package} {' and '.join(sorted(found))}" for package, found in sorted(seen.items()))
    return f"Every step ran in Snakemake (reference 5); trainings with {listed}."
