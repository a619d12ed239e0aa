"""Admit a lot's patients without errors."""

from chaosliver.base.jobs import run_lot
from chaosliver.prepare.admission import pair_slices

if "snakemake" in globals():
    run_lot(snakemake, pair_slices)
