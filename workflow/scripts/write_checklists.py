"""Fill the checklists of CLAIM, TRIPOD+AI and Metrics Reloaded from the run."""

from chaosliver.base.jobs import run
from chaosliver.tables.checklists import write_checklists

if "snakemake" in globals():
    run(snakemake, write_checklists)
