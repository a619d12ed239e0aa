"""Draw the Dice by number of training patients."""

from chaosliver.base.jobs import run
from chaosliver.figures.learning_curve import plot_learning_curve

if "snakemake" in globals():
    run(snakemake, plot_learning_curve)
