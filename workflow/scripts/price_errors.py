"""Tell what the errors of a published study are worth."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.measure import prices


def main(*, slices_table: Path, priced: dict[str, Any], prices_table: Path) -> None:
    """Write the table of prices of the experiments that `priced` names."""
    prices.price_errors(slices_table, priced, prices_table)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices_table=Path(snakemake.input.slices_table),
        priced=snakemake.params.prices,
        prices_table=Path(snakemake.output.prices_table),
    )
