"""The tables' columns: no name twice, and the headers that readers outside this project rely on."""

import pytest

from chaosliver.base import columns

TABLES = sorted(name for name in vars(columns) if name.endswith("_COLUMNS") and name != "TEXT_COLUMNS")


@pytest.mark.parametrize("table", TABLES)
def test_no_table_has_a_column_twice(table):
    names = getattr(columns, table)
    assert len(set(names)) == len(names)


def test_the_headers_of_the_studys_tables():
    assert " ".join(columns.SLICE_COLUMNS) == (
        "experiment fold seed cohort patient sequence stem position_mm reference_mm2 predicted_mm2 "
        "scores dice dice_of_mask"
    )
    assert " ".join(columns.PATIENT_COLUMNS) == (
        "experiment fold seed cohort patient sequence slices slices_with_organ mean_dice_all_slices "
        "mean_dice_organ_slices dice_3d ravd_percent assd_mm mssd_mm challenge_score reference_ml predicted_ml"
    )
    assert " ".join(columns.PLACE) == "low high row_spacing_mm column_spacing_mm position_mm rows columns"
    assert columns.AREAS == ("liver_mm2", "right_kidney_mm2", "left_kidney_mm2", "spleen_mm2")
    assert columns.EXPERIMENT_COLUMNS[:10] == (
        *("experiment", "cohort", "sequence", "patients", "slices", "share_of_empty_slices", "empty_predictions"),
        *("volumes_without_distance", "pooled_dice", "mean_dice_all_slices_mean"),
    )
    assert len(columns.EXPERIMENT_COLUMNS) == 3 + 5 + 1 + 7 * 7
