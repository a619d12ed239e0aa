"""Draw image, prediction and ground truth of every predicted slice side by side."""

from chaosliver.base.jobs import run
from chaosliver.figures.triplets import draw_triplets

if "snakemake" in globals():
    run(snakemake, draw_triplets)
