"""Experiments are the baseline with overrides, and nonsense is refused by name."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from unit.study.configs import SCHEMA, change

from chaosliver.base.errors import InputError
from chaosliver.study.configuration import check_config
from chaosliver.study.experiments import Snapshot, merge, resolve_experiments


def coarse_start(grid, **recipe):
    """Half of the epochs on a grid without millimetres, unless it has some."""
    return {"recipe": {"coarse_start": {"share": 0.5, "grid": {"spacing_mm": None, **grid}}, **recipe}}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"colour": "red"}, r"config key experiments\.original\.colour: unknown"),
        (
            {"recipe": {"batch_size": 1024, "grid": {"rows": 4096, "columns": 4096}}},
            r"experiments\.original\.recipe: batch_size, grid and .* one layer takes 4096 GiB, more than a GPU has",
        ),
        (
            {"encoding": "12bit"},
            r"experiments\.original\.encoding: no encoding is named '12bit'\. Did you mean 16bit\? Known: 8bit",
        ),
        (
            {"augmentation": "much"},
            r"experiments\.original\.augmentation: .*Known: augmentor, augmentor_doubled, augmentor_published, none",
        ),
        ({"split": "random"}, r"experiments\.original\.split"),
        ({"recipe": {"grid": {"rows": 250}}}, r"recipe\.grid\.rows: 250 is not 2, 3"),
        ({"recipe": {"grid": {"columns": 16}}}, "columns: 16 is not 2, 3"),
        ({"based_on": "fsat"}, r"experiments\.original\.based_on: no experiment is named 'fsat'"),
        ({"based_on": "original"}, r"experiments\.original\.based_on: leads back to itself"),
        ({"recipe": {"context": 1}}, r"experiments\.original\.augmentation: .* recipe\.context must be 0"),
        ({"other_organs": ["liver"]}, r"experiments\.original\.other_organs: liver is the organ itself"),
        ({"network": {"dropout": 1.0}}, r"experiments\.original\.network\.dropout"),
        ({"network": {"name": "resnet"}}, r"experiments\.original\.network\.name: 'resnet' is not one of"),
        ({"network": {"layers": 65}}, r"experiments\.original\.network\.layers: unknown"),
        (
            {"network": {"name": "denseunet65", "depth": 4}},
            r"experiments\.original\.network\.depth: denseunet65 has no such setting\. Known: name, dropout",
        ),
        (
            {"network": {"name": "denseunet167"}, "recipe": {"grid": {"rows": 80}}},
            "80 is not .* 32, .* denseunet167 needs",
        ),
        ({"network": {"name": "denseunet167"}, "recipe": {"grid": {"rows": 32}}}, "32 is not 2, 3"),
    ],
)
def test_an_experiment_that_is_nonsense_is_refused_by_name(config, overrides, words):
    with pytest.raises(InputError, match=words):
        resolve_experiments(change(config, "experiments.original", overrides), SCHEMA)


def test_an_experiment_may_be_based_on_another(config):
    config["experiments"]["short"] = {"based_on": "fast", "recipe": {"epochs": 3}}
    config["study"] = ["fast", "short"]
    fast, short = resolve_experiments(config, SCHEMA).values()
    assert short == replace(fast, recipe={**fast.recipe, "epochs": 3})
    assert short.network == {"name": "fast", "channels": 32, "depth": 4}


def test_an_experiment_is_the_baseline_with_its_overrides(config):
    config["experiments"]["16bit_clipped"]["recipe"] = {"epochs": 3}
    experiment = resolve_experiments(config, SCHEMA)["16bit_clipped"]
    assert experiment.encoding == "16bit"
    assert experiment.recipe == {**config["baseline"]["recipe"], "epochs": 3}
    assert config["baseline"]["recipe"]["epochs"] == 79


def test_an_experiment_of_another_network_needs_its_name_alone_and_keeps_what_both_have(config):
    config["experiments"]["original"]["network"] = {"name": "denseunet65"}
    experiment = resolve_experiments(config, SCHEMA)["original"]
    assert experiment.network == {"name": "denseunet65", "dropout": config["baseline"]["network"]["dropout"]}


def test_a_setting_that_the_network_lacks_is_named(config):
    del config["baseline"]["network"]["depth"]
    check_config(config, SCHEMA)
    with pytest.raises(InputError, match=r"experiments\.original\.network: 'depth' is missing, which unet needs"):
        resolve_experiments(config, SCHEMA)


def test_a_snapshot_follows_its_experiment_as_one_of_its_own(config):
    study = change(change(config, "study", ["original"]), "experiments.original", {"recipe": {"snapshots": [20, 40]}})
    experiments = resolve_experiments(study, SCHEMA)
    assert list(experiments) == ["original", "original_epoch20", "original_epoch40"]
    assert experiments["original"].snapshot is None
    assert experiments["original_epoch40"].snapshot == Snapshot("original", 40)
    taken = change(study, "experiments.original_epoch40", {})
    with pytest.raises(InputError, match=r"experiments\.original_epoch40: the snapshot of original has that name"):
        resolve_experiments(taken, SCHEMA)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"snapshots": [20, 90]}, r"experiments\.original\.recipe\.snapshots: 90 lies beyond the 79 epochs"),
        ({"patience": 5}, r"experiments\.original\.recipe\.patience: waits for a better epoch, but the last is taken"),
        ({"choose": "best"}, r"experiments\.original\.recipe\.choose: .* validation patients, which the split has not"),
        ({"snapshots": [0]}, r"experiments\.original\.recipe\.snapshots\.0: 0 is less than the minimum of 1"),
    ],
)
def test_epochs_that_cannot_be_are_refused(config, recipe, message):
    study = change(change(config, "study", ["original"]), "experiments.original", {"recipe": recipe})
    with pytest.raises(InputError, match=message):
        resolve_experiments(study, SCHEMA)


def test_the_best_epoch_is_never_that_of_the_patients_that_are_scored(config):
    study = change(config, "experiments.as_published.recipe.choose", "best")
    with pytest.raises(
        InputError, match=r"as_published\.recipe\.choose: .* Set it to last, or splits\.published\.vali"
    ):
        resolve_experiments(study, SCHEMA)


def test_a_coarse_start_has_no_smaller_millimetres(config):
    """The grid of `fast` has 1.8 mm."""
    for spacing, refused in ((1.7, True), (1.8, False), (3, False)):
        start = {"share": 0.5, "grid": {"rows": 96, "columns": 128, "spacing_mm": spacing}}
        study = change(change(config, "study", ["fast"]), "experiments.fast.recipe.coarse_start", start)
        with pytest.raises(InputError, match="has smaller pixels") if refused else nullcontext():
            resolve_experiments(study, SCHEMA)


def test_drawn_slices_are_not_resampled_to_a_spacing(config):
    study = change(config, "experiments.original", {"recipe": {"grid": {"spacing_mm": 1.8}}})
    with pytest.raises(InputError, match=r"original\.recipe\.grid\.spacing_mm: 8bit_drawn draws all slices"):
        resolve_experiments(study, SCHEMA)


def test_copies_of_single_slices_have_no_neighbours(config):
    study = change(config, "experiments.as_published.recipe.context", 1)
    study = change(study, "experiments.as_published.augmentation", "none")
    with pytest.raises(InputError, match=r"splits\.published\.copies: single slices have no neighbours"):
        resolve_experiments(study, SCHEMA)


def test_validation_slices_go_with_no_validation_patients_and_no_neighbours(config):
    study = change(config, "study", ["validation_by_slice"])
    with pytest.raises(InputError, match=r"splits\.five_fold_by_slice\.validation_slices: .* set its validation to 0"):
        resolve_experiments(change(study, "splits.five_fold_by_slice.validation", 1), SCHEMA)
    patient = change(study, "experiments.validation_by_slice.recipe", {"patience": 3})
    assert resolve_experiments(patient, SCHEMA)["validation_by_slice"].recipe["patience"] == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"encoding": "12bit"},
            "experiments.original.encoding: no encoding is named '12bit'. Did you mean 16bit? Known: 8bit_drawn, "
            "8bit_published, 8bit, 8bit_per_slice, 16bit",
        ),
        (
            {"split": "none"},
            "experiments.original.split: no split is named 'none'. Known: five_fold, five_fold_validated, "
            "five_fold_by_slice, published, five_fold_published, five_fold_watched",
        ),
        (
            {"recipe": {"grid": {"columns": 40}}},
            "experiments.original.recipe.grid.columns: 40 is not 2, 3, ... times 16, as the experiment's unet needs",
        ),
        (
            {"recipe": {"context": 2}, "augmentation": "augmentor"},
            "experiments.original.augmentation: augmentor makes single slices with the mask of one organ, so "
            "recipe.context must be 0 and other_organs empty. Set recipe.transforms to strong instead",
        ),
        (
            {"other_organs": ["spleen"]},
            "experiments.original.augmentation: augmentor makes single slices with the mask of one organ, so "
            "recipe.context must be 0 and other_organs empty. Set recipe.transforms to strong instead",
        ),
        (
            {"other_organs": ["spleen", "liver"], "augmentation": "none"},
            "experiments.original.other_organs: liver is the organ itself. Leave it out",
        ),
        (
            {"recipe": {"snapshots": [80]}},
            "experiments.original.recipe.snapshots: 80 lies beyond the 79 epochs. Leave it out",
        ),
        (
            {"recipe": {"choose": "best"}},
            "experiments.original.recipe.choose: the best epoch is that of validation patients, which the "
            "split has not. Set it to last, or splits.five_fold.validation to 1 or more",
        ),
        (
            {"recipe": {"grid": {"spacing_mm": 2}}},
            "experiments.original.recipe.grid.spacing_mm: 8bit_drawn draws all slices with the same number of "
            "pixels, so that nothing can be resampled to a common spacing. Set it to null, or choose an encoding that "
            "is not drawn",
        ),
        (
            {"recipe": {"context": 1}, "augmentation": "none", "split": "published"},
            "splits.published.copies: single slices have no neighbours. Set experiments.original.recipe.context to 0",
        ),
        (
            {"recipe": {"context": 1}, "augmentation": "none", "split": "five_fold_by_slice"},
            "splits.five_fold_by_slice.validation_slices: slices drawn one by one validate in place of "
            "patients and have no neighbours: set its validation to 0, and experiments.original.recipe.context to 0",
        ),
        (
            coarse_start({"rows": 24, "columns": 128}),
            "experiments.original.recipe.coarse_start.grid.rows: 24 is not 2, 3, ... times 16, as the experiment's "
            "unet needs",
        ),
        (
            coarse_start({"rows": 128, "columns": 128, "spacing_mm": 3}),
            "experiments.original.recipe.coarse_start.grid.spacing_mm: give it here and in recipe.grid, or set "
            "both to null",
        ),
        (
            coarse_start({"rows": 128, "columns": 272}),
            "experiments.original.recipe.coarse_start.grid: has smaller pixels than recipe.grid. Exchange the two",
        ),
        (
            coarse_start({"rows": 128, "columns": 128}, snapshots=[40, 39]),
            "experiments.original.recipe.snapshots: 39 lies among the first 39 epochs, which coarse_start trains on "
            "other pixels than a prediction has. Leave it out",
        ),
        (
            {**coarse_start({"rows": 128, "columns": 128}, choose="best", patience=5), "split": "five_fold_validated"},
            "experiments.original.recipe.patience: would end the training among the coarse pixels of coarse_start, "
            "where no epoch need be better on the fine ones. Set it to null",
        ),
        (
            {"network": {"name": "fast", "dropout": 0.1}},
            "experiments.original.network.dropout: fast has no such setting. Known: name, channels, depth",
        ),
    ],
)
def test_the_whole_message_names_key_fault_and_remedy(config, overrides, message):
    study = change(change(config, "study", ["original"]), "experiments.original", overrides)
    with pytest.raises(InputError) as refused:
        resolve_experiments(study, SCHEMA)
    assert str(refused.value) == f"config key {message}"


@pytest.mark.parametrize(
    "overrides",
    [
        {"recipe": {"snapshots": [79]}},
        {"recipe": {"grid": {"rows": 32, "columns": 48}}},
        coarse_start({"rows": 128, "columns": 256}, snapshots=[40]),
        {"recipe": {"choose": "best", "patience": 3}, "split": "five_fold_validated"},
        {"recipe": {"choose": "best"}, "split": "five_fold_by_slice"},
        {"recipe": {"context": 2}, "augmentation": "none"},
        {"other_organs": ["spleen"], "augmentation": "none"},
        {"recipe": {"grid": {"spacing_mm": 2}}, "encoding": "16bit"},
        {"network": {"name": "denseunet65"}, "recipe": {"grid": {"rows": 64, "columns": 96}}},
        {"split": "published"},
    ],
)
def test_what_is_just_within_the_rules_is_taken(config, overrides):
    study = change(change(config, "study", ["original"]), "experiments.original", overrides)
    resolved = resolve_experiments(study, SCHEMA)["original"]
    assert merge(resolved.plain(), overrides) == resolved.plain()


def test_overrides_reach_through_every_ancestor_and_the_nearest_counts(config):
    config["experiments"] |= {
        "a": {"threshold": 0.1, "recipe": {"epochs": 1, "batch_size": 2}},
        "b": {"based_on": "a", "threshold": 0.2, "recipe": {"epochs": 3}},
        "c": {"based_on": "b", "recipe": {"learning_rate": 0.5}},
    }
    config["study"] = ["c", "a"]
    c, a = resolve_experiments(config, SCHEMA).values()
    assert (c.threshold, c.recipe["epochs"], c.recipe["batch_size"], c.recipe["learning_rate"]) == (0.2, 3, 2, 0.5)
    assert (a.threshold, a.recipe["epochs"], a.recipe["learning_rate"]) == (0.1, 1, 0.001)
    config["experiments"]["a"]["based_on"] = "c"
    with pytest.raises(InputError, match=r"experiments\.a\.based_on: leads back to itself\. Known: original"):
        resolve_experiments(config, SCHEMA)


def test_plain_settings_are_those_of_the_configuration(config):
    """In its order, with lists as lists: they go to params and JSON."""
    config["study"] = ["fast"]
    plain = resolve_experiments(config, SCHEMA)["fast"].plain()
    assert list(plain) == [*config["baseline"], "snapshot"]
    assert plain["other_organs"] == ["right_kidney", "left_kidney", "spleen"]
    assert (plain["seeds"], plain["snapshot"], plain["training_patients"]) == ([1], None, None)
    assert plain["network"] == {"name": "fast", "channels": 32, "depth": 4}
    assert list(plain["network"]) == ["name", "channels", "depth"]
