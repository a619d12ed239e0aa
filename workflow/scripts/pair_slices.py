"""Admit a patient's slices to the study, or stop with every error in words."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.prepare.inventory import write_pairs


def main(*, slices: Path, findings: Path, pairs: Path) -> None:
    """Log the warnings; write `pairs` where there is no error."""
    write_pairs(slices, findings, pairs)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=Path(snakemake.input.slices),
        findings=Path(snakemake.input.findings),
        pairs=Path(snakemake.output.pairs),
    )
