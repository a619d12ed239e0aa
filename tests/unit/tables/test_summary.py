"""The text for the terminal, to the last character."""

from typing import Any

import pandas as pd
from unit.tables.test_collect import patient_row, slice_rows, summary_of

from chaosliver.base.columns import GROUP
from chaosliver.tables.summary import summary_text

SUMMARY = """\
experiment  cohort       sequence        pa-   slices   Dice,   Dice,       Dice 3D,  ASSD   MSSD    no
                                      tients  without     all   organ      mean ± SD    mm     mm  ASSD
                                                organ  slices  slices
-------------------------------------------------------------------------------------------------------
small       development  T2-SPIR          14      28%   0.812   0.712  0.612 ± 0.056  1.23  123.5     2
all_of_it   test         T1 in phase       3       0%       -       -              -     -      -     0
ct          test         ct                1        -   1.000   0.500          0.250  0.07    8.0    11

Means over patients (seeds and draws of one patient averaged first). All slices: a slice with neither reference nor
prediction counts as Dice 1, so slices without organ lift that figure. ASSD and MSSD leave out volumes whose prediction
has no surface, as an empty one: the last column counts them.
"""


def summary_row(names: tuple[str, str, str], counts: tuple[int, float, int], values: tuple) -> dict[str, Any]:
    columns = ("mean_dice_all_slices_mean", "mean_dice_organ_slices_mean", "dice_3d_mean", "dice_3d_sd")
    row = dict(zip(GROUP, names, strict=True)) | dict(
        zip((*columns, "assd_mm_mean", "mssd_mm_mean"), values, strict=True)
    )
    return row | dict(zip(("patients", "share_of_empty_slices", "volumes_without_distance"), counts, strict=True))


def test_the_summary_to_the_last_character() -> None:
    values, nothing = (0.8123, 0.7123, 0.6123, 0.0556, 1.234, 123.456), (float("nan"),) * 6
    rows = [
        summary_row(("small", "development", "t2_spir"), (14, 0.2817, 2), values),
        summary_row(("all_of_it", "test", "t1_in_phase"), (3, 0.0, 0), nothing),
        summary_row(("ct", "test", "ct"), (1, float("nan"), 11), (1, 0.5, 0.25, float("nan"), 0.074, 8)),
    ]
    assert summary_text(pd.DataFrame(rows)) == SUMMARY


def test_summary_fits_a_terminal_and_lines_up() -> None:
    patients = [
        patient_row("1", experiment="baseline", assd_mm=12.25, mssd_mm=123.4),
        patient_row("1", experiment="densenet_augment", sequence="t1_out_of_phase", dice_3d=None, assd_mm=None),
    ]
    slices = slice_rows("1", experiment="baseline")
    slices += slice_rows("1", experiment="densenet_augment", sequence="t1_out_of_phase")
    text = summary_text(summary_of(patients, slices))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert len({len(line) for line in lines[3:6]}) == 1
    assert "T1 out of phase" in lines[5]
    assert "50%" in lines[4]
    assert "12.25" in lines[4]
