"""The quartiles of a volume's body, worked out by hand, whatever the scale of its greys."""

import numpy as np
import pytest

from chaosliver.prepare.greys import grey_profile


def test_quartiles_are_those_of_the_body_as_shares_of_white():
    # White is the 99.5th percentile of 1,001 values: the one with 995 before it, of 200 at 4 and 1 to 801, is 796.
    volume = np.concatenate([np.full(200, 4), np.arange(1, 802)]).reshape(7, 11, 13)
    # The body are the values above 0.05 * 796 = 39.8: 40 to 801.
    expected = {"dark_quarter": 230.25, "middle": 420.5, "bright_quarter": 610.75}
    for scale in (1, 0.01, 3):
        found = grey_profile(volume * scale)
        assert found == pytest.approx({name: value / 796 for name, value in expected.items()})


def test_a_volume_of_air_has_no_profile():
    assert grey_profile(np.zeros((2, 3, 4))) == {}
