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
from chaosliver.network.recipe import GridSettings, Recipe

SCHEMA = Path(__file__).resolve().parents[3] / "workflow/schemas/config.schema.yaml"


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]["experiment"]["properties"]["recipe"]


def test_a_recipe_has_the_settings_of_the_schema_with_the_same_choices(schema):
    assert [field.name for field in fields(Recipe)] == schema["required"]
    assert [field.name for field in fields(GridSettings)] == schema["properties"]["grid"]["required"]
    for field in fields(Recipe):
        if choices := schema["properties"][field.name].get("enum"):
            assert sorted(get_args(field.type)) == sorted(choices), field.name
    assert sorted(LOSSES) == sorted(schema["properties"]["loss"]["enum"])


def test_whole_numbers_lists_and_nothing_are_taken_as_a_configuration_says_them():
    recipe = from_mapping(Recipe, {**RECIPE, "largest_gradient": 5, "average": 0, "snapshots": [2, 3]})
    assert (recipe.largest_gradient, recipe.average, recipe.snapshots, recipe.patience) == (5.0, 0.0, (2, 3), None)
    assert recipe.grid == GridSettings(16, 24, None)


@pytest.mark.parametrize("wrong", [{"epochs": 1.5}, {"loss": "dice"}, {"grid": {"rows": 1}}, {"new": 1}])
def test_a_setting_that_does_not_exist_or_fit_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        from_mapping(Recipe, {**RECIPE, **wrong})
