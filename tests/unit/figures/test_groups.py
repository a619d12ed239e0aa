"""The sequences of each cohort: the same colour in all figures, and a mark of the cohort."""

import pandas as pd

from chaosliver.figures.groups import Group, groups_of

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def frame(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["cohort", "sequence"], index=range(10, 10 + len(rows)))


def test_groups_stand_by_cohort_and_then_in_the_order_of_the_sequences() -> None:
    rows = [("test", "t2_spir"), ("development", "t2_spir"), ("development", "t1_in_phase"), ("test", "t2_spir")]
    rows.append(("development", "t1_out_of_phase"))
    groups = groups_of(frame(rows))
    assert list(groups) == [
        Group("development", "t1_in_phase", "T1 in phase, development", BLUE, "o", "-"),
        Group("development", "t1_out_of_phase", "T1 out of phase, development", ORANGE, "o", "-"),
        Group("development", "t2_spir", "T2-SPIR, development", GREEN, "o", "-"),
        Group("test", "t2_spir", "T2-SPIR, test", GREEN, "D", ":"),
    ]
    assert [list(labels) for labels in groups.values()] == [[12], [14], [11], [10, 13]]


def test_a_cohort_alone_is_not_named() -> None:
    (alone,) = groups_of(frame([("development", "t2_spir")]))
    assert (alone.title, alone.colour) == ("T2-SPIR", GREEN)


def test_without_rows_there_is_no_group() -> None:
    assert groups_of(frame([])) == {}
