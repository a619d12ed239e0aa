"""Download the members of a cohort's archive that the study needs."""

from chaosliver.acquire.parts import download_parts
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, download_parts)
