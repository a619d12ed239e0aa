"""NIfTI lies in the patient where another reader says."""

import nibabel
import numpy as np
import SimpleITK

from chaosliver.base.nifti import as_nifti

# Columns to the left 2 mm apart, rows to the back 3 mm, slices to the head 5 mm; the first voxel at (-10, 20, 7) mm.
TO_PATIENT = np.array([[2.0, 0, 0, -10], [0, 3, 0, 20], [0, 0, 5, 7], [0, 0, 0, 1]])


def test_a_voxel_lies_where_its_column_row_and_slice_say(tmp_path):
    values = np.zeros((4, 3, 5), np.uint8)
    values[2, 1, 3] = 9
    nibabel.save(as_nifti(values, TO_PATIENT), tmp_path / "one.nii.gz")
    image = SimpleITK.ReadImage(str(tmp_path / "one.nii.gz"))
    assert image.GetSize() == (5, 3, 4) and image[3, 1, 2] == 9
    # SimpleITK counts as DICOM does: to the left, to the back, to the head.
    assert np.allclose(image.TransformIndexToPhysicalPoint((3, 1, 2)), (-10 + 3 * 2, 20 + 1 * 3, 7 + 2 * 5))
    header = nibabel.load(tmp_path / "one.nii.gz").header
    assert (header["sform_code"], header["qform_code"], header.get_xyzt_units()[0]) == (1, 1, "mm")
