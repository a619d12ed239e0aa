"""Draw a phantom's exam as a zip of DICOM files without ground truth, to try `snakemake segmented` on."""

import argparse
from pathlib import Path

from chaosliver.acquire.phantom import draw_exam

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path, help="the file to write")
    parser.add_argument("--seed", type=int, default=1, help="another patient for each; default: %(default)s")
    arguments = parser.parse_args()
    arguments.zip.parent.mkdir(parents=True, exist_ok=True)
    draw_exam(arguments.zip, arguments.seed)
