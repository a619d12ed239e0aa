"""Tell by how much each error of a published study changed its Dice."""

from chaosliver.base.jobs import run
from chaosliver.measure.prices import price_errors

if "snakemake" in globals():
    run(snakemake, price_errors)
