"""Write the table of the study's trainings."""

from chaosliver.base.jobs import run
from chaosliver.tables.trainings import list_trainings

if "snakemake" in globals():
    run(snakemake, list_trainings)
