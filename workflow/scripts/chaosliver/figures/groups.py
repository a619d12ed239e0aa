"""The sequences of each cohort, and how every figure shows them."""

from typing import NamedTuple

import pandas as pd

from ..base.anatomy import SEQUENCES
from .style import PALETTE


class Group(NamedTuple):
    """A sequence of a cohort, with its title, colour, marker and style of line in all figures."""

    cohort: str
    sequence: str
    title: str
    colour: str
    marker: str
    linestyle: str


def groups_of(frame: pd.DataFrame) -> dict[Group, pd.Index]:
    """Row labels of each sequence and cohort, by cohort and then in the order of `SEQUENCES`.

    A sequence has the same colour in all figures of all studies. Titles name the cohort where there are several.
    """
    cohorts = sorted(set(frame["cohort"]))
    rows = frame.groupby(["cohort", "sequence"]).groups
    return {
        _group(cohort, sequence, len(cohorts) > 1): rows[cohort, sequence]
        for cohort in cohorts
        for sequence in SEQUENCES
        if (cohort, sequence) in rows
    }


def _group(cohort: str, sequence: str, several: bool) -> Group:
    title = SEQUENCES[sequence].title
    marker, linestyle = ("D", ":") if cohort == "test" else ("o", "-")
    colour = PALETTE[list(SEQUENCES).index(sequence)]
    return Group(cohort, sequence, f"{title}, {cohort}" if several else title, colour, marker, linestyle)
