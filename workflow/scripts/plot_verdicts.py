"""Draw the verdicts of the plan of analysis."""

from chaosliver.base.jobs import run
from chaosliver.figures.verdicts import plot_verdicts

if "snakemake" in globals():
    run(snakemake, plot_verdicts)
