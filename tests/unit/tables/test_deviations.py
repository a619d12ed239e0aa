"""The original study is as the configuration has it, and departures from it are those of the settings."""

import copy
from pathlib import Path

import pytest
import yaml

from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import resolve_experiments
from chaosliver.tables.deviations import (
    IN_WORDS,
    ORIGINAL,
    ORIGINAL_STUDY,
    SETTINGS,
    VALUES,
    deviations_of,
    settings_in_words,
)

ROOT = Path(__file__).resolve().parents[3]
TABLES = {"encodings": "encoding", "splits": "split", "augmentations": "augmentation"}


@pytest.fixture(scope="module")
def default():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    experiments = {name: experiment.plain() for name, experiment in resolve_experiments(config, schema).items()}
    return {**{table: config[table] for table in TABLES}, "experiments": experiments}


AUGMENTED = settings_in_words(ORIGINAL_STUDY, ORIGINAL)["augmentation"]


def study_of(**experiments):
    return {**ORIGINAL_STUDY, "experiments": experiments}


def changed(**changes):
    experiment = {**copy.deepcopy(ORIGINAL), "snapshot": None} | changes
    return experiment | {"recipe": {**ORIGINAL["recipe"], **changes.get("recipe", {})}}


def test_the_original_study_is_that_of_as_published(default):
    published = default["experiments"]["as_published"]
    for table, key in TABLES.items():
        own = default[table][published[key]]
        assert ORIGINAL_STUDY[table][ORIGINAL[key]] == {name: value for name, value in own.items() if name != "seed"}
    for key, value in ORIGINAL.items():
        if key not in (*TABLES.values(), "recipe"):
            assert value == published[key], key
    recipe = published["recipe"]
    assert {key: recipe[key] for key in ORIGINAL["recipe"]} == {**ORIGINAL["recipe"], "precision": "auto"}
    assert set(recipe) - set(ORIGINAL["recipe"]) == {"snapshots", "compile"}


def test_as_published_departs_in_its_precision_alone_and_original_in_the_errors_too(default):
    def rows(name):
        return [row[:3] for row in deviations_of({**default, "experiments": {name: default["experiments"][name]}})]

    precision = ("precision", "float32", "the fastest that is safe on the device")
    assert rows("as_published") == [precision]
    assert [setting for setting, *_ in rows("original")] == [
        *("scored on", "encoding", "held out", "validation", "held-out slices in training", "augmentation"),
        *("masks in training", "evaluation mode from the second epoch on", "precision", "Dice is of"),
    ]
    assert ("held-out slices in training", "11.2%", "none") in rows("original")
    assert ("Dice is of", "grey logits", "masks") in rows("original")


def test_nothing_departs_from_the_original_where_all_is_as_there():
    assert deviations_of(study_of(one=changed(), two=changed())) == []


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"recipe": {"epochs": 20}}, ("epochs", "79", "20")),
        ({"recipe": {"learning_rate": 0.0025}}, ("learning rate", "0.001", "0.0025")),
        ({"recipe": {"patience": 7}}, ("epochs without a better one that end a training", "none ends it", "7")),
        (
            {"recipe": {"stays_in_evaluation_mode": False}},
            ("evaluation mode from the second epoch on", "yes", "no"),
        ),
        ({"recipe": {"samples_per_epoch": 300}}, ("slices in an epoch", "each training slice once", "300")),
        ({"recipe": {"loss": "bce_dice"}}, ("loss", "binary cross entropy", "binary cross entropy and Dice")),
        ({"recipe": {"average": 0.98}}, ("decay of the moving average of the weights", "0", "0.98")),
        ({"recipe": {"context": 2}}, ("neighbouring slices on either side", "0", "2")),
        (
            {"recipe": {"grid": {"rows": 160, "columns": 224, "spacing_mm": 1.8}}},
            ("image", "256 x 256 pixels", "160 x 224 pixels at 1.8 mm"),
        ),
        (
            {"recipe": {"coarse_start": {"share": 0.6, "grid": {"rows": 96, "columns": 128, "spacing_mm": None}}}},
            ("coarser pixels at first", "none", "the first 60 % on 96 x 128 pixels"),
        ),
        (
            {"recipe": {"transforms": "strong"}, "augmentation": "none"},
            (
                "augmentation",
                None,
                "affine and elastic deformation, gamma, bias field, contrast and noise on the fly",
            ),
        ),
        (
            {"recipe": {"contrasts": {"curve": 0.5, "clusters": 0, "organs": 0, "inversion": 0.125}}},
            (
                "augmentation",
                None,
                AUGMENTED + "; on the fly grey values along a random curve with probability 0.5 and grey "
                "values inverted with probability 0.125",
            ),
        ),
        ({"recipe": {"balanced": True}}, ("as many slices of each sequence in a batch", "no", "yes")),
        (
            {"network": {"name": "unet", "channels": 16, "depth": 4, "dropout": 0.2}},
            (
                "network",
                "U-Net (reference 4), channels 64, depth 4, dropout 0.2",
                "U-Net (reference 4), channels 16, depth 4, dropout 0.2",
            ),
        ),
        ({"training_patients": 4}, ("training patients", "all of the fold's", "4")),
        ({"other_organs": ["right_kidney"]}, ("organs", "liver", "liver, right kidney")),
        ({"largest_component": True}, ("largest component alone", "no", "yes")),
        ({"threshold": 0.25}, ("threshold of the probability", "0.5", "0.25")),
    ],
)
def test_a_changed_setting_is_one_row_with_both_values(change, row):
    ((setting, there, here, who),) = deviations_of(study_of(same=changed(), other=changed(**change)))
    assert (setting, here, who) == (row[0], row[2], "other")
    assert row[1] is None or there == row[1]


def test_experiments_are_named_by_the_shorter_list_and_snapshots_not_at_all():
    short = {"recipe": {"epochs": 20}}
    snapshot = changed(threshold=0.25) | {"snapshot": {"of": "a", "epoch": 5}}
    everyone = study_of(a=changed(**short), a_epoch5=snapshot, b=changed(**short))
    assert deviations_of(everyone) == [("epochs", "79", "20", "all")]
    three = study_of(a=changed(**short), b=changed(**short), c=changed(), d=changed(recipe={"epochs": 9}))
    assert deviations_of(three) == [("epochs", "79", "20", "a, b"), ("epochs", "79", "9", "d")]
    most = study_of(a=changed(**short), b=changed(**short), c=changed())
    assert deviations_of(most) == [("epochs", "79", "20", "all but c")]


def test_no_seed_is_told_of_the_original_study_or_counts_as_a_departure(default):
    own = copy.deepcopy(default)
    for table in ("augmentations", "splits"):
        for settings in own[table].values():
            settings["seed"] = 77
    assert deviations_of(own) == deviations_of(default)
    assert not {row for row in deviations_of(default) if any("seed" in cell for cell in row[:3])}


def test_every_name_of_a_setting_or_value_is_of_a_key_of_the_recipe():
    assert set(SETTINGS) | set(VALUES) <= set(ORIGINAL["recipe"])
    assert len(settings_in_words(ORIGINAL_STUDY, ORIGINAL)) == len(ORIGINAL["recipe"]) - len(IN_WORDS) + 15
