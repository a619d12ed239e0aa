"""Draw loss and validation Dice of every training."""

from chaosliver.base.jobs import run
from chaosliver.figures.training_curves import plot_training

if "snakemake" in globals():
    run(snakemake, plot_training)
