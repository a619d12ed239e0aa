"""Ground truths of one's own: read on the exam's grid alone, and scored by the metrics' own functions."""

import nibabel
import numpy as np
import pytest

from chaosliver.base.errors import InputError
from chaosliver.exams.scoring import read_truth, refuse_seen, scores_of
from chaosliver.exams.volumes import Volume, axial

BETWEEN = np.diag([-1.0, -1.0, 1.0, 1.0])
# Columns to the head, rows to the back, slices to the left: 2.5, 3 and 7 mm.
SAGITTAL = np.array([[0, 0, 7.0, -20], [0, 3.0, 0, 5], [2.5, 0, 0, 9], [0, 0, 0, 1]])


def volume(missing=(), to_patient=SAGITTAL):
    present = np.array([place not in missing for place in range(4)])
    return Volume(np.arange(4 * 5 * 6).reshape(4, 5, 6) + 1, to_patient, present, None)


def write(path, values, to_patient=SAGITTAL):
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), BETWEEN @ to_patient)
    image.set_sform(image.affine, code=1)
    nibabel.save(image, path)
    return path


@pytest.fixture
def mask():
    return np.random.default_rng(2).random((4, 5, 6)) < 0.3


def test_a_truth_lies_as_the_axial_slices_do(tmp_path, mask):
    found = read_truth(write(tmp_path / "t.nii.gz", 255 * mask.astype(np.uint8)), volume())
    # Slices to the head were columns, rows to the back stay, columns to the left were slices.
    assert np.array_equal(found, mask.transpose(2, 1, 0))


def test_where_a_slice_is_missing_nothing_is_compared(tmp_path, mask):
    upright = np.diag([2.5, 3.0, 7.0, 1.0])
    found = read_truth(write(tmp_path / "t.nii", mask.astype(np.int16), upright), volume((2,), upright))
    assert np.array_equal(found, mask[[0, 1, 3]])


@pytest.mark.parametrize("shift", [0.004, 0.02])
def test_a_truth_of_another_place_is_refused_beyond_a_hundredth_of_a_mm(tmp_path, mask, shift):
    moved = SAGITTAL + np.array([[0, 0, 0, 0], [0, 0, 0, shift], [0] * 4, [0] * 4])
    path = write(tmp_path / "t.nii.gz", mask.astype(np.uint8), moved)
    if shift < 0.01:
        assert read_truth(path, volume()).sum() == mask.sum()
        return
    with pytest.raises(InputError, match=r"t\.nii\.gz: its 4 x 5 x 6 voxels lie elsewhere than the study's 4 x 5 x 6"):
        read_truth(path, volume())


def test_a_spacing_that_differs_shows_at_the_far_end(tmp_path, mask):
    wider = SAGITTAL * np.array([1, 1, 1.002, 1])
    with pytest.raises(InputError, match="lie elsewhere"):
        read_truth(write(tmp_path / "t.nii.gz", mask.astype(np.uint8), wider), volume())


def test_what_is_no_mask_is_refused(tmp_path, mask):
    several = mask.astype(np.uint8)
    several[0, 0, :2] = 2, 3
    with pytest.raises(InputError, match=r"t\.nii\.gz: has [34] values, where a mask has 0 and one more"):
        read_truth(write(tmp_path / "t.nii.gz", several), volume())
    with pytest.raises(InputError, match="has 1 values"):
        read_truth(write(tmp_path / "t.nii.gz", np.ones_like(several)), volume())
    with pytest.raises(InputError, match="lie elsewhere"):
        read_truth(write(tmp_path / "t.nii.gz", several[:3]), volume())
    (tmp_path / "t.png").write_bytes(b"no mask")
    with pytest.raises(InputError, match=r"t\.png: is no NIfTI mask\. Save the ground truth as"):
        read_truth(tmp_path / "t.png", volume())
    assert read_truth(write(tmp_path / "t.nii.gz", 0 * several), volume()).sum() == 0


def test_scores_are_worked_out_on_the_voxels_sizes():
    """Two voxels 3 mm apart along the rows: no overlap, each surface 3 mm from the other, within 3 mm but not 2.9."""
    view = axial(volume(to_patient=np.diag([2.5, 3.0, 7.0, 1.0])))
    truth, mask = np.zeros((2, 4, 5, 6), bool)
    truth[2, 1, 4] = mask[2, 2, 4] = True
    found = scores_of(truth, mask, view, 0.0525, 3.0)
    assert found == {"reference_ml": 0.0525, "dice_3d": 0, "assd_mm": 3, "hd95_mm": 3, "mssd_mm": 3, "nsd": 1}
    assert scores_of(truth, mask, view, 0.0525, 2.9)["nsd"] == 0
    nothing = scores_of(truth, np.zeros_like(mask), view, 0.0525, 3.0)
    assert (nothing["dice_3d"], nothing["assd_mm"], nothing["nsd"]) == (0, None, 0)


def test_whoever_was_learned_from_is_not_scored(tmp_path):
    refuse_seen(tmp_path, 0, 9)
    with pytest.raises(InputError, match="is not scored, since the networks learned from 2 of its 9 slices"):
        refuse_seen(tmp_path, 2, 9)
