"""Each flag on volumes made so that it, and nothing else, is raised; and at its limit."""

import numpy as np
import pytest
from unit.exams.conftest import DESCRIBED, ORIENTATIONS, write_series

from chaosliver.exams.flags import flags_of, share_apart
from chaosliver.exams.series import find_series
from chaosliver.exams.volumes import axial, read_series
from chaosliver.network.answers import Answer

SHAPE = (7, 10, 12)
# Of 1.5 x 2.25 x 6 mm: 20.25 microlitres a voxel, so the lower limit of 550 mL is far beyond these small volumes.
SMALL = {**DESCRIBED, "organ": "spleen"}
BLOCK = (slice(2, 5), slice(2, 8), slice(3, 9))


def greys_of(shape=SHAPE):
    """Random grey values that change from slice to slice as a body does: each lies between those beside it."""
    first, last = np.random.default_rng(1).integers(200, 900, (2, *shape[1:]))
    share = np.linspace(0, 1, shape[0])[:, None, None]
    return np.rint((1 - share) * first + share * last).astype(int)


def looked_at(tmp_path, greys=None, described=SMALL, mask=None, organ=None, agreement=None, known=0, **where):
    greys = greys_of() if greys is None else greys
    ((series,), _) = find_series(write_series(tmp_path / "exam", greys, **where))
    volume = read_series(series)
    view = axial(volume)
    if mask is None:
        mask = np.zeros(view.greys.shape, bool)
        mask[BLOCK] = True
    organ = mask if organ is None else organ
    return flags_of(described, volume, view, Answer(mask.astype(np.float32), organ, mask, agreement), known)


def names(flags):
    return [flag.name for flag in flags]


def test_what_is_like_training_and_like_an_organ_has_no_flag(tmp_path):
    assert looked_at(tmp_path) == []
    assert looked_at(tmp_path / "two", agreement=0.85) == []


def test_slices_that_were_trained_on_are_counted(tmp_path):
    (flag,) = looked_at(tmp_path, known=3)
    assert flag.name == "trained on" and "3 of its 7 slices" in flag.sentence


@pytest.mark.parametrize(
    ("seen", "raised"),
    [
        # Rows are 1.5 mm apart, columns 2.25 mm, slices 6 mm; a tenth more or less is as good.
        ({"row_spacing_mm": [1.66, 2.0]}, []),
        ({"row_spacing_mm": [1.68, 2.0]}, ["distance of rows"]),
        ({"column_spacing_mm": [1.0, 2.05]}, []),
        ({"column_spacing_mm": [1.0, 2.04]}, ["distance of columns"]),
        ({"slice_distance_mm": [2.0, 5.4]}, ["distance of slices"]),
        ({"rows": [12, 14]}, ["number of rows"]),
        ({"rows": [11, 14]}, []),
        ({"columns": [5, 10]}, ["number of columns"]),
    ],
)
def test_lengths_outside_training_are_told(tmp_path, seen, raised):
    assert names(looked_at(tmp_path, described=SMALL | {"seen": DESCRIBED["seen"] | seen})) == raised


def test_greys_may_lie_half_a_range_outside_training(tmp_path):
    """The volume's middle lies 0.001 within and beyond half a range of 0.08, on either side."""
    greys = greys_of()
    own = np.median(greys) / np.percentile(greys, 99.5)
    for low, high, raised in (
        (own - 0.119, own - 0.039, []),
        (own - 0.121, own - 0.041, ["grey values"]),
        (own + 0.039, own + 0.119, []),
        (own + 0.041, own + 0.121, ["grey values"]),
    ):
        seen = DESCRIBED["seen"] | {"middle": [low, high]}
        assert names(looked_at(tmp_path / f"{low:.4f}", described=SMALL | {"seen": seen})) == raised


def test_other_planes_tilts_and_missing_slices_are_told(tmp_path):
    seen = DESCRIBED["seen"] | {
        name: [0.1, 100] for name in ("row_spacing_mm", "column_spacing_mm", "slice_distance_mm")
    }
    seen |= {"rows": [1, 100], "columns": [1, 100]}
    described = SMALL | {"seen": seen}
    sagittal = looked_at(tmp_path / "s", described=described, orientation=ORIENTATIONS["sagittal"])
    assert names(sagittal) == ["not axial"] and "sagittal" in sagittal[0].sentence
    (tilted,) = looked_at(tmp_path / "o", described=described, orientation=ORIENTATIONS["oblique"])
    assert tilted.name == "tilted" and "37 degrees" in tilted.sentence
    (missing,) = looked_at(tmp_path / "m", described=described, without=(3,))
    assert missing.name == "slices missing" and "1 of 7" in missing.sentence


def test_an_organ_that_is_absent_cut_off_or_in_pieces_is_told(tmp_path):
    empty = np.zeros(SHAPE, bool)
    assert names(looked_at(tmp_path / "0", mask=empty)) == ["no spleen"]
    # 5 cm2 are 148 pixels of 3.375 mm2: more than a slice of 120 has, so a larger one.
    large, greys = np.zeros((7, 20, 20), bool), greys_of((7, 20, 20))
    seen = DESCRIBED["seen"] | {"rows": [20, 20], "columns": [20, 20]}
    for pixels, raised in ((148, []), (149, ["cut off"])):
        large[0].ravel()[:pixels] = True
        found = looked_at(tmp_path / f"1{pixels}", greys=greys, mask=large, described=SMALL | {"seen": seen})
        assert names(found) == raised
    assert "the lowest slice" in found[0].sentence
    mask = np.zeros(SHAPE, bool)
    mask[2, :2, :10] = mask[2, 2, :8] = True
    apart = mask.copy()
    apart[5, 9, 11] = True
    # 28 voxels, and one or two apart: 1/29 and 2/30.
    assert names(looked_at(tmp_path / "2", mask=mask, organ=apart)) == []
    apart[5, 9, 10] = True
    (found,) = looked_at(tmp_path / "3", mask=mask, organ=apart)
    assert found.name == "fragments" and "7%" in found.sentence


def test_a_liver_has_a_plausible_volume(tmp_path):
    """Of 840 voxels of 20.25 microlitres, 17 mL."""
    (flag,) = looked_at(tmp_path, described=DESCRIBED)
    assert flag.name == "volume" and "2 mL; between 550 and 2650 mL" in flag.sentence


def test_networks_that_disagree_are_told(tmp_path):
    (flag,) = looked_at(tmp_path, agreement=0.84)
    assert flag.name == "disagreement" and "0.84" in flag.sentence


def test_the_share_apart_is_that_outside_the_largest_piece():
    mask = np.zeros((3, 5, 5), bool)
    assert share_apart(mask) == 0
    mask[0, :2, :3] = True
    assert share_apart(mask) == 0
    # Over an edge is apart: 6 and 2 voxels.
    mask[1, 2, :2] = True
    assert share_apart(mask) == pytest.approx(2 / 8)


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        pytest.param(lambda greys: greys[3][::-1], ["odd slices"], id="upside down"),
        pytest.param(
            lambda greys: np.random.default_rng(2).integers(200, 900, greys[3].shape), ["odd slices"], id="another's"
        ),
        pytest.param(lambda greys: greys[2], ["repeated slices"], id="the same twice"),
        pytest.param(lambda greys: np.full(greys[3].shape, 300), ["blank slices"], id="blank"),
    ],
)
@pytest.mark.parametrize("name", ["axial", "sagittal"])
def test_slices_that_do_not_belong_are_told_whatever_their_plane(tmp_path, change, raised, name):
    greys = greys_of((7, 20, 24))
    greys[3] = change(greys)
    seen = DESCRIBED["seen"] | {
        key: [0.1, 100] for key in ("rows", "columns", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm")
    }
    found = looked_at(tmp_path, greys=greys, described=SMALL | {"seen": seen}, orientation=ORIENTATIONS[name])
    told = [flag for flag in found if flag.name in ("odd slices", "repeated slices", "blank slices")]
    assert names(told) == raised
    if raised == ["odd slices"]:
        assert "slice 4." in told[0].sentence
    else:
        assert "of 7 slices" in told[0].sentence


def test_a_blank_slice_at_the_end_of_many_has_no_flag(tmp_path):
    """One of 20 is 5 %, as resampling makes it."""
    greys = greys_of((20, 20, 24))
    greys[19] = 0
    seen = DESCRIBED["seen"] | {"rows": [1, 100], "columns": [1, 100]}
    mask = np.zeros(greys.shape, bool)
    mask[3:6, 3:9, 3:9] = True
    assert names(looked_at(tmp_path, greys=greys, mask=mask, described=SMALL | {"seen": seen})) == []
