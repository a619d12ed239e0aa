"""Write the network for use as one ONNX file."""

from chaosliver.base.jobs import run
from chaosliver.network.job.exporting import export_pack

if "snakemake" in globals():
    run(snakemake, export_pack)
