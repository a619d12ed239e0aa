"""What code a job depends on, as a digest that only a change of its meaning alters."""

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name
# They name and report, and alter no weight. So does `network.job`, whose imports are followed.
CARRIERS = ("base.columns", "base.errors", "base.sharing")


@cache
def digest_of(adapter: str, *modules: str) -> str:
    """SHA-256 over the syntax trees of an adapter and of every library module that it imports, however indirectly.

    Comments, docstrings and layout do not count, so touching, checking out or commenting re-runs nothing. `modules`
    names library modules that no import statement shows (`network.architectures.unet`), since a registry loads them by
    name.
    Raises FileNotFoundError for an adapter or module that does not exist.
    """
    return _digest(_reached(SCRIPTS / f"{adapter}.py", *map(_module_file, modules)))


@cache
def computing_digest(architecture: str) -> str:
    """SHA-256 over the syntax trees of the modules that decide a training's weights, with one network's module.

    It is part of the training's fingerprint. What only carries (CARRIERS) is left out, so that an edit of it writes the
    outputs anew from the finished checkpoint and trains nothing. Raises FileNotFoundError for an unknown network.
    """
    carriers = {_module_file(module) for module in CARRIERS}
    job = SCRIPTS / PACKAGE / "network" / "job"
    reached = _reached(job / "run.py", _module_file(f"network.architectures.{architecture}"), without=carriers)
    return _digest(path for path in reached if job not in path.parents)


def digest_of_texts(folder: str) -> str:
    """SHA-256 over the names and bytes of the files in a folder of the library, which no import statement shows."""
    digest = hashlib.sha256()
    for path in sorted((SCRIPTS / PACKAGE / folder).iterdir()):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(SCRIPTS).as_posix()}\n{_meaning(path)}\n".encode())
    return digest.hexdigest()


def _reached(*start: Path, without: Collection[Path] = ()) -> set[Path]:
    reached: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path not in reached and path not in without:
            reached.add(path)
            waiting.extend(_imports(path))
    return reached


def _module_file(module: str) -> Path:
    return (SCRIPTS / PACKAGE).joinpath(*module.split(".")).with_suffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of the library modules that a file imports, and of the packages around them."""
    return frozenset(file for name in _imported_names(path) for file in _files_of(name))


def _imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            base = _base_of(node, path)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _base_of(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return str(node.module)
    package = path.relative_to(SCRIPTS).parent.parts
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def _files_of(name: str) -> Iterator[Path]:
    """A name may be a module or something inside one: only files that exist count."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        path = SCRIPTS.joinpath(*parts[:length])
        yield from (file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file())


@cache
def _meaning(path: Path) -> str:
    # Unparsed rather than dumped: the dump's format changes from one Python to the next.
    return ast.unparse(_WithoutDocstrings().visit(_tree(path)))


class _WithoutDocstrings(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node
