"""The table of limits is in order, holds what was measured, and is the one that the page shows."""

import re
from pathlib import Path

import pytest

from chaosliver.base.anatomy import ORGANS
from chaosliver.prepare.limits import LIMITS, ORGAN_LIMITS, PIXEL_SPACING

PAGE = Path(__file__).resolve().parents[3] / "docs/reliability.md"


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.quantity)
def test_what_is_usual_is_possible_and_each_limit_has_its_reason(limit):
    assert 0 <= limit.least_possible <= limit.least_usual < limit.most_usual <= limit.most_possible
    # Said beside what the sample's volumes have.
    assert "sample" in limit.reason and len(limit.reason) > 50


def test_limits_are_values_that_are_still_possible_or_usual():
    values = (0.0999, 0.1, 0.2999, 0.3, 4.5, 4.5001, 10, 10.001)
    assert [PIXEL_SPACING.possible(value) for value in values] == [False, *[True] * 6, False]
    assert [PIXEL_SPACING.usual(value) for value in values] == [False] * 3 + [True] * 2 + [False] * 3
    for value in (float("nan"), float("inf"), -1.0):
        assert not PIXEL_SPACING.possible(value)


def test_every_organ_has_limits_of_its_own_and_both_kidneys_the_same():
    assert set(ORGAN_LIMITS) == set(ORGANS)
    assert {organ: limit.quantity for organ, limit in ORGAN_LIMITS.items()} == {
        "liver": "liver volume",
        "right_kidney": "kidney volume",
        "left_kidney": "kidney volume",
        "spleen": "spleen volume",
    }


def test_the_page_shows_this_table():
    rows = re.findall(
        r"^\| ([a-z ]+) \| ([^|]*) \| ([\d.]+) to ([\d.]+) \| ([\d.]+) to ([\d.]+) \| (.+) \|$", PAGE.read_text(), re.M
    )
    shown = [(name, unit.strip(), *map(float, numbers), reason) for name, unit, *numbers, reason in rows]
    assert shown == [
        (
            limit.quantity,
            limit.unit,
            *(limit.least_usual, limit.most_usual, limit.least_possible, limit.most_possible),
            limit.reason,
        )
        for limit in LIMITS
    ]
