"""Which experiments are compared, priced and joined to a learning curve."""

from dataclasses import replace

import pytest
from unit.study.configs import SCHEMA

from chaosliver.base.errors import InputError
from chaosliver.study.comparisons import comparisons_of, learning_curve_of, prices_of, shown_of
from chaosliver.study.experiments import resolve_experiments


def test_each_is_compared_with_the_first_and_with_what_it_is_based_on_but_for_others_snapshots(config):
    config["experiments"] |= {
        "kidney": {"based_on": "fast", "organ": "right_kidney", "other_organs": []},
        "shorter": {"based_on": "not_in_the_study"},
        "not_in_the_study": {"based_on": "fast"},
    }
    config["experiments"]["fast"]["recipe"]["snapshots"] = [20]
    config["experiments"]["original"]["recipe"]["snapshots"] = [20]
    config["study"] = ["original", "fast", "shorter", "kidney"]
    assert comparisons_of(resolve_experiments(config, SCHEMA), config) == [
        ("original_epoch20", "original"),
        ("fast", "original"),
        ("shorter", "original"),
        ("shorter", "fast"),
    ]


def test_figures_show_the_snapshots_of_the_first_experiment_alone(config):
    config["study"] = ["original", "as_published"]
    experiments = resolve_experiments(config, SCHEMA)
    assert shown_of(experiments) == [
        "original",
        *("original_epoch19", "original_epoch39", "original_epoch59"),
        "as_published",
    ]
    assert "as_published_epoch19" in experiments


def test_the_default_study_prices_each_error_of_the_published_one(config):
    prices = prices_of(resolve_experiments(config, SCHEMA), config)
    five_fold = ["published_five_fold_epoch19", "published_five_fold_epoch39", "published_five_fold_epoch59"]
    assert prices["published"] == [*five_fold, "published_five_fold"]
    assert prices["right"] == "original"
    assert [names[-1] for names in prices["each"].values()] == [
        "published_without_copies",
        "published_training_mode",
        "published_brightest_kept",
        "published_binary_masks",
    ]


@pytest.mark.parametrize(
    ("experiment", "split", "keys"),
    [
        ("published_without_copies", "five_fold_watched", set()),
        ("published_training_mode", "five_fold_published", {"recipe.stays_in_evaluation_mode"}),
        ("published_brightest_kept", "five_fold_published", {"encoding"}),
        ("published_binary_masks", "five_fold_published", {"augmentation", "recipe.targets"}),
        (
            "original",
            "five_fold",
            {"encoding", "augmentation", "scores", "score_on", "recipe.targets", "recipe.stays_in_evaluation_mode"},
        ),
    ],
)
def test_an_error_is_put_right_and_nothing_else_changed(config, experiment, split, keys):
    experiments = resolve_experiments(config, SCHEMA)
    published, right = (flat(experiments[name].plain()) for name in ("published_five_fold", experiment))
    assert {key for key in published if published[key] != right[key]} - {"split"} == keys
    assert right["split"] == split
    definitions = [config["splits"][name] for name in ("five_fold_published", split)]
    assert {key: definitions[0][key] for key in ("folds", "seed")} == {
        key: definitions[1][key] for key in ("folds", "seed")
    }
    # But for grey masks, both augmentations draw the same.
    grey, binary = (config["augmentations"][name] for name in ("augmentor_published", "augmentor"))
    assert grey == {**binary, "grey_masks": True}


def flat(settings, prefix=""):
    pairs = {}
    for key, value in settings.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return pairs


def test_as_published_is_published_five_fold_in_one_draw(config):
    experiments = resolve_experiments(config, SCHEMA)
    assert experiments["published_five_fold"] == replace(experiments["as_published"], split="five_fold_published")
    once, five = (config["splits"][name] for name in ("published", "five_fold_published"))
    assert {key: value for key, value in once.items() if key != "test"} == {
        key: value for key, value in five.items() if key != "folds"
    }


def test_a_study_without_the_published_one_prices_nothing(config):
    config["study"] = ["original", "published_training_mode"]
    assert prices_of(resolve_experiments(config, SCHEMA), config) == {}
    config["study"] = ["original", "published_five_fold", "published_training_mode"]
    assert list(prices_of(resolve_experiments(config, SCHEMA), config)["each"]) == ["evaluation mode never undone"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"split": "published"}, "split"),
        ({"split": "of_another_seed"}, "split"),
        ({"split": "drawn_twice"}, "split"),
        ({"seeds": [1, 2]}, "seeds"),
        ({"score_on": ["t2_spir"]}, "score_on"),
    ],
)
def test_what_is_scored_otherwise_has_no_price(config, changes, key):
    config["splits"]["of_another_seed"] = {**config["splits"]["five_fold_published"], "seed": 2}
    config["splits"]["drawn_twice"] = {**config["splits"]["five_fold_published"], "draws": 2}
    config["experiments"]["published_training_mode"] |= changes
    with pytest.raises(InputError, match=f"prices: published_training_mode has another {key} than published_five_fold"):
        prices_of(resolve_experiments(config, SCHEMA), config)


def test_the_learning_curve_joins_what_differs_in_the_number_of_patients_alone(config):
    """Of the default study, whose first experiment is also scored on more sequences and has snapshots."""
    assert learning_curve_of(resolve_experiments(config, SCHEMA)) == [
        "original",
        "patients_4",
        "patients_8",
        "patients_12",
    ]


def test_as_many_held_out_patients_as_the_published_study_are_needed(config):
    config["splits"]["three"] = {**config["splits"]["published"], "test": 3}
    config["experiments"]["other"] = {"based_on": "as_published", "split": "three"}
    config["prices"] = {"published": "as_published", "right": "other", "each": {}}
    config["study"] = ["as_published", "other"]
    with pytest.raises(InputError) as refused:
        prices_of(resolve_experiments(config, SCHEMA), config)
    assert str(refused.value) == (
        "config key prices: other has another split than as_published, so that the two cannot be compared. Give both "
        "the same, or name another experiment"
    )
    config["splits"]["three"]["test"] = 4
    assert prices_of(resolve_experiments(config, SCHEMA), config)["right"] == "other"


def test_a_price_is_told_how_many_folds_make_a_draw(config):
    prices = prices_of(resolve_experiments(config, SCHEMA), config)
    assert prices["folds_per_draw"] == 5
    # One draw is one draw, named or not.
    config["splits"]["five_fold_watched"]["draws"] = 1
    assert prices_of(resolve_experiments(config, SCHEMA), config) == prices
    config["prices"] = {"published": "as_published", "right": "as_published", "each": {}}
    config["study"] = ["as_published"]
    assert prices_of(resolve_experiments(config, SCHEMA), config)["folds_per_draw"] == 1
    for split in config["splits"].values():
        split |= {"draws": 2} if "folds" in split else {}
    config["prices"] = {"published": "published_five_fold", "right": "original", "each": {}}
    config["study"] = ["published_five_fold", "original"]
    assert prices_of(resolve_experiments(config, SCHEMA), config)["folds_per_draw"] == 5
