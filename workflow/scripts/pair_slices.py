"""Admit a patient's slices to the study, or stop with every error in words."""

from chaosliver.base.jobs import run
from chaosliver.prepare.admission import pair_slices

if "snakemake" in globals():
    run(snakemake, pair_slices)
