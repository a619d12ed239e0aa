"""Turn the DICOM slices of a patient's sequence into PNG of 8 or 16 bit."""

from chaosliver.base.jobs import run
from chaosliver.prepare.images import convert_images

if "snakemake" in globals():
    run(snakemake, convert_images)
