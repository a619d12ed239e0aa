"""Plot loss and validation Dice of every training."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import style as figures


def main(*, histories: list[Path], labels: list[dict[str, str]], png: Path, svg: Path) -> None:
    """Draw the training curves as PNG and SVG; `labels` holds experiment, fold, seed and `choose` of each."""
    figures.plot_training(histories, labels, [png, svg])


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        histories=[Path(history) for history in snakemake.input.histories],
        labels=list(snakemake.params.labels),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
