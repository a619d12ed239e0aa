"""Which small bugs are planted, and that they are noticed or not."""

import subprocess

import pytest
from mutants import finding, running
from mutants.planting import Module, unique

SOURCE = '''"""A module."""

from functools import cache
from typing import Any

Value = Any
LIMIT = 1.5


@cache
def scale(value: float, factor: float = 2) -> float:
    """Says "what" it does."""
    if value < 0:
        raise ValueError("below zero: " + str(value))
    print("a value", value)
    return value * factor


def name(row: dict) -> str:
    return sorted(row["name"].read_text(encoding="utf-8"), reverse=True)
'''


@pytest.fixture(scope="module")
def mutants():
    module = Module("measure.example", SOURCE)
    return unique(module.plant(number) for number in range(len(module)))


def test_numbers_operators_comparisons_and_names_are_mutated(mutants):
    planted = {(mutant.line, mutant.function, mutant.before, mutant.after) for mutant in mutants}
    assert {
        (7, "", "LIMIT = 1.5", "LIMIT = 2.5"),
        (7, "", "LIMIT = 1.5", "LIMIT = None"),
        (13, "scale", "if value < 0:", "if value <= 0:"),
        (13, "scale", "if value < 0:", "if value < 1:"),
        (16, "scale", "return value * factor", "return value / factor"),
    } <= planted
    text = 'return sorted(row["name"].read_text(encoding="utf-8"), reverse=True)'
    assert (20, "name", text, text.replace("name", "XXnameXX")) in planted


def test_wording_types_and_arguments_without_effect_are_left_alone(mutants):
    # Not the error's text, the docstrings, the printed line and the encoding.
    assert {mutant.line for mutant in mutants} == {7, 11, 13, 16, 20}
    last = 'return sorted(row["name"].read_text(encoding="utf-8"), reverse=True)'
    assert {mutant.after for mutant in mutants if mutant.line == 20} == {
        last.replace("name", "XXnameXX"),
        last.replace("True", "False"),
        "return sorted(None, reverse=True)",
        "return sorted(reverse=True)",
    }


def test_each_mutant_is_python_that_differs_in_one_place(mutants):
    assert len({mutant.source for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        changed = [old for old, new in zip(SOURCE.split("\n"), mutant.source.split("\n"), strict=True) if old != new]
        assert [line.strip() for line in changed] == [mutant.before]


def test_a_mutant_is_killed_by_a_test_that_notices_it_and_the_tree_stays_as_it_is(tmp_path, monkeypatch):
    library, unit = tmp_path / running.LIBRARY, tmp_path / "tests/unit"
    for path in (library / "measure/__init__.py", library / "__init__.py", unit / "measure/test_example.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
    (library / "__init__.py").write_text("")
    (library / "measure/__init__.py").write_text("")
    (library / "measure/example.py").write_text(SOURCE)
    check = "from chaosliver.measure.example import scale\n\n\ndef test_scale():\n    assert scale(3, 2) == 6\n"
    (unit / "measure/test_example.py").write_text(check)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["workflow/scripts"]\n')
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setattr(finding, "ROOT", tmp_path)
    monkeypatch.setattr(finding, "UNIT", unit)
    monkeypatch.setattr(finding, "modules", finding.modules.__wrapped__)
    (tree,) = running.copies(tmp_path / "copies", 1)
    assert finding.modules() == ["measure.example"]
    tests = finding.tests_of("measure.example")
    assert tests == ("tests/unit/measure/test_example.py",)
    assert running.test_unmutated(tree, tests).passed
    every = finding.draw(["measure.example"], None, None, 1)
    drawn = [mutant for mutant in every if mutant.after in ("return value / factor", "if value <= 0:")]
    passed = {
        (mutant.before, mutant.after): outcome.passed
        for mutant, outcome in running.test_each([tree], [(mutant, tests, 60) for mutant in drawn])
    }
    assert passed["return value * factor", "return value / factor"] is False
    assert passed["if value < 0:", "if value <= 0:"] is True
    assert (tree / running.LIBRARY / "measure/example.py").read_text() == SOURCE
    assert (library / "measure/example.py").read_text() == SOURCE


def test_a_draw_is_decided_by_its_seed():
    drawn = [finding.draw(["base.indexes", "base.png"], 5, None, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 5
    each = finding.draw(["base.indexes", "base.png"], None, 3, 1)
    assert [mutant.module for mutant in each] == ["base.indexes"] * 3 + ["base.png"] * 3


def test_known_equivalents_are_of_lines_that_still_stand():
    for module, _, before, _ in finding.equivalents():
        source = (finding.ROOT / running.path_of(module)).read_text(encoding="utf-8")
        assert before in " ".join(line.strip() for line in source.splitlines()), (module, before)


def test_every_module_has_tests():
    files = [file for name in finding.modules() for file in finding.tests_of(name)]
    assert all((finding.ROOT / file).is_file() for file in files)
