"""Plot the Dice by number of training patients."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import learning_curve


def main(*, patients_table: Path, training_patients: dict[str, float], png: Path, svg: Path) -> None:
    """Draw the learning curve over the experiments named, as PNG and SVG."""
    learning_curve.plot_learning_curve(patients_table, training_patients, [png, svg])


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        patients_table=Path(snakemake.input.patients_table),
        training_patients=dict(snakemake.params.training_patients),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
