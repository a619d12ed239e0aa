"""Turn the ground truth of a lot's sequence into binary masks of one organ."""

from chaosliver.base.jobs import run_lot
from chaosliver.prepare.masks import extract_masks

if "snakemake" in globals():
    run_lot(snakemake, extract_masks)
