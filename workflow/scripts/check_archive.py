"""Check an archive that is already on disk, and write its receipt."""

from chaosliver.acquire.archive import check_archive
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, check_archive)
