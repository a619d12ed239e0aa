"""The fixed facts of the CHAOS MR data: sequences, their folders, and the organs' grey ranges.

Source: Kavur et al., Medical Image Analysis 2021, doi 10.1016/j.media.2020.101950, and the archive itself.
"""

from typing import NamedTuple


class SequenceFolders(NamedTuple):
    """Where a sequence's files lie below a patient's folder, and what a figure calls it."""

    images: str
    ground: str
    title: str


SEQUENCES: dict[str, SequenceFolders] = {
    "t1_in_phase": SequenceFolders("T1DUAL/DICOM_anon/InPhase", "T1DUAL/Ground", "T1 in phase"),
    "t1_out_of_phase": SequenceFolders("T1DUAL/DICOM_anon/OutPhase", "T1DUAL/Ground", "T1 out of phase"),
    "t2_spir": SequenceFolders("T2SPIR/DICOM_anon", "T2SPIR/Ground", "T2-SPIR"),
}

# Inclusive grey ranges of the organs in the ground truth, by the challenge's rules.
ORGANS: dict[str, tuple[int, int]] = {
    "liver": (55, 70),
    "right_kidney": (110, 135),
    "left_kidney": (175, 200),
    "spleen": (240, 255),
}
