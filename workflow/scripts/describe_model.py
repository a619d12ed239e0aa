"""Write the card that goes with a network when it is handed on."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables.modelcards import write_model_card


def main(*, card: Path, patients: Path, source: str, model_card: Path) -> None:
    """Join how a network was trained and what it reached on patients it never saw."""
    write_model_card(model_card, card=card, patients=patients, source=source)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        card=Path(snakemake.input.card),
        patients=Path(snakemake.input.patients),
        source=snakemake.params.source,
        model_card=Path(snakemake.output.model_card),
    )
