"""The printed table: the numbers of the table of experiments, in text that Markdown and LaTeX can read."""

import re
from pathlib import Path
from typing import Any

import pytest

from chaosliver.base.columns import COUNTS, EXPERIMENT_COLUMNS, GROUP, MEASURES, PUBLICATION_COLUMNS, STATISTICS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.tables.printed import NOTE, PRINTED
from chaosliver.tables.publication import write_publication_table

VALUES = {"mean": 0.9012, "sd": 0.03, "median": 0.91, "min": 0.8, "max": 0.95, "ci_low": 0.88, "ci_high": 0.92}


def experiment(name: str, **changes: Any) -> dict[str, Any]:
    row = dict(zip(GROUP, (name, "development", "t1_in_phase"), strict=True)) | dict.fromkeys(
        (*COUNTS, "pooled_dice"), 0
    )
    row |= {"patients": 14, "slices": 426, "share_of_empty_slices": 0.2817}
    return row | {f"{measure}_{key}": value for measure in MEASURES for key, value in VALUES.items()} | changes


def publication_of(folder: Path) -> dict[str, Path]:
    paths = {suffix: folder / f"publication.{suffix}" for suffix in ("tsv", "md", "tex")}
    outputs = {"tidy": paths["tsv"], "markdown": paths["md"], "latex": paths["tex"]}
    write_publication_table(experiments_table=folder / "experiments.tsv", **outputs)
    return paths


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    nothing = {f"{measure}_{key}": None for measure in MEASURES for key in STATISTICS}
    rows = [
        experiment("all_16bit", volumes_without_distance=2),
        experiment("no&50%", dice_3d_ci_low=None, dice_3d_ci_high=None, dice_3d_sd=None),
        experiment("no_truth", cohort="test", share_of_empty_slices=None, **nothing),
    ]
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, rows)
    return publication_of(tmp_path)


def test_the_tidy_form_has_a_row_per_measure_with_the_same_numbers(written: dict[str, Path]) -> None:
    rows = read_tsv(written["tsv"], PUBLICATION_COLUMNS)
    assert len(rows) == 3 * len(MEASURES)
    (row,) = [row for row in rows if (row["experiment"], row["measure"]) == ("all_16bit", "assd_mm")]
    assert {key: float(row[key]) for key in VALUES} == VALUES
    assert (row["patients"], row["volumes_without_distance"]) == ("14", "2")


def test_the_markdown_is_one_table_of_equal_rows_and_a_note(written: dict[str, Path]) -> None:
    table, note, end = re.split(r"\n\n|\n$", written["md"].read_text())
    lines = table.splitlines()
    assert len(lines) == 2 + 3
    assert {len(line.split(" | ")) for line in lines} == {6 + len(PRINTED)}
    assert "Dice, 3D" in lines[0] and set(lines[1]) <= set("|-: ")
    assert "| `all_16bit` | development | T1 in phase | 14 | 28% | 2 |" in lines[2]
    assert "0.901 ± 0.030<br>[0.880, 0.920]<br>0.910 (0.800 to 0.950)" in lines[2]
    assert "| 0.901<br>-<br>0.910 (0.800 to 0.950) |" in lines[3]
    assert lines[4].endswith("| - | 0 |" + " -<br>-<br>- |" * len(PRINTED))
    assert "fewer than six patients" in note and end == ""


def test_the_latex_escapes_names_and_balances_braces_cells_and_environments(written: dict[str, Path]) -> None:
    text = written["tex"].read_text()
    assert r"\texttt{all\_16bit} & 0.901 $\pm$ 0.030" in text
    assert r"\texttt{no\&50\%}" in text
    body = text.split("\\endlastfoot\n")[1].split("\\end{longtable}")[0].splitlines()
    assert len(body) == 3 * 4
    for line in body:
        assert len(re.findall(r"(?<!\\)&", line)) == len(PRINTED)
        assert line.endswith((r" \\*", r" \\ \addlinespace"))
        assert not re.search(r"(?<!\\)[_%#]", line) and "±" not in line
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["landscape", "longtable"]
    assert [line.split(" & ")[0] for line in body[1:4]] == [
        *("T1 in phase, development", "14 patients, 2 without ASSD", r"28\% of slices without organ"),
    ]
    # Without ground truth there is a dash for mean, interval and median, and no range.
    assert [len(re.findall(r" & -(?= )", line)) for line in body[8:]] == [len(PRINTED)] * 3 + [0]
    assert "% In the preamble: \\usepackage{booktabs,longtable,pdflscape}" in text


def test_a_study_without_experiments_has_an_empty_table(tmp_path: Path) -> None:
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [])
    paths = publication_of(tmp_path)
    assert read_tsv(paths["tsv"], PUBLICATION_COLUMNS) == []
    assert "\\bottomrule" in paths["tex"].read_text()


def numbered(name: str, first: int, **changes: Any) -> dict[str, Any]:
    """An experiment whose numbers all differ: each is one more than the one before it."""
    row = dict(zip(GROUP, (name, "test", "t2_spir"), strict=True)) | {"pooled_dice": 0.123}
    row |= dict(zip(COUNTS, (first, 426, 0.2817, 5, 0), strict=True))
    keys = [f"{measure}_{key}" for measure in MEASURES for key in STATISTICS]
    return row | {key: first + number + 0.25 for number, key in enumerate(keys)} | changes


def test_each_statistic_of_each_measure_stands_in_its_own_place(tmp_path: Path) -> None:
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [numbered("a", 10), numbered("b", 100)])
    paths = publication_of(tmp_path)
    tidy = read_tsv(paths["tsv"])
    assert list(tidy[0]) == [*PUBLICATION_COLUMNS]
    assert [(row["experiment"], row["measure"]) for row in tidy] == [(name, m) for name in "ab" for m in MEASURES]
    # The fifth measure of the second experiment.
    found = [tidy[9 + 4][key] for key in (*GROUP, *COUNTS, *STATISTICS)]
    assert found == [*("b", "test", "t2_spir", "100", "426", "0.2817", "5", "0"), *(f"{128 + n}.25" for n in range(7))]
    table = [line.strip("| ").split(" | ") for line in paths["md"].read_text().splitlines()[:4]]
    assert table[0] == [
        *("Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD"),
        *("Dice, all slices", "Dice, organ slices", "Dice, 3D", "ASSD, mm", "HD95, mm", "MSSD, mm", "Surface Dice"),
        *("RAVD, %", "Challenge score"),
    ]
    assert table[1] == [*["---"] * 3, *["---:"] * 12]
    assert table[2] == [
        *("`a`", "test", "T2-SPIR", "10", "28%", "0"),
        "10.250 ± 11.250<br>[15.250, 16.250]<br>12.250 (13.250 to 14.250)",
        "17.250 ± 18.250<br>[22.250, 23.250]<br>19.250 (20.250 to 21.250)",
        "24.250 ± 25.250<br>[29.250, 30.250]<br>26.250 (27.250 to 28.250)",
        "38.25 ± 39.25<br>[43.25, 44.25]<br>40.25 (41.25 to 42.25)",
        "45.2 ± 46.2<br>[50.2, 51.2]<br>47.2 (48.2 to 49.2)",
        "52.2 ± 53.2<br>[57.2, 58.2]<br>54.2 (55.2 to 56.2)",
        "59.250 ± 60.250<br>[64.250, 65.250]<br>61.250 (62.250 to 63.250)",
        "31.2 ± 32.2<br>[36.2, 37.2]<br>33.2 (34.2 to 35.2)",
        "66.2 ± 67.2<br>[71.2, 72.2]<br>68.2 (69.2 to 70.2)",
    ]
    assert paths["md"].read_text().splitlines()[4:] == ["", NOTE]


LATEX = r"""% In the preamble: \usepackage{booktabs,longtable,pdflscape}
\begin{landscape}
\scriptsize
\setlength{\tabcolsep}{4pt}
\setlength{\LTcapwidth}{\linewidth}
\begin{longtable}{@{}lrrrrrrrrr@{}}
\caption{NOTE} \\
\toprule HEADS \\ \midrule \endfirsthead
\toprule HEADS \\ \midrule \endhead
\bottomrule \endlastfoot
\texttt{aX\_\textasciitilde{}\textasciicircum{}\textbackslash{}} & 10.250 $\pm$ 11.250 & 17.250 $\pm$ 18.250 & 24.250 $\pm$ 25.250 & 38.25 $\pm$ 39.25 & 45.2 $\pm$ 46.2 & 52.2 $\pm$ 53.2 & 59.250 $\pm$ 60.250 & 31.2 $\pm$ 32.2 & 66.2 $\pm$ 67.2 \\*
T2-SPIR, test & [15.250, 16.250] & [22.250, 23.250] & [29.250, 30.250] & [43.25, 44.25] & [50.2, 51.2] & [57.2, 58.2] & [64.250, 65.250] & [36.2, 37.2] & [71.2, 72.2] \\*
10 patients & 12.250 & 19.250 & 26.250 & 40.25 & 47.2 & 54.2 & 61.250 & 33.2 & 68.2 \\*
28\% of slices without organ & (13.250 to 14.250) & (20.250 to 21.250) & (27.250 to 28.250) & (41.25 to 42.25) & (48.2 to 49.2) & (55.2 to 56.2) & (62.250 to 63.250) & (34.2 to 35.2) & (69.2 to 70.2) \\ \addlinespace
\end{longtable}
\end{landscape}
"""  # noqa: E501
HEADS = (
    r"Experiment & Dice, all slices & Dice, organ slices & Dice, 3D & ASSD, mm & HD95, mm & MSSD, mm & Surface Dice"
    r" & RAVD, \% & Challenge score"
)


def test_the_latex_to_the_last_character(tmp_path: Path) -> None:
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [numbered("aX_~^\\", 10)])
    note = NOTE.replace("%", r"\%").replace("±", r"$\pm$")
    assert publication_of(tmp_path)["tex"].read_text() == LATEX.replace("NOTE", note).replace("HEADS", HEADS)


def test_a_table_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS[:-1], [])
    with pytest.raises(InputError, match="lacks the column"):
        publication_of(tmp_path)
