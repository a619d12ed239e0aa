"""Judge each contrast of the plan of analysis."""

from chaosliver.base.jobs import run
from chaosliver.measure.verdicts import judge_contrasts

if "snakemake" in globals():
    run(snakemake, judge_contrasts)
