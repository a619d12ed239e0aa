"""Join all runs' measures into the study's tables, and into a short one for the terminal."""

from chaosliver.base.jobs import run
from chaosliver.tables.collect import collect_tables

if "snakemake" in globals():
    run(snakemake, collect_tables)
