"""Every setting of an experiment stands in its sentence with its own value; of further ones only what differs."""

import copy
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from chaosliver.study.configuration import read_schema
from chaosliver.tables import trainings_in_words as words
from chaosliver.tables.trainings_in_words import describe_trainings, sentences_of

ROOT = Path(__file__).resolve().parents[3]

RECIPE = {
    "grid": {"rows": 160, "columns": 224, "spacing_mm": 1.75},
    "coarse_start": None,
    "context": 2,
    "normalisation": "volume",
    "transforms": "strong",
    "contrasts": {"curve": 0.45, "clusters": 0.15, "organs": 0.25, "inversion": 0.05},
    "mixing": 0.35,
    "balanced": True,
    "epochs": 79,
    "samples_per_epoch": None,
    "batch_size": 6,
    "loss": "bce_dice",
    "optimiser": "adamw",
    "learning_rate": 0.0025,
    "weight_decay": 0.03,
    "largest_gradient": 4.5,
    "schedule": "cosine",
    "warmup_epochs": 3.5,
    "average": 0.98,
    "precision": "float32",
    "targets": "grey",
    "stays_in_evaluation_mode": True,
    "choose": "best",
    "patience": 12,
}
FULL = {
    "organ": "right_kidney",
    "other_organs": ["liver", "spleen"],
    "train_on": ["t1_in_phase", "t2_spir"],
    "score_on": ["t2_spir"],
    "encoding": "16bit",
    "split": "five_fold",
    "training_patients": 8,
    "seeds": [3, 5],
    "augmentation": "warped",
    "keep_originals": True,
    "network": {"name": "denseunet65", "growth": 32, "dropout": 0.25},
    "recipe": RECIPE,
    "threshold": 0.35,
    "largest_component": True,
    "scores": "mask",
    "snapshot": None,
}
AUGMENTATIONS = {
    "warped": {
        "samples": 300,
        "seed": 7,
        "rotate": {"probability": 0.85, "degrees": 11},
        "mirror": {"probability": 0.55},
        "zoom": {"probability": 0.35, "area": 0.75},
        "grey_masks": True,
    }
}
PLAIN = {"transforms": "none", "contrasts": dict.fromkeys(RECIPE["contrasts"], 0), "mixing": 0}
CONTRASTS = (
    "grey values along a random curve with probability 0.45, clusters of grey values changed each by itself with "
    "probability 0.15, organs' grey values changed each by itself with probability 0.25, grey values inverted with "
    "probability 0.05 and a part of another patient's slice put in with probability 0.35"
)
DROPOUT = "Dropout of 0.25 in one place: after the last 3 x 3 convolution."
FULL_SENTENCES = [
    "Segmented: right kidney, liver and spleen.",
    "Trained on T1 in phase and T2-SPIR, as many slices of each in every batch.",
    "Scored on T2-SPIR.",
    "Encoding 16bit, split five_fold, 8 of the training patients.",
    "Network: DenseUNet-65 (after reference 9), growth 32, dropout 0.25.",
    DROPOUT,
    "Images of 160 x 224 pixels at 1.75 mm, 5 neighbouring slices, grey values of each volume's body with mean 0 and "
    "standard deviation 1.",
    "Images and masks were resampled linearly to these pixels around the middle of the body, smoothed first where they "
    "shrink; predictions linearly back to each image's own pixels, and 0 beyond.",
    "Augmentation: 300 samples by Augmentor (reference 3; rotation by up to 11 degrees with probability 0.85, "
    "mirroring with probability 0.55, zoom into 0.75 of the area with probability 0.35; seed 7) beside the originals, "
    "masks left grey and affine and elastic deformation, gamma, bias field, contrast and noise on the fly; on the fly "
    f"{CONTRASTS}.",
    "79 epochs, stopped after 12 epochs without a better one, batches of 6, binary cross entropy and Dice as loss; the "
    "weights of the epoch with the highest validation Dice were taken.",
    "AdamW with a learning rate of 0.0025, falling along a cosine, rising over the first 3.5 epochs, weight decay "
    "0.03, gradients clipped to a norm of 4.5, weights averaged exponentially (0.98).",
    "Computed in float32.",
    "Targets: grey masks, as in the original study.",
    "Random seeds 3 and 5.",
    "After the first epoch dropout was off and batch statistics stayed as they were, as in the original study.",
    "A pixel belongs to the organ if its probability is 0.35 or more and it lies in the largest connected component.",
]
# What each change of the experiment above turns its sentences into.
CHANGES = [
    ({"other_organs": []}, ["Segmented: right kidney."]),
    ({"train_on": ["t1_out_of_phase"]}, ["Trained on T1 out of phase."]),
    ({"recipe": {"balanced": False}}, ["Trained on T1 in phase and T2-SPIR."]),
    ({"score_on": ["t1_in_phase", "t2_spir"]}, ["Scored on T1 in phase and T2-SPIR."]),
    ({"training_patients": None}, ["Encoding 16bit, split five_fold."]),
    (
        {"network": {"name": "unet", "depth": 3, "dropout": 0.1}},
        [
            "Network: U-Net (reference 4), depth 3, dropout 0.1.",
            "Dropout of 0.1 in 6 places: after each pooling and on each merged feature map of the decoder.",
        ],
    ),
    (
        {"network": {"name": "fast", "depth": 4}},
        ["Network: small U-Net (after reference 4), depth 4.", "No dropout."],
    ),
    (
        {"network": {"name": "denseunet167", "dropout": 0.25}},
        ["Network: DenseUNet-167 (after reference 9), dropout 0.25."],
    ),
    (
        {"network": {"name": "unet", "depth": 3, "dropout": 0}, "recipe": {"stays_in_evaluation_mode": False}},
        [
            "Network: U-Net (reference 4), depth 3, dropout 0.",
            "No dropout.",
            "Batch statistics were on in every epoch of training.",
        ],
    ),
    ({"recipe": {"precision": "auto"}}, [words.PRECISIONS["auto"]]),
    ({"seeds": [4]}, ["Random seed 4."]),
    ({"largest_component": False}, ["A pixel belongs to the organ if its probability is 0.35 or more."]),
    (
        {"scores": "logits"},
        ["A pixel is scored by its grey logit, rounded to three places for a slice, as in the original study."],
    ),
    (
        {"augmentation": "none"},
        [
            "Augmentation: affine and elastic deformation, gamma, bias field, contrast and noise on the fly; on the "
            f"fly {CONTRASTS}."
        ],
    ),
    (
        {"augmentation": "none", "recipe": {**PLAIN, "transforms": "strong"}},
        ["Augmentation: affine and elastic deformation, gamma, bias field, contrast and noise on the fly."],
    ),
    (
        {"augmentation": "none", "recipe": {**PLAIN, "transforms": "mild"}},
        [
            "Augmentation: affine and elastic deformation, gamma, bias field, contrast and noise on the fly, over half "
            "of their ranges."
        ],
    ),
    (
        {"augmentation": "none", "recipe": {**PLAIN, "mixing": 0.75}},
        ["Augmentation: on the fly a part of another patient's slice put in with probability 0.75."],
    ),
    ({"augmentation": "none", "recipe": PLAIN}, ["Augmentation: none."]),
    (
        {"keep_originals": False, "augmentation": "ungreyed", "recipe": PLAIN},
        [
            "Augmentation: 300 samples by Augmentor (reference 3; rotation by up to 11 degrees with probability 0.85, "
            "mirroring with probability 0.55, zoom into 0.75 of the area with probability 0.35; seed 7) in place of "
            "the originals."
        ],
    ),
    (
        {"recipe": {"grid": {"rows": 256, "columns": 240, "spacing_mm": None}, "context": 0, "normalisation": "none"}},
        [
            "Images of 256 x 240 pixels, raw grey values.",
            "Images and masks were resampled to this size, and predictions back to each image's own pixels, by area "
            "where they shrink and else linearly.",
        ],
    ),
    (
        {"recipe": {"context": 1, "normalisation": "window"}},
        [
            "Images of 160 x 224 pixels at 1.75 mm, 3 neighbouring slices, grey values from 0 to 1 over the window, "
            "clipped to it."
        ],
    ),
    (
        {"recipe": {"patience": None, "choose": "last", "loss": "bce"}},
        ["79 epochs, batches of 6, binary cross entropy as loss; the weights of the last epoch were taken."],
    ),
    (
        {
            "recipe": {
                "coarse_start": {"share": 0.75, "grid": {"rows": 96, "columns": 128, "spacing_mm": 3.0}},
                **{"patience": None, "choose": "last", "loss": "bce"},
            }
        },
        [
            "79 epochs, the first 75 % on 96 x 128 pixels at 3 mm, batches of 6, binary cross entropy as loss; "
            "the weights of the last epoch were taken."
        ],
    ),
    (
        {"recipe": {"samples_per_epoch": 400, "choose": "last"}},
        [
            "79 epochs of 400 slices, stopped after 12 epochs without a better one, batches of 6, binary cross entropy "
            "and Dice as loss; the weights of the last epoch were taken."
        ],
    ),
    (
        {
            "recipe": {
                **{"optimiser": "adam", "schedule": "constant", "warmup_epochs": 0, "weight_decay": 0},
                **{"largest_gradient": None, "average": 0},
            }
        },
        ["Adam with a learning rate of 0.0025, kept constant."],
    ),
    (
        {"recipe": {"targets": "binary"}},
        ["Targets: binary masks, of the organ where it covers half of one of these pixels or more."],
    ),
    (
        {"recipe": {"stays_in_evaluation_mode": False}},
        ["Dropout and batch statistics were on in every epoch of training."],
    ),
    ({}, []),
]


def changed(change: dict) -> dict:
    experiment = copy.deepcopy(FULL)
    return experiment | {**change, "recipe": experiment["recipe"] | change.get("recipe", {})}


def study_of(**experiments: dict) -> dict:
    ungreyed = {key: value for key, value in AUGMENTATIONS["warped"].items() if key != "grey_masks"}
    return {"experiments": experiments, "augmentations": AUGMENTATIONS | {"ungreyed": ungreyed}}


def test_every_setting_stands_in_its_sentence():
    assert sentences_of(study_of(full=FULL), "full") == FULL_SENTENCES
    assert describe_trainings(study_of(full=FULL)) == {"full": " ".join(FULL_SENTENCES)}


@pytest.mark.parametrize(("change", "sentences"), CHANGES)
def test_a_change_alters_its_own_sentence_alone(change, sentences):
    study = study_of(full=FULL, other=changed(change))
    own = sentences_of(study, "other")
    assert [sentence for sentence in own if sentence not in FULL_SENTENCES] == sentences
    told = f"As full, but: {' '.join(sentences)}" if sentences else "As full."
    assert describe_trainings(study)["other"] == told


def test_a_snapshot_is_told_by_its_training_and_epoch_and_what_follows_it_is_told_too():
    snapshot = FULL | {"snapshot": {"of": "full", "epoch": 19}}
    described = describe_trainings(study_of(full=FULL, full_epoch19=snapshot, last=changed({"seeds": [9]})))
    assert described["full_epoch19"] == "full after 19 epochs."
    assert described["last"] == "As full, but: Random seed 9."


def test_every_network_and_choice_of_the_configuration_has_words():
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    recipe = schema["$defs"]["experiment"]["properties"]["recipe"]["properties"]
    assert set(words.CONTRASTS) == set(recipe["contrasts"]["required"])
    assert set(words.NETWORKS) == set(schema["$defs"]["network"]["properties"]["name"]["enum"])
    for table, key in (
        (words.LOSSES, "loss"),
        (words.OPTIMISERS, "optimiser"),
        (words.NORMALISATIONS, "normalisation"),
        (words.CHOICES, "choose"),
        (words.SCHEDULES, "schedule"),
        (words.PRECISIONS, "precision"),
        (words.TARGETS, "targets"),
        (words.TRANSFORMS, "transforms"),
    ):
        assert set(table) == set(recipe[key]["enum"]), key


@pytest.mark.parametrize(
    "network",
    [
        {"name": "unet", "channels": 2, "depth": 3, "dropout": 0.1},
        {"name": "unet", "channels": 2, "depth": 1, "dropout": 0.1},
        {"name": "unet", "channels": 2, "depth": 1, "dropout": 0},
        {"name": "fast", "channels": 2, "depth": 2},
        {"name": "denseunet65", "dropout": 0.3},
    ],
    ids=str,
)
def test_dropout_acts_in_as_many_places_as_are_told(network):
    settings = {key: value for key, value in network.items() if key != "name"}
    built = import_module(f"chaosliver.network.architectures.{network['name']}").build(**settings)
    acted = []
    for layer in built.modules():
        if isinstance(layer, torch.nn.Dropout) and layer.p:
            layer.register_forward_hook(lambda *_: acted.append(1))
    built(torch.zeros(2, 1, 32, 32))
    told = sentences_of(study_of(one=changed({"network": network})), "one")[FULL_SENTENCES.index(DROPOUT)]
    found = re.fullmatch(r"Dropout of 0\.\d in (\d+|one) places?: .*", told)
    assert told == "No dropout." or found
    assert len(acted) == (0 if not found else 1 if found[1] == "one" else int(found[1]))
