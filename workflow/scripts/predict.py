"""Segment the patients that a network, or any of several, never saw."""

from chaosliver.base.jobs import run
from chaosliver.network.job.predictions import predict_patients

if "snakemake" in globals():
    run(snakemake, predict_patients)
