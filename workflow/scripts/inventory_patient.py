"""List the slices of one patient and what is wrong with them."""

from chaosliver.base.jobs import run
from chaosliver.prepare.inventory import inventory_patient

if "snakemake" in globals():
    run(snakemake, inventory_patient)
