"""Mappings become frozen dataclasses, or one error that names the field."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.settings import from_mapping


@dataclass(frozen=True)
class Grid:
    rows: int
    spacing_mm: float | None


@dataclass(frozen=True)
class Recipe:
    grid: Grid
    rate: float
    snapshots: tuple[int, ...] = ()


def test_inner_mappings_lists_and_whole_numbers_become_what_the_fields_say():
    recipe = from_mapping(Recipe, {"grid": {"rows": 64, "spacing_mm": 2}, "rate": 1, "snapshots": [3, 5]})
    assert recipe == Recipe(Grid(64, 2.0), 1.0, (3, 5))
    assert isinstance(recipe.rate, float) and isinstance(recipe.grid.spacing_mm, float)
    with pytest.raises(FrozenInstanceError):
        recipe.rate = 2.0


def test_none_stays_none_and_a_default_may_be_left_out():
    assert from_mapping(Recipe, {"grid": {"rows": 64, "spacing_mm": None}, "rate": 0.1}).grid.spacing_mm is None


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({"grid": {"rows": 64, "spacing_mm": None}}, "rate missing"),
        ({"grid": {"rows": 64}, "rate": 0.1}, "grid.spacing_mm missing"),
        ({"rate": 0.1}, "grid missing"),
        ({"grid": {"rows": 64, "spacing_mm": None}, "rate": 0.1, "rates": 1}, "rates"),
        ({"grid": {"rows": "64", "spacing_mm": None}, "rate": 0.1}, "grid.rows"),
    ],
)
def test_a_field_that_is_missing_unknown_or_of_another_type_is_named(mapping, named):
    with pytest.raises(InputError, match=rf"Recipe.*{named}"):
        from_mapping(Recipe, mapping)
