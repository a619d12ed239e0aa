"""What a cell says of a measure, by measures whose values all differ."""

import pytest

from chaosliver.base.columns import MEASURES, STATISTICS
from chaosliver.tables.printed import EXPERIMENT_HEADINGS, NOTE, PRINTED, cell, share_of_empty_slices, title_of

# 10.527 for the mean of the first measure, 11.527 for its standard deviation, and so on; 20.527 for the next measure.
ROW = {
    f"{measure}_{name}": f"{10 * (number + 1) + place}.527"
    for number, measure in enumerate(MEASURES)
    for place, name in enumerate(STATISTICS)
}


@pytest.mark.parametrize(
    ("measure", "heading", "lines"),
    [
        (
            "mean_dice_all_slices",
            "Dice, all slices",
            ("10.527 ± 11.527", "[15.527, 16.527]", "12.527 (13.527 to 14.527)"),
        ),
        (
            "mean_dice_organ_slices",
            "Dice, organ slices",
            ("20.527 ± 21.527", "[25.527, 26.527]", "22.527 (23.527 to 24.527)"),
        ),
        ("dice_3d", "Dice, 3D", ("30.527 ± 31.527", "[35.527, 36.527]", "32.527 (33.527 to 34.527)")),
        ("ravd_percent", "RAVD, %", ("40.5 ± 41.5", "[45.5, 46.5]", "42.5 (43.5 to 44.5)")),
        ("assd_mm", "ASSD, mm", ("50.53 ± 51.53", "[55.53, 56.53]", "52.53 (53.53 to 54.53)")),
        ("hd95_mm", "HD95, mm", ("60.5 ± 61.5", "[65.5, 66.5]", "62.5 (63.5 to 64.5)")),
        ("mssd_mm", "MSSD, mm", ("70.5 ± 71.5", "[75.5, 76.5]", "72.5 (73.5 to 74.5)")),
        ("nsd", "Surface Dice", ("80.527 ± 81.527", "[85.527, 86.527]", "82.527 (83.527 to 84.527)")),
        ("challenge_score", "Challenge score", ("90.5 ± 91.5", "[95.5, 96.5]", "92.5 (93.5 to 94.5)")),
    ],
)
def test_each_measure_has_its_heading_its_decimals_and_its_own_statistics(measure, heading, lines):
    assert PRINTED[measure].heading == heading
    assert cell(ROW, measure) == lines


def test_what_does_not_exist_is_a_dash():
    assert cell(ROW | {"dice_3d_ci_low": "", "dice_3d_ci_high": ""}, "dice_3d")[1] == "-"
    assert cell(ROW | {"dice_3d_sd": ""}, "dice_3d")[0] == "30.527"
    assert cell(dict.fromkeys(ROW, ""), "dice_3d") == ("-", "-", "-")
    # A lone patient.
    alone = {f"dice_3d_{name}": "0.5" if name in ("mean", "median", "min", "max") else "" for name in STATISTICS}
    assert cell(alone, "dice_3d") == ("0.500", "-", "0.500 (0.500 to 0.500)")


def test_the_share_of_slices_without_organ_is_in_percent():
    assert share_of_empty_slices({"share_of_empty_slices": "0.2817"}) == "28%"
    assert share_of_empty_slices({"share_of_empty_slices": "0"}) == "0%"
    assert share_of_empty_slices({"share_of_empty_slices": ""}) == "-"


def test_a_sequence_has_its_title_and_any_other_text_stays():
    assert [title_of(name) for name in ("t1_out_of_phase", "t2_spir", "ct")] == ["T1 out of phase", "T2-SPIR", "ct"]


def test_headings_and_note_are_those_that_the_tables_have_always_had():
    assert (
        *("Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD"),
    ) == EXPERIMENT_HEADINGS
    assert NOTE == (
        "Mean ± standard deviation, [95 % bootstrap interval of the mean], median (range), over patients, the seeds "
        "and draws of each averaged first. No interval is given for fewer than six patients. All slices: a slice "
        "with neither reference nor prediction counts as Dice 1, so that slices without organ lift this figure; "
        "their share is given. Without ASSD: predicted volumes that have no surface, as an empty one; ASSD, "
        "HD95 and MSSD leave them out, and the surface Dice counts them as 0."
    )
