"""Check every file of the study against the checksum taken when it was made."""

from chaosliver.base.jobs import run
from chaosliver.measure.verification import verify

if "snakemake" in globals():
    run(snakemake, verify)
