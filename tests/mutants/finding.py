"""Which modules there are, where their tests lie, and which mutants no test can notice."""

import ast
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .planting import Module, Mutant, unique
from .running import LIBRARY, ROOT, path_of

EQUIVALENTS = Path(__file__).with_name("equivalents.tsv")
UNIT = ROOT / "tests/unit"
# Modules whose tests do not lie in the file of their name in their folder.
ELSEWHERE = {
    "exams.frames": ["exams/test_series.py"],
    "anatomy": ["test_masks.py"],
    "admission": ["test_inventory.py"],
    "checks": ["test_inventory.py"],
    "findings": ["test_inventory.py"],
    "pairing": ["test_inventory.py"],
    "plausibility": ["test_inventory.py"],
    "slices": ["test_inventory.py"],
    "architectures": ["test_architectures.py"],
}


@cache
def modules() -> list[str]:
    """Names below the library of every module that holds more than a docstring."""
    paths = sorted((ROOT / LIBRARY).rglob("*.py"))
    named = {".".join(path.relative_to(ROOT / LIBRARY).with_suffix("").parts): path for path in paths}
    return [
        name.removesuffix(".__init__")
        for name, path in named.items()
        if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1
    ]


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of what a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def tests_of(module: str) -> tuple[str, ...]:
    """A module's own test files.

    They are the one of its name in its folder with those there that bear no module's name and import it, else those
    that are listed, else all that import it.

    Raises:
        LookupError: there are none.
    """
    *folders, name = module.split(".")
    folder = UNIT / Path(*folders)
    mirror = folder / f"test_{name}.py"
    listed = next((ELSEWHERE[key] for key in (module, name, *reversed(folders)) if key in ELSEWHERE), [])
    found = (
        [mirror] * mirror.is_file()
        or [path for file in listed for path in sorted(UNIT.rglob(file))]
        or [path for path in sorted(UNIT.rglob("test_*.py")) if f"chaosliver.{module}" in imports(path)]
    )
    if not found:
        raise LookupError(f"no test file of {module} in {UNIT}: write {mirror.name}, or list one in {__file__}")
    named = {other.rpartition(".")[2] for other in modules()}
    further = [path for path in sorted(folder.glob("test_*.py")) if path.stem.removeprefix("test_") not in named]
    found += [path for path in further if path not in found and f"chaosliver.{module}" in imports(path)]
    return tuple(str(path.relative_to(ROOT)) for path in found)


def equivalents() -> set[tuple[str, str, str, str]]:
    """Mutants that no test can notice, as module's name, function, lines before and lines after."""
    rows = [line.split("\t") for line in EQUIVALENTS.read_text(encoding="utf-8").splitlines()[1:]]
    return {(module, function, before, after) for module, function, before, after, _ in rows}


def draw(names: Sequence[str], sample: int | None, each: int | None, seed: int) -> list[Mutant]:
    """Mutants of modules: all of them, or so many drawn at random, or at most so many `each`."""
    found = {name: Module(name, (ROOT / path_of(name)).read_text(encoding="utf-8")) for name in names}
    numbers = [(name, number) for name, module in found.items() for number in _some(range(len(module)), each, seed)]
    return unique(found[name].plant(number) for name, number in _some(numbers, sample, seed))


def _some(numbers: Sequence[Any], count: int | None, seed: int) -> list[Any]:
    if count is None or count >= len(numbers):
        return list(numbers)
    return sorted(random.Random(seed).sample(numbers, count))
