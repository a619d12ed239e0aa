"""Score one run's predictions against the ground truth, slice by slice and patient by patient."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.measure.evaluation import evaluate


def main(
    *,
    predictions: Path,
    prediction_index: Path,
    masks: Path,
    mask_indexes: list[Path],
    pairs: list[Path],
    logit_index: Path | None,
    experiment: str,
    fold: str,
    seed: str,
    slices: Path,
    patients: Path,
) -> None:
    """Write the tables `slices` and `patients` of one run."""
    run = {"experiment": experiment, "fold": fold, "seed": seed}
    evaluate(predictions, prediction_index, masks, mask_indexes, pairs, run, slices, patients, logit_index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        predictions=Path(snakemake.input.prediction_index).with_suffix(""),
        prediction_index=Path(snakemake.input.prediction_index),
        masks=Path(snakemake.params.masks),
        mask_indexes=[Path(index) for index in snakemake.input.get("mask_indexes", [])],
        pairs=[Path(table) for table in snakemake.input.pairs],
        logit_index=next(map(Path, snakemake.input.get("logit_index", [])), None),
        **snakemake.params.labels,
        slices=Path(snakemake.output.slices),
        patients=Path(snakemake.output.patients),
    )
