"""Studies of one's own: from a DICOM folder, a zip or NIfTI to masks that other programs open."""
