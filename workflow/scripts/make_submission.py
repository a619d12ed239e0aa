"""Put the masks of the test cohort into the challenge's zip."""

from chaosliver.base.jobs import run
from chaosliver.challenge.entry import make_submission

if "snakemake" in globals():
    run(snakemake, make_submission)
