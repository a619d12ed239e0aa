"""Turn the ground truth of a patient's sequence into binary masks of one organ."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.prepare.masks import extract_masks


def main(
    *, pairs: Path, raw_index: Path, sequence: str, grey_range: tuple[int, int], folder: Path, index: Path
) -> None:
    """Write the masks as PNG, and their index."""
    extract_masks(pairs, raw_index, sequence, grey_range, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        pairs=Path(snakemake.input.pairs),
        raw_index=Path(snakemake.input.raw_index),
        sequence=snakemake.wildcards.sequence,
        grey_range=tuple(snakemake.params.grey_range),
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
