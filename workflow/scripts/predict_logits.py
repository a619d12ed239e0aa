"""Write the logits that the original study took for its predictions."""

from chaosliver.base.jobs import run
from chaosliver.network.job.predictions import predict_logits

if "snakemake" in globals():
    run(snakemake, predict_logits)
