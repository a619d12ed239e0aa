"""How each experiment of a study was trained and scored, in sentences for the methods page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..base.anatomy import SEQUENCES
from ..base.wording import enumerated


class NetworkWords(NamedTuple):
    """What a network is called, and where its dropout acts, by its settings and `places` (twice its depth)."""

    title: str
    dropout: str = ""


ENDS_ONCE = "in one place: after the last 3 x 3 convolution"
NETWORKS = {
    "unet": NetworkWords(
        "U-Net (reference 4)",
        "in {places} places: after each pooling and on each merged feature map of the decoder",
    ),
    "fast": NetworkWords("small U-Net (after reference 4)"),
    "denseunet65": NetworkWords("DenseUNet-65 (after reference 9)", ENDS_ONCE),
    "denseunet167": NetworkWords("DenseUNet-167 (after reference 9)", ENDS_ONCE),
}
LOSSES = {"bce": "binary cross entropy", "bce_dice": "binary cross entropy and Dice"}
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW"}
# The operations of an augmentation, each with the probability with which a sample undergoes it.
WARPS = {
    "rotate": "rotation by up to {degrees} degrees with probability {probability:g}",
    "mirror": "mirroring with probability {probability:g}",
    "zoom": "zoom into {area:g} of the area with probability {probability:g}",
}
STRONG = "affine and elastic deformation, gamma, bias field, contrast and noise on the fly"
TRANSFORMS = {"none": "", "mild": f"{STRONG}, over half of their ranges", "strong": STRONG}
CONTRASTS = {
    "curve": "grey values along a random curve",
    "clusters": "clusters of grey values changed each by itself",
    "organs": "organs' grey values changed each by itself",
    "inversion": "grey values inverted",
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
PRECISIONS = {
    "float32": "Computed in float32.",
    "auto": "Computed in bfloat16 where the device multiplies that natively, in float16 with scaled gradients on other "
    "CUDA devices, else in float32; CUDA multiplied float32 through TF32.",
}
TARGETS = {
    "grey": "Targets: grey masks, as in the original study.",
    "binary": "Targets: binary masks, of the organ where it covers half of one of these pixels or more.",
}
SCHEDULES = {"constant": "kept constant", "cosine": "falling along a cosine"}


def describe_trainings(study: Mapping[str, Any]) -> dict[str, str]:
    """Each experiment by name: the first in full, of every other what differs from it.

    `study` is that of `write_methods`.
    """
    first, *others = study["experiments"]
    usual = sentences_of(study, first)
    described = {first: " ".join(usual)}
    for name in others:
        if snapshot := study["experiments"][name]["snapshot"]:
            described[name] = f"{snapshot['of']} after {snapshot['epoch']} epochs."
            continue
        differing = [own for own, other in zip(sentences_of(study, name), usual, strict=True) if own != other]
        described[name] = f"As {first}, but: {' '.join(differing)}" if differing else f"As {first}."
    return described


def sentences_of(study: Mapping[str, Any], name: str) -> list[str]:
    """An experiment's training and scoring in sentences, each on its own subject and always in the same order."""
    experiment = study["experiments"][name]
    recipe = experiment["recipe"]
    organs = enumerated([organ.replace("_", " ") for organ in (experiment["organ"], *experiment["other_organs"])])
    few = f", {experiment['training_patients']} of the training patients" if experiment["training_patients"] else ""
    seeds = "seed" if len(experiment["seeds"]) == 1 else "seeds"
    return [
        f"Segmented: {organs}.",
        _sequences(experiment),
        f"Scored on {titles_of(experiment['score_on'])}.",
        f"Encoding {experiment['encoding']}, split {experiment['split']}{few}.",
        _network(experiment["network"]),
        _dropout(experiment["network"]),
        images_in_words(recipe),
        _resampling(recipe),
        _augmentation(study, experiment),
        _epochs(recipe),
        _optimisation(recipe),
        PRECISIONS[recipe["precision"]],
        TARGETS[recipe["targets"]],
        f"Random {seeds} {enumerated(experiment['seeds'])}.",
        _mode(experiment),
        scoring_in_words(experiment),
    ]


def _sequences(experiment: Mapping[str, Any]) -> str:
    balanced = experiment["recipe"]["balanced"] and len(experiment["train_on"]) > 1
    each = ", as many slices of each in every batch" if balanced else ""
    return f"Trained on {titles_of(experiment['train_on'])}{each}."


def titles_of(sequences: Sequence[str]) -> str:
    """Sequences as a sentence lists them."""
    return enumerated([SEQUENCES[sequence].title for sequence in sequences])


def _network(network: Mapping[str, Any]) -> str:
    return f"Network: {network_in_words(network)}."


def network_in_words(network: Mapping[str, Any]) -> str:
    """A network's title and its settings."""
    settings = [f"{key} {value}" for key, value in network.items() if key != "name"]
    return ", ".join([NETWORKS[network["name"]].title, *settings])


def _dropout(network: Mapping[str, Any]) -> str:
    if not _has_dropout(network):
        return "No dropout."
    places = NETWORKS[network["name"]].dropout.format(places=2 * network.get("depth", 0))
    return f"Dropout of {network['dropout']:g} {places}."


def _has_dropout(network: Mapping[str, Any]) -> bool:
    return bool(NETWORKS[network["name"]].dropout and network["dropout"])


def images_in_words(recipe: Mapping[str, Any]) -> str:
    """What a recipe makes of an image before the network sees it."""
    slices = f", {2 * recipe['context'] + 1} neighbouring slices" if recipe["context"] else ""
    return f"Images of {pixels_in_words(recipe['grid'])}{slices}, {NORMALISATIONS[recipe['normalisation']]}."


def pixels_in_words(grid: Mapping[str, Any]) -> str:
    """A grid's size, and its spacing if it has one."""
    spacing = f" at {grid['spacing_mm']:g} mm" if grid["spacing_mm"] else ""
    return f"{grid['rows']} x {grid['columns']} pixels{spacing}"


def _resampling(recipe: Mapping[str, Any]) -> str:
    if recipe["grid"]["spacing_mm"]:
        return (
            "Images and masks were resampled linearly to these pixels around the middle of the body, smoothed first "
            "where they shrink; predictions linearly back to each image's own pixels, and 0 beyond."
        )
    return (
        "Images and masks were resampled to this size, and predictions back to each image's own pixels, by area where "
        "they shrink and else linearly."
    )


def _epochs(recipe: Mapping[str, Any]) -> str:
    stop = f", stopped after {recipe['patience']} epochs without a better one" if recipe["patience"] else ""
    loss = f"{LOSSES[recipe['loss']]} as loss"
    passed = f" of {recipe['samples_per_epoch']} slices" if recipe["samples_per_epoch"] else ""
    start = f", {coarse_start_in_words(recipe['coarse_start'])}" if recipe["coarse_start"] else ""
    batches = f"batches of {recipe['batch_size']}"
    return f"{recipe['epochs']} epochs{passed}{stop}{start}, {batches}, {loss}; {CHOICES[recipe['choose']]}."


def coarse_start_in_words(start: Mapping[str, Any]) -> str:
    """On what pixels the first epochs were trained."""
    return f"the first {100 * start['share']:g} % on {pixels_in_words(start['grid'])}"


def _augmentation(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    return f"Augmentation: {augmentation_in_words(study, experiment)}."


def augmentation_in_words(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    """How an experiment's training slices were augmented, beforehand and on the fly; with the seed, if one is given."""
    ways = []
    if experiment["augmentation"] != "none":
        settings = study["augmentations"][experiment["augmentation"]]
        joined = "beside" if experiment["keep_originals"] else "in place of"
        grey = ", masks left grey" if settings.get("grey_masks") else ""
        warps = [WARPS[name].format(**settings[name]) for name in WARPS]
        seed = f"; seed {settings['seed']}" if "seed" in settings else ""
        ways.append(
            f"{settings['samples']} samples by Augmentor (reference 3; {', '.join(warps)}{seed}) {joined} the "
            f"originals{grey}"
        )
    if words := TRANSFORMS[experiment["recipe"]["transforms"]]:
        ways.append(words)
    return "; ".join([" and ".join(ways), *_random_contrasts(experiment["recipe"])]).removeprefix("; ") or "none"


def _random_contrasts(recipe: Mapping[str, Any]) -> list[str]:
    drawn = {words: recipe["contrasts"][kind] for kind, words in CONTRASTS.items()}
    drawn["a part of another patient's slice put in"] = recipe["mixing"]
    given = [f"{words} with probability {probability:g}" for words, probability in drawn.items() if probability]
    return [f"on the fly {enumerated(given)}"] if given else []


def _optimisation(recipe: Mapping[str, Any]) -> str:
    parts = [
        f"{OPTIMISERS[recipe['optimiser']]} with a learning rate of {recipe['learning_rate']:g}",
        SCHEDULES[recipe["schedule"]],
    ]
    if recipe["warmup_epochs"]:
        parts.append(f"rising over the first {recipe['warmup_epochs']:g} epochs")
    if recipe["weight_decay"]:
        parts.append(f"weight decay {recipe['weight_decay']:g}")
    if recipe["largest_gradient"]:
        parts.append(f"gradients clipped to a norm of {recipe['largest_gradient']:g}")
    if recipe["average"]:
        parts.append(f"weights averaged exponentially ({recipe['average']:g})")
    return f"{', '.join(parts)}."


def _mode(experiment: Mapping[str, Any]) -> str:
    if experiment["recipe"]["stays_in_evaluation_mode"]:
        return (
            "After the first epoch dropout was off and batch statistics stayed as they were, as in the original study."
        )
    acting = "Dropout and batch" if _has_dropout(experiment["network"]) else "Batch"
    return f"{acting} statistics were on in every epoch of training."


def scoring_in_words(experiment: Mapping[str, Any]) -> str:
    """When a pixel belongs to the organ: an experiment's `scores`, `threshold` and `largest_component`."""
    if experiment["scores"] == "logits":
        return "A pixel is scored by its grey logit, rounded to three places for a slice, as in the original study."
    largest = " and it lies in the largest connected component" if experiment["largest_component"] else ""
    return f"A pixel belongs to the organ if its probability is {experiment['threshold']:g} or more{largest}."
