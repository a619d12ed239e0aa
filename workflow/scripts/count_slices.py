"""Count the slices of every patient from the archive to the tables."""

from chaosliver.base.jobs import run
from chaosliver.tables.counts import count_slices

if "snakemake" in globals():
    run(snakemake, count_slices)
