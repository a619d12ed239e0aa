"""Files of the configuration, read more strictly than Snakemake does: what YAML settles in silence is told."""

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ..base.errors import InputError

LARGEST_BYTES = 1_000_000
# The whole configuration has some 600 values; an alias counts as often as it is used.
MOST_VALUES = 50_000
DEEPEST = 50
LONGEST_NUMBER = 30
DEFAULT = Path("config/config.yaml")
TOO_DEEP = f"nests deeper than {DEEPEST} levels. Compare it with {DEFAULT}"
# Written in C where PyYAML was built with it.
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}
OUT_OF_LINE = "something out of line. Indent alike what belongs together"
# What YAML's own words for a mistake hold, and ours.
WORDS = {
    "mapping values": "a second colon, or a line that is indented too far. Put text with a colon between quotes",
    "undefined alias": "a name after * that no & gives. Correct the name, or put the text between quotes",
    "single document": "a second document after ---. Keep one",
    "special characters": "a character that YAML does not allow. Delete it",
    "expected key": OUT_OF_LINE,
    "expected '-'": OUT_OF_LINE,
    "expected ':'": "a key without a colon. Write `key: value`, with a space after the colon",
    "flow": "a bracket that opens here and does not close, or a comma that is missing. Close it",
    "quoted": "a quote that opens here and does not close. Close it",
}
TEMPLATES = "__use_yte__"
# Keys below which each key is a patient.
BY_PATIENT = ("accept_findings",)


def read_file(path: Path) -> dict[str, Any]:
    """What a file of the configuration holds.

    Raises InputError that names file and line: where it cannot be read, is no YAML, has a key twice, has values that
    YAML takes for something else than is written (dates, 010, yes as a key), is endless, or would run code.
    """
    text = _text(path)
    try:
        return _json_object(text, path)
    except json.JSONDecodeError:
        pass
    try:
        _check_depth(text, path)
        loader = Loader(text)
        root = loader.get_single_node()
        _check_size(root, path)
        for message in _problems(root):
            raise InputError(f"{path}: {message}")
        content = loader.construct_document(root) if root else None
    except yaml.MarkedYAMLError as error:
        _refuse(path, text, error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{path}: line {line}: has {WORDS['special characters']}") from None
    return _mapping(content, path)


def configfiles_of(command: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files after --configfile and the settings after --config of a call of Snakemake."""
    values: dict[str, list[str]] = {"--configfile": [], "--config": []}
    option = ""
    for word in command:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            option = {"--configfiles": "--configfile", "-C": "--config"}.get(option, option)
            word = value if equals else ""
        if word and option in values:
            values[option].append(word)
    return [Path(word) for word in values["--configfile"]], values["--config"]


def check_command(command: Sequence[str]) -> None:
    """Raise InputError for files and settings of a call that Snakemake itself refuses without file and line."""
    files, settings = configfiles_of(command)
    for path in files:
        read_file(path)
    if DEFAULT.is_file():
        read_file(DEFAULT)
    for setting in settings:
        key, equals, _ = setting.partition("=")
        if not equals or not re.fullmatch(r"[a-zA-Z_][\w-]*\w", key):
            raise InputError(
                f"--config {setting}: is not KEY=VALUE with one of the keys of config/README.md. Write inner keys, as "
                "in recipe.epochs, into a file and add --configfile FILE; put -- before the names of targets"
            )


def check_call(command: Sequence[str]) -> None:
    """End a call of Snakemake with a sentence where `check_command` refuses it."""
    try:
        check_command(command)
    except InputError as error:
        sys.exit(str(error))


def _text(path: Path) -> str:
    if not path.is_file():
        cause = "is no file" if path.exists() else "no such file"
        raise InputError(
            f"{path}: {cause}. Correct the name after --configfile; if it is a target or a result, put -- before it"
        )
    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path}: is larger than {LARGEST_BYTES // 1_000_000} MB and no configuration. Name another")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: holds a letter that is not UTF-8. Save the file as UTF-8") from None


def _json_object(text: str, path: Path) -> dict[str, Any]:
    """What JSON text says, which may be indented by tabs. Raises JSONDecodeError where it is none."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise InputError(f"{path}: the key {twice[0]} stands twice in one object. Keep one of them")
        return dict(pairs)

    def refuse(number: str) -> NoReturn:
        raise InputError(f"{path}: {number} is no finite number. Write one")

    try:
        return _mapping(json.loads(text, object_pairs_hook=unique, parse_constant=refuse), path)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None


def _mapping(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        what = "is empty" if content is None else "holds no keys at its top level"
        raise InputError(f"{path}: {what}. Write at least one key and its value, as in `study: [original]`")
    if TEMPLATES in content:
        raise InputError(
            f"{path}: {TEMPLATES} would run code that the file holds. Leave it out, and write plain values"
        )
    return content


def _check_depth(text: str, path: Path) -> None:
    """Refuse deep nesting before anything follows it down: the parser that is written in C would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(f"{path}: {_at(event)} {TOO_DEEP}")


def _check_size(root: yaml.Node | None, path: Path) -> None:
    """Refuse aliases that lead back to themselves or add up to more values than a configuration has."""
    sizes: dict[int, int] = {}

    def size_of(node: yaml.Node) -> int:
        if id(node) not in sizes:
            # Found again before it is counted, it is part of itself.
            sizes[id(node)] = MOST_VALUES + 1
            sizes[id(node)] = 1 + sum(size_of(inner) for inner in _inner(node))
        if sizes[id(node)] > MOST_VALUES:
            raise InputError(
                f"{path}: {_at(node)} aliases (*name) grow to more than {MOST_VALUES} values. Write the values out"
            )
        return sizes[id(node)]

    if root is not None:
        size_of(root)


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _problems(node: yaml.Node | None, key: str = "") -> Iterator[str]:
    """What is wrong with a node, which has a dotted key, and with those below it."""
    if node is None:
        return
    if message := _odd(node):
        yield f"{_at(node)} {f'{key}: ' if key else ''}{message}"
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _problems(item, f"{key}.{number}".lstrip("."))
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, value in node.value:
            inner = f"{key}.{name.value}".lstrip(".") if isinstance(name, yaml.ScalarNode) else key
            # Patients may be numbers.
            plain = (":str", ":merge", ":int") if key in BY_PATIENT else (":str", ":merge")
            if not name.tag.endswith(plain):
                yield f"{_at(name)} the key {inner} is not text to YAML. Put it between quotes"
            elif odd := _odd(name):
                yield f"{_at(name)} {inner}: {odd}"
            elif name.value in first:
                where = f"first in line {first[name.value]}"
                yield f"{_at(name)} the key {inner} stands there twice ({where}). Keep one of them"
            first[name.value] = name.start_mark.line + 1
            yield from _problems(value, inner)


def _odd(node: yaml.Node) -> str:
    """What is wrong with a value whatever its key: YAML takes it for something else than a reader."""
    kind, text = node.tag.rsplit(":", 1)[-1], node.value
    if kind == "timestamp":
        return f"YAML takes {text} for a date. Put it between quotes"
    if node.tag not in PLAIN:
        return f"the type {node.tag} has no place in a configuration. Write a plain value"
    if kind == "int" and re.match(r"[-+]?0\d", text):
        return f"YAML takes {text} for an octal number. Leave out the first 0, or put a name between quotes"
    if kind in ("int", "float") and ":" in text:
        return f"YAML takes {text} for a number to the base of 60. Put it between quotes"
    if kind == "int" and len(text) > LONGEST_NUMBER:
        return f"a number of {len(text)} digits is more than any setting takes. Write a smaller one"
    if kind == "float" and not math.isfinite(Loader(text).get_single_data()):
        return f"{text} is no finite number. Write one"
    return ""


def _at(part: yaml.Node | yaml.Event) -> str:
    return f"line {part.start_mark.line + 1}:" if part.start_mark else ""


def _refuse(path: Path, text: str, error: yaml.MarkedYAMLError) -> NoReturn:
    """Tell a mistake of YAML's grammar in our words, with its line and column."""
    # A quote or bracket is told where it opens, since the file's end says nothing.
    opened = error.context_mark if error.context and re.search("quoted|flow", error.context) else None
    mark = opened or error.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if written[: len(written) - len(written.lstrip())].count("\t"):
        said = "a tab, where YAML takes spaces alone. Indent by spaces"
    else:
        problem = f"{error.problem} {error.context}"
        usual = "something that is no YAML. Compare the line, and the one before, with config/config.yaml"
        said = next((words for sign, words in WORDS.items() if sign in problem), usual)
    raise InputError(f"{path}: line {line}, column {column}: has {said}")
