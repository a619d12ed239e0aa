"""Write the tables as pages to read and sort in the report."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables.tablepages import show_tables

if "snakemake" in globals():
    run_job(
        show_tables,
        log=snakemake.log[0],
        tables={name: Path(path) for name, path in snakemake.input.items()},
        pages={name: Path(path) for name, path in snakemake.output.items()},
    )
