"""Write the methods of the study as a page, from the configuration that was run."""

from chaosliver.base.jobs import run
from chaosliver.tables.methods import write_methods

if "snakemake" in globals():
    run(snakemake, write_methods)
