"""Check a cohort before anything is trained or scored."""

from chaosliver.base.jobs import run
from chaosliver.prepare.admission import check_cohort

if "snakemake" in globals():
    run(snakemake, check_cohort)
