"""Write the logits that the original study took for its predictions."""

from chaosliver.base.sharing import run_shared
from chaosliver.network.job.predictions import predict_logits

if "snakemake" in globals():
    run_shared(snakemake, predict_logits)
