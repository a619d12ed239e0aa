"""Turn the DICOM slices of a lot's sequence into PNG."""

from chaosliver.base.jobs import run_lot
from chaosliver.prepare.images import convert_images

if "snakemake" in globals():
    run_lot(snakemake, convert_images)
