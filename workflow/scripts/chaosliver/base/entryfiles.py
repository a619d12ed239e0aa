"""The form of the challenge's entries: folders, names, grey level, patients.

The challenge's manual could not be had. The form is that of two participants' public scripts, which agree: the one of
nnU-Net's authors (Task037_038_Chaos_Challenge.py), whose entry won, and another's, who draws the whole template.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# The sequence whose masks go into each folder. One result is asked for both phases of T1.
FOLDERS = {"T1DUAL": "t1_in_phase", "T2SPIR": "t2_spir"}
# The liver in MRI. Task 5 is all four organs in MRI; the others have CT.
TASK = "Task3"
LIVER = 63
TEMPLATE = {"Task1": ("CT", "MR"), "Task2": ("CT",), TASK: ("MR",), "Task4": ("CT", "MR"), "Task5": ("MR",)}
# Training and test patients are numbered together.
PATIENTS = tuple(map(str, range(1, 41)))
TEST_PATIENTS = tuple(map(str, (4, 6, 7, 9, 11, 12, 14, 16, 17, 18, *range(23, 31), 35, 40)))


class Results(NamedTuple):
    """The results of one volume: a patient's folder of FOLDERS."""

    patient: str
    folder: str

    @property
    def sequence(self) -> str:
        """The sequence whose slices they are of."""
        return FOLDERS[self.folder]

    @property
    def path(self) -> str:
        """The folder in the zip."""
        return f"{TASK}/MR/{self.patient}/{self.folder}/Results"

    def file(self, number: int) -> str:
        """The result of a slice by its number, from 0, in the zip."""
        return f"{self.path}/img{number:03d}.png"


def place_of(name: str) -> tuple[Results, int] | None:
    """Which results a file of the zip belongs to, and the number of its slice; None for any other file."""
    found = re.fullmatch(rf"{TASK}/MR/([^/]+)/({'|'.join(FOLDERS)})/Results/img(\d{{3,}})\.png", name, re.ASCII)
    return (Results(found[1], found[2]), int(found[3])) if found else None


def template_folders() -> Iterator[str]:
    """The folders of the challenge's template, of all tasks and patients, each with a slash at its end."""
    results = {"CT": ("Results/",), "MR": tuple(f"{folder}/Results/" for folder in FOLDERS)}
    for task, modalities in TEMPLATE.items():
        for modality in modalities:
            for patient in PATIENTS:
                yield from (f"{task}/{modality}/{patient}/{inner}" for inner in results[modality])
