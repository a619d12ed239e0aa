"""Write a patient sheet of every patient and sequence in an archive (zip or unpacked folder) laid out as CHAOS."""

import argparse
import sys
from pathlib import Path

from chaosliver.acquire.archive import patient_sheet
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_text
from chaosliver.study.patients import COHORTS

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="the zip or folder")
    parser.add_argument("--cohort", default=COHORTS[0], choices=COHORTS)
    parser.add_argument("--output", type=Path, help="file to write; printed if not given")
    arguments = parser.parse_args()
    try:
        sheet = patient_sheet(arguments.archive, arguments.cohort)
        if arguments.output:
            write_text(arguments.output, sheet)
        else:
            print(sheet, end="")
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
