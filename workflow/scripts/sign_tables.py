"""Say where the study's tables come from: configuration, code, packages and data."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.tables.signing import sign_tables


def main(
    *,
    tables: list[Path],
    configuration: dict[str, Any],
    code: dict[str, str],
    receipts: list[Path],
    cards: list[Path],
    provenance: Path,
) -> None:
    """Write the checksums and versions behind the tables."""
    sources = {"configuration": configuration, "code": code, "receipts": receipts, "cards": cards}
    sign_tables(provenance, tables, **sources)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        tables=[Path(table) for table in snakemake.input.tables],
        configuration=snakemake.params.configuration,
        code=snakemake.params.all_code,
        receipts=[Path(receipt) for receipt in snakemake.input.receipts],
        cards=[Path(card) for card in snakemake.input.cards],
        provenance=Path(snakemake.output.provenance),
    )
