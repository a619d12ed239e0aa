"""Experiments are the baseline with overrides, and nonsense is refused by name."""

from dataclasses import replace

import pytest
from unit.study.configs import SCHEMA, change

from chaosliver.base.errors import InputError
from chaosliver.study.configuration import check_config
from chaosliver.study.experiments import Snapshot, resolve_experiments


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"colour": "red"}, r"config key experiments\.original\.colour: unknown"),
        ({"encoding": "12bit"}, r"experiments\.original\.encoding: no encoding is named '12bit'\. Known: 8bit"),
        (
            {"augmentation": "much"},
            r"experiments\.original\.augmentation: .*Known: augmentor, augmentor_published, none",
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
