"""Check a cohort before anything is trained or scored."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.prepare.inventory import check_cohort


def main(*, slices: list[Path], findings: list[Path], checked: Path) -> None:
    """Write the list of patients, or stop where one of them has an error."""
    check_cohort(slices, findings, checked)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(path) for path in snakemake.input.slices],
        findings=[Path(path) for path in snakemake.input.findings],
        checked=Path(snakemake.output.checked),
    )
