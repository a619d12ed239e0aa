"""Write a patient sheet of every patient and sequence in an archive (zip or unpacked folder) laid out as CHAOS."""

import argparse
import sys
from pathlib import Path

from chaosliver.acquire.archive import patient_sheet
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_text


def main(*, archive: Path, cohort: str, output: Path | None) -> None:
    """Write the sheet to `output`, or print it."""
    sheet = patient_sheet(archive, cohort)
    if output:
        write_text(output, sheet)
    else:
        print(sheet, end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="the zip or folder")
    parser.add_argument("--cohort", default="development", choices=["development", "test"])
    parser.add_argument("--output", type=Path, help="file to write; printed if not given")
    try:
        main(**vars(parser.parse_args()))
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
