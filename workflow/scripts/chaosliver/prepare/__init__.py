"""The files of each patient, checked, to images, masks and augmented samples."""
