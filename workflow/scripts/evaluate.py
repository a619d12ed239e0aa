"""Score one run's predictions against the ground truth, slice by slice and patient by patient."""

from chaosliver.base.jobs import run
from chaosliver.measure.evaluation import evaluate

if "snakemake" in globals():
    run(snakemake, evaluate)
