"""A slice is told by its grey values, in whatever orientation and type they are stored."""

import hashlib

import numpy as np
import pytest

from chaosliver.prepare.fingerprints import fingerprint_of

PIXELS = np.random.default_rng(4).integers(0, 900, (5, 7)).astype(np.uint16)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_in_another_orientation_or_type_is_the_same_slice(quarters: int, mirrored: bool) -> None:
    copy = np.rot90(np.flip(PIXELS, 1) if mirrored else PIXELS, quarters).astype(np.float32)
    assert fingerprint_of(copy) == fingerprint_of(PIXELS)


def test_one_grey_level_or_another_arrangement_of_the_same_levels_makes_another_slice() -> None:
    brighter = PIXELS.copy()
    brighter[2, 3] += 1
    rearranged = np.sort(PIXELS, axis=1)
    reshaped = PIXELS.reshape(1, 35)
    assert len({fingerprint_of(each) for each in (PIXELS, brighter, rearranged, reshaped)}) == 4


def test_the_fingerprint_by_hand() -> None:
    """Of 1 2 / 1 1 the eight arrangements have the 2 in one of four corners."""
    corners = [[2, 1, 1, 1], [1, 2, 1, 1], [1, 1, 2, 1], [1, 1, 1, 2]]
    digests = [
        hashlib.sha256(b"2x2" + b"".join(value.to_bytes(4, "little") for value in corner)).hexdigest()
        for corner in corners
    ]
    assert fingerprint_of(np.array([[1, 2], [1, 1]])) == min(digests)


def test_a_slice_of_one_grey_value_has_none() -> None:
    assert fingerprint_of(np.full((4, 4), 7)) is None
