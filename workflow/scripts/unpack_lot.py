"""Unpack what the study needs of a lot's patients, from an archive that is opened once."""

from pathlib import Path

from chaosliver.acquire.archive import opened_once, unpack_patient
from chaosliver.base.jobs import run_lot

if "snakemake" in globals():
    run_lot(snakemake, unpack_patient, opened_once(Path(snakemake.params.archive)))
