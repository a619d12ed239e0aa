"""Check the patients against each other before anything is trained or scored."""

from pathlib import Path

from chaosliver.inventory import check_cohort
from chaosliver.jobs import run_job


def main(*, slices: list[Path], checked: Path) -> None:
    """Write the list of patients, or stop where a mask occurs in two of them."""
    check_cohort(slices, checked)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(path) for path in snakemake.input.slices],
        checked=Path(snakemake.output.checked),
    )
