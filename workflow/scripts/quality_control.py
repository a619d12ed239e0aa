"""Gather what the inventory found over all patients, as tables and a picture."""

from chaosliver.base.jobs import run
from chaosliver.figures.quality_control import quality_control

if "snakemake" in globals():
    run(snakemake, quality_control)
