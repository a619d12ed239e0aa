"""Volumes as NIfTI, the format that viewers of medical images read."""

import nibabel
import numpy as np

# What of a segmented exam other programs open.
EXAM_IMAGE, EXAM_MASK = "image.nii.gz", "mask.nii.gz"
# DICOM counts from right to left and from front to back, NIfTI the other way.
BETWEEN_AXES = np.diag([-1.0, -1.0, 1.0, 1.0])


def as_nifti(values: np.ndarray, to_patient: np.ndarray) -> nibabel.Nifti1Image:
    """Values [slices, rows, columns] as NIfTI in the patient's space.

    `to_patient` maps (column, row, slice, 1) to mm in the patient (DICOM axes).
    """
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), BETWEEN_AXES @ to_patient)
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code="scanner")
    image.set_qform(image.affine, code="scanner")
    return image
