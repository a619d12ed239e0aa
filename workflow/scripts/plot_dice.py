"""Draw the box plots of Dice by experiment."""

from chaosliver.base.jobs import run
from chaosliver.figures.dice import plot_dice

if "snakemake" in globals():
    run(snakemake, plot_dice)
