"""How far networks agree; what they answer is tested with the packs that hold them."""

import numpy as np
import pytest

from chaosliver.network.answers import lowest_agreement


def test_the_lowest_agreement_is_that_of_the_two_that_differ_most():
    masks = np.zeros((3, 1, 2, 4), bool)
    masks[0, 0, 0] = True
    masks[1, 0, 0, :3] = True
    masks[2, 0, :, :2] = True
    # 2 * 3 / 7, 2 * 2 / 8 and 2 * 2 / 7.
    assert lowest_agreement(masks) == pytest.approx(0.5)
    assert lowest_agreement(masks[:1]) is None
    assert lowest_agreement(np.zeros((2, 1, 2, 4), bool)) == 1.0
    assert lowest_agreement(np.stack([masks[0], np.zeros((1, 2, 4), bool)])) == 0.0
