"""Write the viewer: a page on which volumes are looked through."""

from chaosliver.base.jobs import run
from chaosliver.tables.viewer import write_viewer

if "snakemake" in globals():
    run(snakemake, write_viewer)
