"""Unpack what the study needs of one patient."""

from chaosliver.acquire.archive import unpack_patient
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, unpack_patient)
