"""Draw all slices of each patient of an experiment with the contours of prediction and ground truth."""

from chaosliver.base.jobs import run
from chaosliver.figures.contact_sheets import draw_contact_sheets

if "snakemake" in globals():
    run(snakemake, draw_contact_sheets)
