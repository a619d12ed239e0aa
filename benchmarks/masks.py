"""How well masks fit their images, and what is found where they are misplaced: real patients, in each sequence.

A row for each patient, sequence and case. `beside` is how much better the masks fit the images than 15 mm beside,
`shifted`, `reversed` and `liver` how well they fit one slice along, turned round and, for the liver alone, in the
better of both, as shares of the fit in their own order; `findings` is what the inventory says, with its severity.
"""

import argparse
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv
from chaosliver.base.patient_order import natural
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.checks import LIVER, check_masks
from chaosliver.prepare.fit import HIGHER, LOWER, OWN, REVERSED, Fitting, moved, orders
from chaosliver.prepare.pairing import pair
from chaosliver.prepare.plausibility import FITTED_SEQUENCES, check_plausible
from chaosliver.prepare.slices import Image, organ_numbers, read_ground, read_images

COLUMNS = ("sequence", "case", "patient", "beside", "shifted", "reversed", "liver", "findings")
# Grey level of the liver in the ground truth.
LIVER_LEVEL = 63

Masks = np.ndarray


def main() -> None:
    """Measure every patient of an archive, print what was found by case, and write the rows to `--output`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="a zip of the CHAOS layout")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(arguments.archive) as archive:
            archive.extractall(folder)
        rows = list(measured(Path(folder, "Train_Sets", "MR")))
    for (sequence, case), count in Counter((row["sequence"], row["case"]) for row in rows).items():
        found = Counter(row["findings"] for row in rows if (row["sequence"], row["case"]) == (sequence, case))
        told = "; ".join(f"{times} {findings or 'nothing'}" for findings, times in found.most_common())
        print(f"{sequence}, {case}, {count}: {told}")
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def measured(patients: Path) -> Iterator[dict[str, Any]]:
    """The rows of every case, patient by patient."""
    for sequence in FITTED_SEQUENCES:
        names = sorted((path.name for path in patients.iterdir()), key=natural)
        volumes = {name: read_volume(patients / name, VolumeId(sequence, name)) for name in names}
        for number, name in enumerate(names):
            images = volumes[name]
            others = np.stack([image.mask for image in volumes[names[number - 1]]])
            fitting = Fitting(np.stack([image.slice.pixels for image in images]), images[0].slice.spacing)
            masks = np.stack([image.mask for image in images])
            column_mm = images[0].slice.spacing[1]
            for case, misplaced in misplacements(masks, fitted_to(others, masks.shape), column_mm).items():
                placed = [replace(image, mask=mask) for image, mask in zip(images, misplaced, strict=True)]
                found = describe(VolumeId(sequence, name), placed, fitting)
                yield {"sequence": sequence, "case": case, "patient": name, **found}


def read_volume(folder: Path, volume: VolumeId) -> list[Image]:
    """A patient's images with their masks."""
    images, _ = read_images(folder, volume)
    ground, _ = read_ground(folder, volume)
    return pair(volume, images, ground, [], [])[0]


def misplacements(masks: Masks, others: Masks, column_mm: float) -> dict[str, Masks]:
    """The masks as they are, and misplaced; `others` are another patient's, and a column is `column_mm` wide."""
    middle = int(np.count_nonzero(masks, axis=(1, 2)).argmax())
    liver = masks == LIVER_LEVEL

    def along(way: int, *, wrapped: bool = False) -> Masks:
        moved = np.roll(masks, way, axis=0)
        if not wrapped:
            moved[0 if way > 0 else -1] = 0
        return moved

    def one(change: Callable[[Masks], Masks]) -> Masks:
        changed = masks.copy()
        changed[middle] = change(masks[middle])
        return changed

    def liver_along(way: int) -> Masks:
        return np.where(np.roll(liver, way, axis=0), LIVER_LEVEL, np.where(liver, 0, masks))

    return {
        "as they are": masks,
        "one slice up, the last lost": along(1),
        "one slice down, the first lost": along(-1),
        "one slice up, the last first": along(1, wrapped=True),
        "one slice down, the first last": along(-1, wrapped=True),
        "three slices up, the last first": np.roll(masks, 3, axis=0),
        "reversed": masks[::-1],
        "the liver alone one slice up": liver_along(1),
        "the liver alone one slice down": liver_along(-1),
        "mirrored left to right": masks[:, :, ::-1],
        "upside down": masks[:, ::-1],
        "10 mm to the right": moved(masks, 0, round(10 / column_mm)),
        "another patient's": others,
        "the mask of one slice in all": np.repeat(masks[middle : middle + 1], len(masks), axis=0),
        "one mask empty": one(np.zeros_like),
        "one mask mirrored": one(lambda mask: mask[:, ::-1]),
        "one mask another patient's": one(lambda mask: others[min(middle, len(others) - 1)]),
    }


def fitted_to(masks: Masks, shape: tuple[int, ...]) -> Masks:
    """Another patient's masks on this many slices, rows and columns, around the middle; what is missing is empty."""
    fitted = np.zeros(shape, masks.dtype)
    sizes = [min(sides) for sides in zip(masks.shape, shape, strict=True)]
    inner = [
        tuple(slice((side - size) // 2, (side - size) // 2 + size) for side, size in zip(sides, sizes, strict=True))
        for sides in (shape, masks.shape)
    ]
    fitted[inner[0]] = masks[inner[1]]
    return fitted


def describe(volume: VolumeId, images: list[Image], fitting: Fitting) -> dict[str, Any]:
    """The measures of one case, and what is found."""
    organs = organ_numbers(np.stack([image.mask for image in images]))
    fits = {name: fitting.fit(*placed) for name, placed in orders(organs).items()}
    liver = {name: fitting.fit(*placed) for name, placed in orders(np.where(organs == LIVER, organs, 0)).items()}
    found = [*check_masks(volume, images), *check_plausible(volume, images)]
    return {
        "beside": f"{fitting.beside(organs):.3f}",
        "shifted": f"{max(fits[LOWER], fits[HIGHER]) / fits[OWN]:.3f}",
        "reversed": f"{fits[REVERSED] / fits[OWN]:.3f}",
        "liver": f"{max(liver[name] for name in (LOWER, HIGHER, REVERSED)) / liver[OWN]:.3f}",
        "findings": ", ".join(dict.fromkeys(f"{finding.severity} {finding.flag}" for finding in found)),
    }


if __name__ == "__main__":
    main()
