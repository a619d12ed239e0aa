"""The settings of a training are those that the configuration allows."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml
from unit.network.examples import RECIPE

from chaosliver.base.errors import InputError
from chaosliver.base.settings import from_mapping
from chaosliver.network.losses import LOSSES
from chaosliver.network.recipe import CoarseStart, GridSettings, Recipe

SCHEMA = Path(__file__).resolve().parents[3] / "workflow/schemas/config.schema.yaml"


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]


def test_a_recipe_has_the_settings_of_the_schema_with_the_same_choices(schema):
    settings = schema["experiment"]["properties"]["recipe"]
    assert [field.name for field in fields(Recipe)] == settings["required"]
    assert [field.name for field in fields(CoarseStart)] == settings["properties"]["coarse_start"]["required"]
    assert [field.name for field in fields(GridSettings)] == schema["grid"]["required"]
    for field in fields(Recipe):
        if choices := settings["properties"][field.name].get("enum"):
            assert sorted(get_args(field.type)) == sorted(choices), field.name
    assert sorted(LOSSES) == sorted(settings["properties"]["loss"]["enum"])


def test_coarse_epochs_are_the_whole_ones_of_their_share_and_leave_at_least_one():
    """By hand: 0.75 of 32 are 24, of 10 are 7 whole ones, of 1 none; 0.99 of 50 are 49."""
    grid = {"rows": 8, "columns": 8, "spacing_mm": None}
    for share, epochs, coarse in ((0.75, 32, 24), (0.75, 10, 7), (0.75, 1, 0), (0.99, 50, 49)):
        start = {"share": share, "grid": grid}
        assert from_mapping(Recipe, {**RECIPE, "coarse_start": start, "epochs": epochs}).coarse_epochs == coarse
    assert from_mapping(Recipe, RECIPE).coarse_epochs == 0


def test_whole_numbers_lists_and_nothing_are_taken_as_a_configuration_says_them():
    recipe = from_mapping(Recipe, {**RECIPE, "largest_gradient": 5, "average": 0, "snapshots": [2, 3]})
    assert (recipe.largest_gradient, recipe.average, recipe.snapshots, recipe.patience) == (5.0, 0.0, (2, 3), None)
    assert recipe.grid == GridSettings(16, 24, None)


@pytest.mark.parametrize("wrong", [{"epochs": 1.5}, {"loss": "dice"}, {"grid": {"rows": 1}}, {"new": 1}])
def test_a_setting_that_does_not_exist_or_fit_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        from_mapping(Recipe, {**RECIPE, **wrong})
