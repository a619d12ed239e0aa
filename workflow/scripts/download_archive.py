"""Download a cohort's archive."""

from chaosliver.acquire.download import download_archive
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, download_archive)
