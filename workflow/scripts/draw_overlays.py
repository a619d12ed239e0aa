"""Draw an experiment's best, median and worst slices with the contours of prediction and ground truth."""

from chaosliver.base.jobs import run
from chaosliver.figures.overlays import draw_overlays

if "snakemake" in globals():
    run(snakemake, draw_overlays)
