"""Write the card that goes with a network when it is handed on."""

from chaosliver.base.jobs import run
from chaosliver.tables.modelcards import describe_model

if "snakemake" in globals():
    run(snakemake, describe_model)
