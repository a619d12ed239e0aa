"""Write the table of experiments as a paper prints it."""

from chaosliver.base.jobs import run
from chaosliver.tables.publication import write_publication_table

if "snakemake" in globals():
    run(snakemake, write_publication_table)
