"""The tables' columns: no name twice, and the headers that readers outside this project rely on."""

from pathlib import Path

import pytest

from chaosliver.base import columns

MEASURED = Path(__file__).resolve().parents[3] / "docs" / "measurements"

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
        "mean_dice_organ_slices dice_3d ravd_percent assd_mm hd95_mm mssd_mm nsd challenge_score "
        "reference_ml predicted_ml"
    )
    assert " ".join(columns.PLACE) == "low high row_spacing_mm column_spacing_mm position_mm rows columns"
    assert columns.AREAS == ("liver_mm2", "right_kidney_mm2", "left_kidney_mm2", "spleen_mm2")
    assert columns.EXPERIMENT_COLUMNS[:10] == (
        *("experiment", "cohort", "sequence", "patients", "slices", "share_of_empty_slices", "empty_predictions"),
        *("volumes_without_distance", "pooled_dice", "mean_dice_all_slices_mean"),
    )
    assert len(columns.EXPERIMENT_COLUMNS) == 3 + 5 + 1 + 9 * 7


def test_the_headers_of_what_leads_to_them():
    assert {name: " ".join(getattr(columns, name)) for name in TABLES} == {
        "COMPARISON_COLUMNS": (
            "baseline experiment cohort sequence measure better pairs baseline_mean experiment_mean mean_difference "
            "ci_low ci_high median_difference rank_biserial note"
        ),
        "COUNT_COLUMNS": (
            "patient sequence listed_images unpacked_images read_images png_images scored listed_masks unpacked_masks "
            "paired_masks binary_masks left_out"
        ),
        "EXAM_COLUMNS": (
            "exam organ volume_ml slices slices_with_organ left_right_mm front_back_mm head_foot_mm trained_on_slices "
            "reference_ml dice_3d assd_mm hd95_mm mssd_mm nsd flags experiment pack seconds"
        ),
        "EXPERIMENT_COLUMNS": " ".join(columns.EXPERIMENT_COLUMNS),
        "FINDING_COLUMNS": "patient sequence file severity flag message",
        "FOLD_COLUMNS": "fold patient role",
        "GREY_COLUMNS": "low high rows columns",
        "HISTORY_COLUMNS": "epoch training_loss validation_loss validation_dice learning_rate",
        "INDEX_COLUMNS": "file sha256",
        "INVENTORY_COLUMNS": (
            "patient sequence stem image ground instance_number position_mm row_spacing_mm column_spacing_mm "
            "slice_distance_mm rows columns echo_time_ms minimum maximum grey_levels ground_digest liver_mm2 "
            "right_kidney_mm2 left_kidney_mm2 spleen_mm2"
        ),
        "LISTED_COLUMNS": "file state why",
        "LOT_COLUMNS": "patient file sha256",
        "MATRIX_COLUMNS": " ".join(columns.MATRIX_COLUMNS),
        "PATIENT_COLUMNS": " ".join(columns.PATIENT_COLUMNS),
        "PREDICTION_COLUMNS": "cohort patient sequence stem",
        "PRICE_COLUMNS": (
            "put_right experiment patients slices dice ci_low ci_high difference difference_ci_low difference_ci_high"
        ),
        "PUBLICATION_COLUMNS": (
            "experiment cohort sequence patients slices share_of_empty_slices empty_predictions "
            "volumes_without_distance measure mean sd median min max ci_low ci_high"
        ),
        "SHEET_COLUMNS": "patient cohort sequences",
        "SLICE_COLUMNS": " ".join(columns.SLICE_COLUMNS),
        "SUBMISSION_COLUMNS": (
            "patient sequence experiment slices rows columns slices_with_liver liver_voxels liver_ml"
        ),
        "TRAINING_COLUMNS": (
            "experiment fold seed training_patients training_sequences validated_on epochs chosen_epoch "
            "validation_dice test_patients test_dice_3d optimism"
        ),
        "VARIANCE_COLUMNS": "experiment sequence patients draws seeds mean sd_patients sd_draws sd_seeds note",
        "VERDICT_COLUMNS": (
            "question experiment against sequence verdict patients against_mean experiment_mean mean_difference "
            "confidence ci_low ci_high p p_holm sd_difference detectable_difference note"
        ),
        "VOLUME_COLUMNS": (
            "patient sequence slices slices_with_liver rows columns row_spacing_mm column_spacing_mm "
            "slice_distance_mm echo_time_ms minimum maximum liver_ml right_kidney_ml left_kidney_ml spleen_ml "
            "errors warnings accepted"
        ),
    }
    assert {
        *("experiment", "fold", "seed", "cohort", "patient", "sequence", "stem", "scores"),
        *("baseline", "measure", "better", "note", "put_right", "question", "against", "verdict"),
    } == columns.TEXT_COLUMNS


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("plan_patients.tsv", columns.PATIENT_COLUMNS),
        ("plan_experiments.tsv", columns.EXPERIMENT_COLUMNS),
        ("plan_comparisons.tsv", columns.COMPARISON_COLUMNS),
        ("plan_verdicts.tsv", columns.VERDICT_COLUMNS),
        ("plan_variances.tsv", columns.VARIANCE_COLUMNS),
    ],
)
def test_the_tables_that_were_measured_can_still_be_read(file, table):
    header = (MEASURED / file).read_text().splitlines()[0].split("\t")
    assert header == [*table, "command", "date", "commit", "machine"]
