"""How the tables that people read say measures, sequences and numbers: on paper, on pages and in the terminal."""

from collections.abc import Mapping
from typing import NamedTuple

from ..base.anatomy import SEQUENCES
from ..base.columns import STATISTICS

NOTHING = "-"


class Measure(NamedTuple):
    """The heading of a measure, and with how many decimals it is printed."""

    heading: str
    decimals: int


PRINTED = {
    "mean_dice_all_slices": Measure("Dice, all slices", 3),
    "mean_dice_organ_slices": Measure("Dice, organ slices", 3),
    "dice_3d": Measure("Dice, 3D", 3),
    "assd_mm": Measure("ASSD, mm", 2),
    "hd95_mm": Measure("HD95, mm", 1),
    "mssd_mm": Measure("MSSD, mm", 1),
    "nsd": Measure("Surface Dice", 3),
    "ravd_percent": Measure("RAVD, %", 1),
    "challenge_score": Measure("Challenge score", 1),
}
EXPERIMENT_HEADINGS = ("Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD")
STATISTICS_NOTE = "Mean ± standard deviation, [95 % bootstrap interval of the mean], median (range), over patients"
NOTE = (
    f"{STATISTICS_NOTE}, the seeds "
    "and draws of each averaged first. No interval is given for fewer than six patients. All slices: a slice with "
    "neither reference nor prediction counts as Dice 1, so that slices without organ lift this figure; their share is "
    "given. Without ASSD: predicted volumes that have no surface, as an empty one; ASSD, HD95 and MSSD leave them "
    "out, and the surface Dice counts them as 0."
)

Row = Mapping[str, str]


def cell(row: Row, measure: str) -> tuple[str, str, str]:
    """Mean and standard deviation, interval, median and range; a dash where there is nothing."""
    texts = {name: row[f"{measure}_{name}"] for name in STATISTICS}
    if not texts["mean"]:
        return NOTHING, NOTHING, NOTHING
    decimals = PRINTED[measure].decimals
    shown = {name: f"{float(text):.{decimals}f}" if text else NOTHING for name, text in texts.items()}
    return (
        f"{shown['mean']} ± {shown['sd']}" if texts["sd"] else shown["mean"],
        f"[{shown['ci_low']}, {shown['ci_high']}]" if texts["ci_low"] else NOTHING,
        f"{shown['median']} ({shown['min']} to {shown['max']})",
    )


def share_of_empty_slices(row: Row) -> str:
    """Share of the slices without organ in percent; a dash without ground truth."""
    return f"{float(row['share_of_empty_slices']):.0%}" if row["share_of_empty_slices"] else NOTHING


def title_of(sequence: str) -> str:
    """A sequence's title; its name where it is none of the known ones."""
    return SEQUENCES[sequence].title if sequence in SEQUENCES else sequence
