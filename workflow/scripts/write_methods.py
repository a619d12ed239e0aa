"""Write the methods of the study as a page, from the configuration that was run."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.tables.methods import write_methods


def main(*, study: dict[str, Any], cards: list[Path], page: Path) -> None:
    """Write data, split, trainings, metrics, versions, references and licence."""
    write_methods(page, study, cards)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        study=snakemake.params.study,
        cards=[Path(card) for card in snakemake.input.cards],
        page=Path(snakemake.output.page),
    )
