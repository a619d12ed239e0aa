"""The images of `as_published` compared with those that the original study's author published.

The author's repository is github.com/BUAAXZzz/Unet_liver_seg; at its commit 90c3fba the folder data/val/Data has the
images of four patients. They were numbered in the order in which a folder happened to list them, so each of ours is
compared with the patient's image that is closest to it.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import yaml
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, prepare

from chaosliver.base.files import write_tsv
from chaosliver.prepare.dicom import read_slice
from chaosliver.prepare.images import draw

SEQUENCE = "t1_in_phase"
COLUMNS = ("patient", "rows", "columns", "slices", "largest_difference", "share_of_pixels_that_differ_by_more_than_1")


def main() -> None:
    """Compare, print the table, and write it to `--output`."""
    arguments = _arguments()
    rows = [compare(arguments.archive, patient, arguments.pictures) for patient in arguments.patients]
    for row in rows:
        print("  ".join(f"{column} {row[column]}" for column in COLUMNS))
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def compare(archive: Path, patient: str, pictures: Path) -> dict[str, Any]:
    """The largest difference in grey levels between a patient's slices and the closest published images."""
    paths = sorted(pictures.glob(f"T1_Patient{patient}_No*.png"))
    if not paths:
        sys.exit(f"{pictures}: holds no picture T1_Patient{patient}_No*.png")
    published = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]).astype(int)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    encoding = config["encodings"][config["experiments"]["as_published"]["encoding"]]
    with TemporaryDirectory() as name:
        prepared, _ = prepare(archive, patient, SEQUENCE, Path(name))
        slices = [read_slice(image).pixels for _, image, _ in prepared.slices]
    differences = []
    for pixels in slices:
        apart = np.abs(published - draw(pixels, encoding["brightest_to_zero"]))
        differences.append(apart[apart.mean((1, 2)).argmin()])
    return {
        "patient": patient,
        "rows": slices[0].shape[0],
        "columns": slices[0].shape[1],
        "slices": len(slices),
        "largest_difference": int(np.max(differences)),
        "share_of_pixels_that_differ_by_more_than_1": float(np.mean(np.array(differences) > 1)),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the patients' DICOM, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("pictures", type=Path, help="the folder data/val/Data of the author's repository")
    parser.add_argument("--patients", nargs="+", default=["1", "20", "37"], help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
