"""Draw how far the experiments' Dice differ, with intervals."""

from chaosliver.base.jobs import run
from chaosliver.figures.differences import plot_differences

if "snakemake" in globals():
    run(snakemake, plot_differences)
