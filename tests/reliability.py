"""The cases of docs/reliability.md, counted: `python tests/reliability.py`."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[1] / "docs/reliability.md"


class Case(NamedTuple):
    """A row of the page: what happens, what is promised then, and the tests that hold it, as pytest names them."""

    section: str
    part: str
    case: str
    promise: str
    tests: tuple[str, ...]


def read_cases(page: str) -> list[Case]:
    """The rows of every table that has a column `test`; `section` and `part` are the headings above it."""
    cases, section, part, in_table = [], "", "", False
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if line.startswith("## "):
            section, part = line[3:], ""
        elif line.startswith("### "):
            part = line[4:]
        elif cells == ["case", "what is promised", "test"]:
            in_table = True
        elif not cells:
            in_table = False
        elif in_table and not set(cells[0]) <= set("-"):
            case, promise, tests = cells
            cases.append(Case(section, part, case, promise, tuple(re.findall("`([^`]+)`", tests))))
    return cases


def count_cases(cases: list[Case]) -> dict[str, int]:
    """How many cases each section has, in the order of the page."""
    return dict(Counter(case.section for case in cases))


if __name__ == "__main__":
    for section, count in count_cases(read_cases(PAGE.read_text(encoding="utf-8"))).items():
        print(f"{count:4} {section}")
