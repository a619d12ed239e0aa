"""Draw the Dice along the liver, from dome to tip."""

from chaosliver.base.jobs import run
from chaosliver.figures.along_liver import plot_along_liver

if "snakemake" in globals():
    run(snakemake, plot_along_liver)
