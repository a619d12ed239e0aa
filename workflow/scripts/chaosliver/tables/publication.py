"""The table of experiments as a paper prints it: tidy, in Markdown, and in LaTeX."""

from collections.abc import Sequence
from pathlib import Path

from ..base.columns import COUNTS, EXPERIMENT_COLUMNS, GROUP, MEASURES, PUBLICATION_COLUMNS, STATISTICS
from ..base.files import read_tsv, write_text, write_tsv
from .printed import EXPERIMENT_HEADINGS, NOTE, PRINTED, Row, cell, share_of_empty_slices, title_of

# By the widths of its letters, the table then fits a landscape A4 page with margins of 2.5 cm.
TEX_HEAD = r"""% In the preamble: \usepackage{booktabs,longtable,pdflscape}
\begin{landscape}
\scriptsize
\setlength{\tabcolsep}{4pt}
\setlength{\LTcapwidth}{\linewidth}
"""
TEX_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
TEX_ESCAPES |= {character: f"\\{character}" for character in "&%$#_{}"}


def write_publication_table(*, experiments_table: Path, tidy: Path, markdown: Path, latex: Path) -> None:
    """Write the table of experiments with one row per measure, and its two printed forms."""
    rows = read_tsv(experiments_table, EXPERIMENT_COLUMNS)
    write_tsv(tidy, PUBLICATION_COLUMNS, [_tidy(row, measure) for row in rows for measure in MEASURES])
    write_text(markdown, as_markdown(rows))
    write_text(latex, as_latex(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """A table of one row per experiment, cohort and sequence, each cell of three lines, and a note below it."""
    lines = [[*EXPERIMENT_HEADINGS, *(measure.heading for measure in PRINTED.values())]]
    lines.append(["---"] * 3 + ["---:"] * (len(lines[0]) - 3))
    for row in rows:
        named = [f"`{row['experiment']}`", row["cohort"], title_of(row["sequence"])]
        counts = [row["patients"], share_of_empty_slices(row), row["volumes_without_distance"]]
        lines.append([*named, *counts, *("<br>".join(cell(row, measure)) for measure in PRINTED)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{NOTE}\n"


def as_latex(rows: Sequence[Row]) -> str:
    """A `longtable` with booktabs rules on a landscape page, four lines for each experiment, cohort and sequence."""
    heads = " & ".join(["Experiment", *(_tex(measure.heading) for measure in PRINTED.values())])
    lines = [
        rf"\begin{{longtable}}{{@{{}}l{'r' * len(PRINTED)}@{{}}}}",
        rf"\caption{{{_tex(NOTE)}}} \\",
        rf"\toprule {heads} \\ \midrule \endfirsthead",
        rf"\toprule {heads} \\ \midrule \endhead",
        r"\bottomrule \endlastfoot",
        *(line for row in rows for line in _latex_lines(row)),
        r"\end{longtable}",
        r"\end{landscape}",
    ]
    return TEX_HEAD + "\n".join(lines) + "\n"


def _latex_lines(row: Row) -> list[str]:
    without = int(row["volumes_without_distance"])
    labels = (
        rf"\texttt{{{_tex(row['experiment'])}}}",
        _tex(f"{title_of(row['sequence'])}, {row['cohort']}"),
        _tex(f"{row['patients']} patients" + (f", {without} without ASSD" if without else "")),
        _tex(f"{share_of_empty_slices(row)} of slices without organ"),
    )
    cells = zip(*(_with_range_below(*cell(row, measure)) for measure in PRINTED), strict=True)
    lines = [" & ".join([label, *map(_tex, line)]) for label, line in zip(labels, cells, strict=True)]
    # A page may end after the last of the four alone.
    return [*(rf"{line} \\*" for line in lines[:-1]), rf"{lines[-1]} \\ \addlinespace"]


def _with_range_below(mean: str, interval: str, median: str) -> tuple[str, str, str, str]:
    """A cell with its range on a line of its own: so narrow, all measures fit across a page."""
    middle, _, spread = median.partition(" ")
    return mean, interval, middle, spread


def _tidy(row: Row, measure: str) -> dict[str, str]:
    shared = {column: row[column] for column in (*GROUP, *COUNTS)}
    return {**shared, "measure": measure, **{name: row[f"{measure}_{name}"] for name in STATISTICS}}


def _tex(text: str) -> str:
    return "".join(TEX_ESCAPES.get(character, character) for character in text)
