"""Write the table of the study's trainings."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables.trainings import list_trainings


def main(*, cards: list[Path], patients_table: Path, labels: list[dict[str, str]], trainings_table: Path) -> None:
    """Write a row for each of `cards`, which `labels` name."""
    list_trainings(cards, labels, patients_table, trainings_table)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        cards=[Path(card) for card in snakemake.input.cards],
        patients_table=Path(snakemake.input.patients_table),
        labels=list(snakemake.params.labels),
        trainings_table=Path(snakemake.output.trainings_table),
    )
