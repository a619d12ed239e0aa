"""Tables as frames: what is a number and what a name, and one row per patient whatever the seeds."""

import pandas as pd
import pytest

from chaosliver.base.columns import PATIENT_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.measure.frames import average_over_seeds, read_frame, records_of, typed

COLUMNS = ("experiment", "patient", "slices", "dice_3d", "assd_mm")


def test_names_stay_text_and_all_else_becomes_a_number_or_nothing():
    frame = typed([dict(zip(COLUMNS, ("007", "08", "30", "0.25", ""), strict=True))], COLUMNS)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.loc[0, ["experiment", "patient", "slices", "dice_3d"]].tolist() == ["007", "08", 30, 0.25]
    assert pd.isna(frame.loc[0, "assd_mm"])
    assert pd.api.types.is_numeric_dtype(frame["assd_mm"])


def test_no_rows_make_a_frame_of_all_columns():
    frame = typed([], COLUMNS)
    assert (list(frame.columns), len(frame)) == (list(COLUMNS), 0)
    assert pd.api.types.is_numeric_dtype(frame["dice_3d"])


def test_a_table_is_read_with_its_types_and_must_have_the_columns(tmp_path):
    write_tsv(tmp_path / "t.tsv", COLUMNS, [dict(zip(COLUMNS, ("a", "08", 30, 0.25, None), strict=True))])
    assert read_frame(tmp_path / "t.tsv", COLUMNS[:4]).to_dict("records") == [
        {"experiment": "a", "patient": "08", "slices": 30, "dice_3d": 0.25}
    ]
    with pytest.raises(InputError, match=r"lacks the column.*mssd_mm"):
        read_frame(tmp_path / "t.tsv", (*COLUMNS, "mssd_mm"))


def test_what_is_not_a_number_is_written_as_nothing():
    frame = pd.DataFrame({"patient": ["1", "2"], "assd_mm": [1.5, float("nan")]})
    assert records_of(frame) == [{"patient": "1", "assd_mm": 1.5}, {"patient": "2", "assd_mm": None}]


def scored(experiment, cohort, sequence, patient, seed, dice, distance):
    named = {"experiment": experiment, "cohort": cohort, "sequence": sequence, "patient": patient, "seed": seed}
    return dict.fromkeys(PATIENT_COLUMNS, "") | named | {"dice_3d": dice, "assd_mm": distance, "predicted_ml": "9"}


def test_each_patient_of_a_group_is_the_mean_of_the_seeds_that_have_a_value():
    frame = typed(
        [
            scored("b", "test", "t2_spir", "10", "1", "0.8", "2"),
            scored("b", "test", "t2_spir", "10", "2", "0.5", ""),
            scored("b", "test", "t2_spir", "10", "3", "0.2", "7"),
            scored("b", "test", "t2_spir", "2", "1", "0.9", ""),
            scored("b", "development", "t2_spir", "10", "1", "0.1", "1"),
            scored("b", "test", "t1_in_phase", "10", "1", "0.3", "3"),
            scored("a", "test", "t2_spir", "10", "1", "0.4", "4"),
        ],
        PATIENT_COLUMNS,
    )
    averaged = average_over_seeds(frame)
    # In the order of the first row of each.
    assert averaged[["experiment", "cohort", "sequence", "patient"]].to_numpy().tolist() == [
        ["b", "test", "t2_spir", "10"],
        ["b", "test", "t2_spir", "2"],
        ["b", "development", "t2_spir", "10"],
        ["b", "test", "t1_in_phase", "10"],
        ["a", "test", "t2_spir", "10"],
    ]
    assert averaged["dice_3d"].tolist() == pytest.approx([0.5, 0.9, 0.1, 0.3, 0.4])
    assert averaged["assd_mm"].dropna().tolist() == pytest.approx([4.5, 1, 3, 4])
    assert "predicted_ml" not in averaged.columns
    assert average_over_seeds(frame, ["predicted_ml"])["predicted_ml"].tolist() == [9] * 5


def test_each_patient_of_two_draws_is_one_row():
    rows = [
        {**scored("a", "development", "t2_spir", "1", seed, dice, distance), "fold": fold}
        for fold, seed, dice, distance in (("0", "1", "0.1", "2"), ("4", "1", "0.5", ""), ("4", "2", "0.9", "6"))
    ]
    (patient,) = average_over_seeds(typed(rows, PATIENT_COLUMNS)).to_dict("records")
    assert (patient["patient"], patient["dice_3d"], patient["assd_mm"]) == ("1", pytest.approx(0.5), 4)
