"""Check a zip that is to be sent to the challenge."""

from chaosliver.base.jobs import run
from chaosliver.challenge.checks import check_submission

if "snakemake" in globals():
    run(snakemake, check_submission)
