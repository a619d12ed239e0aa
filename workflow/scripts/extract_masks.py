"""Turn the ground truth of a patient's sequence into binary masks of one organ."""

from chaosliver.base.jobs import run
from chaosliver.prepare.masks import extract_masks

if "snakemake" in globals():
    run(snakemake, extract_masks)
