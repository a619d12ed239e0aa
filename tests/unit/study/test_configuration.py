"""Wrong configurations are refused by the name of the key, and the library says which names there are."""

import pytest
from unit.study.configs import ROOT, SCHEMA, change, load

from chaosliver.base.anatomy import ORGANS
from chaosliver.base.errors import InputError
from chaosliver.study.configuration import check_config


def test_each_config_has_a_results_root_of_its_own():
    roots = [load(path.stem)["results"] for path in (ROOT / "config").glob("*.yaml")]
    assert len(set(roots)) == len(roots)


def test_the_configured_grey_ranges_are_the_challenges_own(config):
    assert {organ: tuple(limits) for organ, limits in config["grey_ranges"].items()} == ORGANS


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", 3, r"config key epochs: unknown\. Known: .*baseline"),
        ("archives.development.urls", "x", r"config key archives\.development\.urls: unknown"),
        ("baseline.recipe.epochs", 0, r"config key baseline\.recipe\.epochs: 0 is less than the minimum"),
        ("baseline.train_on", ["t3"], r"config key baseline\.train_on\.0: 't3' is not one of"),
        ("baseline.network.dropout", "high", r"config key baseline\.network\.dropout: 'high' is not of type"),
        ("archives.development.sha256", "abc", r"config key archives\.development\.sha256"),
        ("study", ["orignal"], r"config key study: no experiment is named 'orignal'\. Known: original"),
        ("splits.five_fold.seed", None, r"config key splits\.five_fold\.seed"),
        ("encodings.16bit.scaling", "slice", r"config key encodings\.16bit\.scaling: 16 bit keeps the exact"),
        ("encodings.8bit.percentiles", [99, 1], r"encodings\.8bit\.percentiles: \[99, 1\] must rise"),
        ("grey_ranges.liver", [70, 55], r"config key grey_ranges\.liver: \[70, 55\] must rise"),
        ("baseline.recipe.learning_rate", "1e-4", r"learning_rate: '1e-4' .* YAML takes it for text: write 0\.0001"),
        ("splits.five_fold.test", 4, r"config key splits\.five_fold: needs either folds or test"),
        ("splits.published.test", [13], r"config key splits\.published\.test: must be a number of patients, or a list"),
        ("archives.test", {"ground_truth": True}, r"config key archives\.test: names neither a path nor a url"),
        ("archives.test", {"ground_truth": True, "path": None}, r"archives\.test: names neither a path nor a url"),
        ("experiments.a/b", {}, r"a/b"),
        ("encodings.8bit_drawn.percentiles", [0, 99], r"encodings\.8bit_drawn\.percentiles: a drawn slice goes to its"),
        ("encodings.8bit.brightest_to_zero", True, r"encodings\.8bit\.brightest_to_zero: only a drawn slice loses"),
        ("encodings.8bit", {"bits": 8, "scaling": "volume"}, r"encodings\.8bit: 'percentiles' is missing"),
        ("encodings.8bit_drawn", {"bits": 8, "scaling": "drawn"}, r"8bit_drawn: 'brightest_to_zero' is missing"),
        ("splits.published.validation", "held", r"splits\.published\.validation: must be a number .* or held_out"),
        ("prices.right", "orignal", r"config key prices, right: no experiment is named 'orignal'"),
    ],
)
def test_a_wrong_key_is_named(config, key, value, words):
    with pytest.raises(InputError, match=words):
        check_config(change(config, key, value), SCHEMA)


def test_a_missing_key_is_named(config):
    del config["baseline"]["recipe"]["epochs"]
    with pytest.raises(InputError, match=r"config key baseline\.recipe: 'epochs' is missing"):
        check_config(config, SCHEMA)
