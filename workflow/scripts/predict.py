"""Segment the patients that a network, or any of several, never saw."""

from chaosliver.base.sharing import run_shared
from chaosliver.network.job.predictions import predict_patients

if "snakemake" in globals():
    run_shared(snakemake, predict_patients)
