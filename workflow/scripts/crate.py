"""Describe the finished study as a Workflow Run RO-Crate."""

from chaosliver.base.jobs import run
from chaosliver.tables.crates import write_crate

if "snakemake" in globals():
    run(snakemake, write_crate)
