"""Compare the experiments of the study, patient by patient."""

from chaosliver.base.jobs import run
from chaosliver.measure.paired_comparisons import compare_experiments

if "snakemake" in globals():
    run(snakemake, compare_experiments)
