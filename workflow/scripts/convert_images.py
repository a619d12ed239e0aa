"""Turn the DICOM slices of a patient's sequence into PNG of 8 or 16 bit."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.prepare.images import convert_images


def main(*, pairs: Path, raw_index: Path, sequence: str, encoding: dict[str, Any], folder: Path, index: Path) -> None:
    """Write the images as PNG, check them by reading back, and write their index."""
    convert_images(pairs, raw_index, sequence, encoding, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        pairs=Path(snakemake.input.pairs),
        raw_index=Path(snakemake.input.raw_index),
        sequence=snakemake.wildcards.sequence,
        encoding=snakemake.params.encoding,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
