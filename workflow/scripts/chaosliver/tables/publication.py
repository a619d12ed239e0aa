"""The table of experiments as a paper prints it: tidy, in Markdown, and in LaTeX."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.anatomy import SEQUENCES
from ..base.columns import COUNTS, EXPERIMENT_COLUMNS, GROUP, MEASURES, PUBLICATION_COLUMNS, STATISTICS
from ..base.files import read_tsv, write_text, write_tsv

# Heading and decimals of each measure.
PRINTED = {
    "mean_dice_all_slices": ("Dice, all slices", 3),
    "mean_dice_organ_slices": ("Dice, organ slices", 3),
    "dice_3d": ("Dice, 3D", 3),
    "assd_mm": ("ASSD, mm", 2),
    "mssd_mm": ("MSSD, mm", 1),
    "ravd_percent": ("RAVD, %", 1),
    "challenge_score": ("Challenge score", 1),
}
NOTE = (
    "Mean ± standard deviation, [95 % bootstrap interval of the mean], median (range), over patients, the seeds of "
    "each averaged first. No interval is given for fewer than six patients. All slices: a slice with neither reference "
    "nor prediction counts as Dice 1, so that slices without organ lift this figure; their share is given. Without "
    "ASSD: predicted volumes that have no surface, as an empty one; ASSD and MSSD leave them out."
)
TEX_HEAD = r"""% In the preamble: \usepackage{booktabs,longtable,pdflscape}
\begin{landscape}
\scriptsize
\setlength{\tabcolsep}{4pt}
\setlength{\LTcapwidth}{\linewidth}
"""
TEX_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
TEX_ESCAPES |= {character: f"\\{character}" for character in "&%$#_{}"}

Row = Mapping[str, str]


def write_publication_table(experiments_table: Path, tidy: Path, markdown: Path, latex: Path) -> None:
    """Write the table of experiments with one row per measure, and its two printed forms."""
    rows = read_tsv(experiments_table, EXPERIMENT_COLUMNS)
    write_tsv(tidy, PUBLICATION_COLUMNS, [_tidy(row, measure) for row in rows for measure in MEASURES])
    write_text(markdown, as_markdown(rows))
    write_text(latex, as_latex(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """A table of one row per experiment, cohort and sequence, each cell of three lines, and a note below it."""
    heads = ["Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD"]
    lines = [[*heads, *(title for title, _ in PRINTED.values())]]
    lines.append(["---"] * 3 + ["---:"] * (len(lines[0]) - 3))
    for row in rows:
        named = [f"`{row['experiment']}`", row["cohort"], _sequence(row)]
        counts = [row["patients"], share(row), row["volumes_without_distance"]]
        lines.append([*named, *counts, *("<br>".join(cell(row, measure)) for measure in PRINTED)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{NOTE}\n"


def as_latex(rows: Sequence[Row]) -> str:
    """A `longtable` with booktabs rules on a landscape page, three lines for each experiment, cohort and sequence."""
    heads = " & ".join(["Experiment", *(_tex(title) for title, _ in PRINTED.values())])
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


def cell(row: Row, measure: str) -> tuple[str, str, str]:
    """Mean and standard deviation, interval, median and range; a dash where there is nothing."""
    texts = {name: row[f"{measure}_{name}"] for name in STATISTICS}
    shown = {name: f"{float(text):.{PRINTED[measure][1]}f}" if text else "-" for name, text in texts.items()}
    if not texts["mean"]:
        return "-", "-", "-"
    interval = f"[{shown['ci_low']}, {shown['ci_high']}]" if texts["ci_low"] else "-"
    return (
        f"{shown['mean']} ± {shown['sd']}" if texts["sd"] else shown["mean"],
        interval,
        f"{shown['median']} ({shown['min']} to {shown['max']})",
    )


def share(row: Row) -> str:
    """Share of the slices without organ in percent; a dash without ground truth."""
    return f"{float(row['share_of_empty_slices']):.0%}" if row["share_of_empty_slices"] else "-"


def _latex_lines(row: Row) -> tuple[str, str, str]:
    without = int(row["volumes_without_distance"])
    labels = (
        rf"\texttt{{{_tex(row['experiment'])}}}",
        _tex(f"{_sequence(row)}, {row['cohort']}, {row['patients']} patients"),
        _tex(f"{share(row)} of slices without organ" + (f", {without} without ASSD" if without else "")),
    )
    cells = zip(*(cell(row, measure) for measure in PRINTED), strict=True)
    first, second, third = (" & ".join([label, *map(_tex, line)]) for label, line in zip(labels, cells, strict=True))
    # A page may end after the last of the three alone.
    return rf"{first} \\*", rf"{second} \\*", rf"{third} \\ \addlinespace"


def _tidy(row: Row, measure: str) -> dict[str, str]:
    shared = {column: row[column] for column in (*GROUP, *COUNTS)}
    return {**shared, "measure": measure, **{name: row[f"{measure}_{name}"] for name in STATISTICS}}


def _sequence(row: Row) -> str:
    return SEQUENCES[row["sequence"]].title if row["sequence"] in SEQUENCES else row["sequence"]


def _tex(text: str) -> str:
    return "".join(TEX_ESCAPES.get(character, character) for character in text)
