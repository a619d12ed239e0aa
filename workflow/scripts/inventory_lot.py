"""Describe every slice of a lot's patients."""

from chaosliver.base.jobs import run_lot
from chaosliver.prepare.inventory import inventory_patient

if "snakemake" in globals():
    run_lot(snakemake, inventory_patient)
