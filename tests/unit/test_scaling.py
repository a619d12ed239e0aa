"""The tables of docs/scaling.md are those of the published measurements."""

import re
from pathlib import Path

import pytest

from chaosliver.base.files import read_tsv
from chaosliver.study.lots import lots_of
from chaosliver.study.patients import Patient

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "scaling.md").read_text(encoding="utf-8")


def number(text):
    return float(text.replace(",", "").split()[0])


def test_the_planning_that_is_told_is_that_of_the_published_rows():
    told = re.findall(
        r"^\| ([\d,]+) \| ([\d,]+) \| (\d+) \| ([\d,]+) \| (\S+) s \| (\S+) s \| (\d+) MB \|$", TEXT, re.M
    )
    measured = {
        (row["patients"], row["trainings"], row["what"]): row for row in read_tsv(DOCS / "measurements/scale.tsv")
    }
    assert len(told) == len(measured) / 2
    for patients, trainings, lot, jobs, dry, nothing, memory in told:
        key = (patients.replace(",", ""), trainings.replace(",", ""))
        rows = [measured[*key, what] for what in ("dry run", "nothing to do")]
        assert [number(jobs)] * 2 == [float(row["jobs"]) for row in rows]
        seconds = [float(row["processor_seconds"]) for row in rows]
        assert [number(dry), number(nothing)] == pytest.approx(seconds, rel=0.04)
        assert number(memory) == max(float(row["peak_mb"]) for row in rows)
        lots = lots_of({str(n): Patient("development", ("t1_in_phase",)) for n in range(int(key[0]))}, None)
        assert int(lot) == max(map(len, lots.values()), default=1)


def test_what_tables_and_figures_take_is_that_of_the_published_rows():
    told = re.findall(r"^\| [^|]+ \| ([\d.]+) s \| ([\d,]+) MB \| (?:below )?([\d.]+) MB \|$", TEXT, re.M)
    measured = read_tsv(DOCS / "measurements/cohort.tsv")
    assert len(told) == len(measured)
    for (seconds, memory, made), row in zip(told, measured, strict=True):
        assert (number(seconds), number(memory)) == pytest.approx(
            (float(row["processor_seconds"]), float(row["peak_mb"])), rel=0.02
        )
        assert number(made) == pytest.approx(float(row["made_mb"]), rel=0.02, abs=0.1)


def test_the_viewer_of_thousands_is_told_by_the_published_row():
    (row,) = read_tsv(DOCS / "measurements/viewer_many.tsv")
    told = re.search(
        r"of ([\d,]+) simulated patients and (\d+) experiments shows its list ([\d.]+) s\s+after it is asked for "
        r"and the first volume after ([\d.]+) s; the next one takes ([\d.]+) s .* Its volumes take ([\d.]+) GB",
        TEXT,
    )
    seconds = [row[f"seconds_{what}"] for what in ("to_list", "to_first_volume", "from_click_to_next_volume")]
    assert (number(told[1]), told[2]) == (float(row["patients"]), row["experiments"])
    assert [float(value) for value in told.groups()[2:5]] == pytest.approx(list(map(float, seconds)), abs=0.051)
    assert float(told[6]) == pytest.approx(float(row["page_mb"]) / 1000, abs=0.051)
    assert row["rounds"] == "5"


def test_threads_on_a_busy_machine_are_told_by_the_published_rows():
    told = re.findall(r"^\| ([12]) \| (?:they )?([^|]*)\| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.M)
    rows = read_tsv(DOCS / "measurements/threads.tsv")
    measured = {
        (row["threads"], row["waiting"], row["busy_processes"]): float(row["slices_per_second"]) for row in rows
    }
    assert len(measured) == len(rows) == 2 * len(told)
    ways = {"": "spin", "spin, as the runtime has it": "spin", "sleep": "sleep"}
    for threads, way, *figures in told:
        waiting = ways.get(way.strip(), "spin briefly")
        expected = [measured[threads, waiting, busy] for busy in ("0", "2")]
        assert [float(figure) for figure in figures] == pytest.approx(expected, abs=0.051)
    spin, briefly = ([measured["2", way, busy] for busy in ("0", "2")] for way in ("spin", "spin briefly"))
    # A tenth slower, and a quarter faster; one thread half as fast again as two.
    assert briefly[0] / spin[0] == pytest.approx(0.9, abs=0.02)
    assert briefly[1] / spin[1] == pytest.approx(1.25, abs=0.02)
    assert measured["1", "spin", "2"] / briefly[1] == pytest.approx(1.5, abs=0.05)


def test_the_run_of_thousands_is_told_by_the_published_rows():
    told = re.findall(
        r"^\| `(\w+)`:[^|]+\| ([\d,]+) \| ([\d,]+) \| ([\d,]*) ?\| (\d+) MB \| ([\d.]+) GB \|$", TEXT, re.M
    )
    rows = read_tsv(DOCS / "measurements/many.tsv")
    assert [stage for stage, *_ in told] == [row["stage"] for row in rows]
    for (_, *figures, disk), row in zip(told, rows, strict=True):
        assert row["patients"] == "2000"
        columns = ("seconds", "processor_seconds", "patients_per_minute", "largest_process_mb")
        for figure, column in zip(figures, columns, strict=True):
            assert figure == "" or number(figure) == float(row[column])
        assert float(disk) == pytest.approx(float(row["disk_gb"]), abs=0.051)


def test_the_early_cutoff_is_told_by_the_published_rows():
    text = (DOCS / "reruns.md").read_text(encoding="utf-8")
    told = re.search(
        r"after ([\d.]+) s in one call, and after ([\d.]+) s in two .* after ([\d.]+) s and ([\d.]+) s", text
    )
    rows = read_tsv(DOCS / "measurements/cutoff.tsv")
    assert [(row["lot_size"], row["calls"]) for row in rows] == [("1", "1"), ("1", "2"), ("7", "1"), ("7", "2")]
    measured = [float(row["seconds"]) for row in rows]
    assert [float(seconds) for seconds in told.groups()] == pytest.approx(measured, abs=0.51)
