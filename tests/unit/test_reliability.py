"""The page on reliability: each of its cases names tests that exist, and its counts are those of its tables."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from reliability import PAGE, count_cases, read_cases

ROOT = Path(__file__).resolve().parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
CASES = read_cases(TEXT)


def test_a_page_is_read_row_by_row():
    page = "\n".join(
        [
            "## Bad input",
            "### Volumes",
            "| case | what is promised | test |",
            "|---|---|---|",
            "| all zeros | an error | `a.py::test_x[0]`, `b.py::test_y` |",
            "",
            "| other | table | here |",
            "|---|---|---|",
            "| not | a | `case` |",
            "## Faults",
            "| case | what is promised | test |",
            "|---|---|---|",
            "| a kill \\| a stop | goes on | `c.py::test_z` |",
        ]
    )
    first, second = read_cases(page)
    assert first == ("Bad input", "Volumes", "all zeros", "an error", ("a.py::test_x[0]", "b.py::test_y"))
    assert second == ("Faults", "", "a kill \\| a stop", "goes on", ("c.py::test_z",))
    assert count_cases([first, second]) == {"Bad input": 1, "Faults": 1}


def test_every_case_has_a_promise_and_a_test_of_its_own():
    assert [case for case in CASES if not (case.promise and case.tests)] == []
    shared = [test for test, count in Counter(test for case in CASES for test in case.tests).items() if count > 1]
    assert shared == []


def test_every_test_that_is_named_is_collected():
    named = {f"tests/{test}" for case in CASES for test in case.tests}
    files = sorted({test.split("::")[0] for test in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", *files]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout.splitlines()
    # A test with parameters may be named as a whole.
    known = {*collected, *(line.split("[")[0] for line in collected)}
    assert sorted(named - known) == []


def test_the_counts_are_those_of_the_tables_and_at_least_what_was_asked_for():
    counts = count_cases(CASES)
    told = {section: int(count) for count, section in re.findall(r"\*\*(\d+)\*\* (\w[\w ]*?)(?=[,.])", TEXT)}
    assert told == {section.lower(): count for section, count in counts.items()}
    assert counts["Bad input"] >= 60
    assert counts["Faults"] >= 30
