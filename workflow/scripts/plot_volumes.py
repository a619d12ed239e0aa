"""Draw how well predicted volumes agree with the ground truth."""

from chaosliver.base.jobs import run
from chaosliver.figures.volumes import plot_volumes

if "snakemake" in globals():
    run(snakemake, plot_volumes)
