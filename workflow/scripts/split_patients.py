"""Write which patient trains, validates or is held out, fold by fold."""

from chaosliver.base.jobs import run
from chaosliver.study.splits import write_split

if "snakemake" in globals():
    run(snakemake, write_split)
