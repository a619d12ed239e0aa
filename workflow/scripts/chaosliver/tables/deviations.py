"""Where each experiment of a study departs from the original study, setting by setting (docs/original.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from .data_in_words import encoding_in_words, held_out_in_words, validation_in_words
from .trainings_in_words import (
    CHOICES,
    LOSSES,
    NORMALISATIONS,
    OPTIMISERS,
    SCHEDULES,
    augmentation_in_words,
    coarse_start_in_words,
    network_in_words,
    pixels_in_words,
    titles_of,
)

# The original study's settings, under the keys of the configuration; a test holds them to `as_published`. It tells no
# seeds.
ORIGINAL_STUDY: dict[str, Any] = {
    "encodings": {"its own": {"bits": 8, "scaling": "drawn", "brightest_to_zero": True}},
    "splits": {"its own": {"test": 4, "validation": "held_out", "copies": 0.112}},
    "augmentations": {
        "its own": {
            "samples": 400,
            "rotate": {"probability": 0.85, "degrees": 10},
            "mirror": {"probability": 0.55},
            "zoom": {"probability": 0.35, "area": 0.85},
            "grey_masks": True,
        }
    },
}
ORIGINAL: dict[str, Any] = {
    "organ": "liver",
    "other_organs": [],
    "train_on": ["t1_in_phase"],
    "score_on": ["t1_in_phase"],
    "encoding": "its own",
    "split": "its own",
    "training_patients": None,
    "augmentation": "its own",
    "keep_originals": False,
    "network": {"name": "unet", "channels": 64, "depth": 4, "dropout": 0.2},
    "recipe": {
        "grid": {"rows": 256, "columns": 256, "spacing_mm": None},
        "coarse_start": None,
        "context": 0,
        "normalisation": "window",
        "transforms": "none",
        "contrasts": {"curve": 0, "clusters": 0, "organs": 0, "inversion": 0},
        "mixing": 0,
        "balanced": False,
        "epochs": 79,
        "samples_per_epoch": None,
        "batch_size": 4,
        "loss": "bce",
        "optimiser": "adam",
        "learning_rate": 0.001,
        "weight_decay": 0,
        "largest_gradient": None,
        "schedule": "constant",
        "warmup_epochs": 0,
        "average": 0,
        "targets": "grey",
        "stays_in_evaluation_mode": True,
        "precision": "float32",
        "choose": "last",
        "patience": None,
    },
    "threshold": 0.5,
    "largest_component": False,
    "scores": "logits",
}
# What a recipe's keys set, where they do not say it themselves.
SETTINGS = {
    "context": "neighbouring slices on either side",
    "normalisation": "grey values",
    "balanced": "as many slices of each sequence in a batch",
    "samples_per_epoch": "slices in an epoch",
    "largest_gradient": "largest norm of the gradients",
    "schedule": "learning rate over the epochs",
    "average": "decay of the moving average of the weights",
    "targets": "masks in training",
    "stays_in_evaluation_mode": "evaluation mode from the second epoch on",
    "choose": "weights that are used",
    "patience": "epochs without a better one that end a training",
}
# What a recipe's values are called.
VALUES: dict[str, Mapping[Any, str]] = {
    "normalisation": NORMALISATIONS,
    "samples_per_epoch": {None: "each training slice once"},
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "precision": {"auto": "the fastest that is safe on the device"},
    "choose": CHOICES,
    "patience": {None: "none ends it"},
}
# Of a recipe: what the table has under other names.
IN_WORDS = ("grid", "coarse_start", "transforms", "contrasts", "mixing")
# What no setting shows.
ALWAYS = (
    "A snapshot departs as its experiment does, and in its number of epochs. Beside the settings, in every experiment: "
    "the slices of an epoch are spread evenly over its batches, where the original's last batch was smaller; of the "
    "original's matrices of 288 x 288 the masks stayed so, and here they are resampled to the image's pixels; random "
    "draws are other ones, since the original tells no seeds."
)


def deviations_of(study: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """What differs from the original study: setting, there, here, and which experiments; in the order of the settings.

    `study` is that of `write_methods`; its snapshots are left out.
    """
    original = settings_in_words(ORIGINAL_STUDY, ORIGINAL)
    every = {
        name: settings_in_words(study, experiment)
        for name, experiment in study["experiments"].items()
        if not experiment["snapshot"]
    }
    rows = []
    for setting, there in original.items():
        for here in dict.fromkeys(settings[setting] for settings in every.values()):
            if here != there:
                alike = [name for name, settings in every.items() if settings[setting] == here]
                rows.append((setting, there, here, _named(alike, list(every))))
    return rows


def settings_in_words(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> dict[str, str]:
    """An experiment's settings in words, by what they set; seeds, and what alters no result, are left out."""
    recipe, split = experiment["recipe"], study["splits"][experiment["split"]]
    unseeded = {
        name: {key: value for key, value in settings.items() if key != "seed"}
        for name, settings in study["augmentations"].items()
    }
    return {
        "organs": ", ".join([experiment["organ"], *experiment["other_organs"]]).replace("_", " "),
        "trained on": titles_of(experiment["train_on"]),
        "scored on": titles_of(experiment["score_on"]),
        "encoding": encoding_in_words(study["encodings"][experiment["encoding"]]),
        "held out": held_out_in_words(split),
        "validation": validation_in_words(split),
        "held-out slices in training": f"{split['copies']:.1%}" if split.get("copies") else "none",
        "training patients": _value(experiment["training_patients"] or "all of the fold's"),
        "augmentation": augmentation_in_words({"augmentations": unseeded}, experiment),
        "network": network_in_words(experiment["network"]),
        "image": pixels_in_words(recipe["grid"]),
        "coarser pixels at first": coarse_start_in_words(start) if (start := recipe["coarse_start"]) else "none",
        **{
            SETTINGS.get(key, key.replace("_", " ")): VALUES.get(key, {}).get(recipe[key]) or _value(recipe[key])
            for key in ORIGINAL["recipe"]
            if key not in IN_WORDS
        },
        "threshold of the probability": _value(experiment["threshold"]),
        "largest component alone": _value(experiment["largest_component"]),
        "Dice is of": {"mask": "masks", "logits": "grey logits"}[experiment["scores"]],
    }


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _named(alike: Sequence[str], every: Sequence[str]) -> str:
    """Some of the experiments by the shorter list: theirs, or that of the others."""
    others = [name for name in every if name not in alike]
    if not others:
        return "all"
    return f"all but {', '.join(others)}" if len(others) < len(alike) else ", ".join(alike)
