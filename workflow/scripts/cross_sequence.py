"""Tabulate and draw how well a network trained on one sequence segments another."""

from chaosliver.base.jobs import run
from chaosliver.figures.cross_sequence import cross_sequence

if "snakemake" in globals():
    run(snakemake, cross_sequence)
