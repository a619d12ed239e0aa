"""The scores on a model card: those of one network beside those of all networks of its experiment, over patients."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

import numpy as np

from ..base.columns import MEASURES
from ..base.patient_order import natural
from ..base.wording import counted
from ..measure.patient_statistics import mean_interval
from .printed import NOTHING, PRINTED, title_of

Row = Mapping[str, str]
# The primary measure first.
ORDER = sorted(PRINTED, key=lambda measure: measure != "dice_3d")


def sequences_of(rows: Sequence[Row]) -> list[str]:
    """The sequences that rows of `PATIENT_COLUMNS` are of, in their order."""
    return list(dict.fromkeys(row["sequence"] for row in rows))


def patients_of(rows: Sequence[Row], sequence: str | None = None) -> list[str]:
    """The patients that rows are of, all or those of one sequence, in natural order."""
    return sorted({row["patient"] for row in rows if sequence in (None, row["sequence"])}, key=natural)


def scores_of(rows: Sequence[Row]) -> dict[tuple[str, str], list[float]]:
    """The values of the patients by sequence and measure, each patient's the mean over its seeds and draws.

    A patient without a value of a measure is left out there, and so is a measure that no patient has.
    """
    grouped: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for measure in MEASURES:
            if row[measure]:
                grouped[row["sequence"], measure][row["patient"]].append(float(row[measure]))
    return {place: [fmean(values) for values in patients.values()] for place, patients in grouped.items()}


def score_table(sequence: str, columns: Mapping[str, Sequence[Row]]) -> str:
    """A Markdown table of all measures in one sequence, with a column for each name and its rows."""
    counts = {name: len(patients_of(rows, sequence)) for name, rows in columns.items()}
    scores = {name: scores_of(rows) for name, rows in columns.items()}
    lines = [[title_of(sequence), *(f"{name}, {counted(count, 'patient')}" for name, count in counts.items())]]
    lines.append(["---"] * len(lines[0]))
    for measure in ORDER:
        cells = [_cell(scores[name].get((sequence, measure), ()), measure, counts[name]) for name in columns]
        lines.append([PRINTED[measure].heading, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(values: Sequence[float], measure: str, patients: int) -> str:
    """`0.908 ± 0.026 [0.890, 0.921]`, and the number of patients where not all `patients` have a value."""
    if not values:
        return NOTHING
    decimals = PRINTED[measure].decimals
    text = f"{fmean(values):.{decimals}f}"
    if len(values) > 1:
        text += f" ± {stdev(values):.{decimals}f}"
    if interval := mean_interval(np.array(values)):
        text += f" [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"
    return text if len(values) == patients else f"{text} ({counted(len(values), 'patient')})"
