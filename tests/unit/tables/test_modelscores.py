"""The scores on a model card, from rows of a table as it was read: all values are text."""

import numpy as np
import pytest

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS
from chaosliver.measure.patient_statistics import mean_interval
from chaosliver.tables.modelscores import ORDER, patients_of, score_table, scores_of, sequences_of


def row(patient, dice, sequence="t1_in_phase", **others):
    named = {"patient": patient, "sequence": sequence, "dice_3d": dice}
    return dict.fromkeys(PATIENT_COLUMNS, "") | named | others


def lines_of(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_value_of_a_patient_is_the_mean_over_its_seeds_and_draws():
    rows = [row("2", "0.5"), row("10", "0.9"), row("2", "0.7"), row("2", "0.2", "t2_spir", assd_mm="3")]
    assert scores_of(rows) == {
        ("t1_in_phase", "dice_3d"): [pytest.approx(0.6), 0.9],
        ("t2_spir", "dice_3d"): [0.2],
        ("t2_spir", "assd_mm"): [3.0],
    }
    assert (sequences_of(rows), patients_of(rows)) == (["t1_in_phase", "t2_spir"], ["2", "10"])
    assert patients_of([*rows, row("3", "1", "t2_spir")], "t2_spir") == ["2", "3"]


def test_a_column_has_its_rows_the_primary_measure_first():
    first = [row("1", "0.8", assd_mm="1"), row("2", "0.9", assd_mm="")]
    both = [*first, row("3", "0.4", assd_mm="2"), row("1", "0.1", "t2_spir", nsd="0.2")]
    head, _, dice, *others = lines_of(score_table("t1_in_phase", {"one": first, "all": both}))
    assert head == ["T1 in phase", "one, 2 patients", "all, 3 patients"]
    # By hand: 0.8 and 0.9; 0.8, 0.9 and 0.4, whose squared deviations from 0.7 sum to 0.14.
    assert dice == ["Dice, 3D", "0.850 ± 0.071", "0.700 ± 0.265"]
    cells = {name: values for name, *values in others}
    assert cells["ASSD, mm"] == ["1.00 (1 patient)", "1.50 ± 0.71 (2 patients)"]
    assert cells["Surface Dice"] == ["-", "-"]
    assert len(cells) == len(MEASURES) - 1 and ORDER[0] == "dice_3d"


def test_six_patients_have_an_interval():
    dice = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    rows = [row(str(number), str(value)) for number, value in enumerate(dice)]
    _, _, (_, five, six), *_ = lines_of(score_table("t1_in_phase", {"five": rows[:5], "six": rows}))
    low, high = mean_interval(np.array(dice))
    assert five == "0.700 ± 0.158"
    assert six == f"0.742 ± 0.174 [{low:.3f}, {high:.3f}]"
