"""Every kind of file that is fuzzed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from . import dicoms, networks, pngs, texts, volumes, zips


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    `draw` makes the content of a file from random numbers. `read` has the library read it, as a file named `name`, and
    make what it makes in the folder `results`; an InputError or one of `refusals` is a refusal. `compare` raises
    WrongError where another reader finds something else than what `read` returned.
    """

    name: str
    draw: Callable[[Random], bytes]
    read: Callable[[Path, Path], Any]
    compare: Callable[[Path, Any], None]
    refusals: tuple[type[Exception], ...] = ()


KINDS = {
    "dicom": Kind("slice.dcm", dicoms.draw, dicoms.read, dicoms.compare),
    "png": Kind("mask.png", pngs.draw, pngs.read, pngs.compare),
    "archive": Kind("archive.zip", zips.draw, zips.read_archive, zips.compare_archive),
    "exam": Kind("exam.zip", zips.draw, zips.read_exam, zips.compare_exam),
    "config": Kind("study.yaml", texts.draw_config, texts.read_config, texts.compare_config),
    "sheet": Kind("patients.tsv", texts.draw_sheet, texts.read_patients, texts.compare_patients),
    "card": Kind("card.json", texts.draw_card, texts.read_facts, texts.compare_facts),
    "weights": Kind("weights.safetensors", networks.draw_weights, networks.read_weights, networks.compare_weights),
    "checkpoint": Kind(
        "checkpoint.pt", networks.draw_checkpoint, networks.read_checkpoint, networks.compare_checkpoint
    ),
    "nifti": Kind("volume.nii.gz", volumes.draw, volumes.read, volumes.compare),
}
