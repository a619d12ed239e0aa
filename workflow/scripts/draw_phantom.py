"""Draw a phantom archive laid out as the CHAOS archive."""

from chaosliver.acquire.phantom import draw_phantom
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, draw_phantom)
