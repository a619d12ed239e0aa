"""Configurations, patient sheets and cards with changed words, and what another parser makes of the accepted ones."""

import csv
import io
import json
import math
import random
import re
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.cards import read_card, write_card
from chaosliver.study.configfiles import read_file
from chaosliver.study.configuration import check_config, read_schema
from chaosliver.study.experiments import merge
from chaosliver.study.patients import COHORTS, Patient, read_sheet
from chaosliver.study.plan import Plan

from .changing import WORDS, change_bytes, change_lines, to_bytes
from .outcomes import WrongError

ROOT = Path(__file__).resolve().parents[2]
SYNTAX = (
    *(
        "&a [1, 2]",
        "*a",
        "<<: *a",
        "!!python/object/apply:os.system [touch outside]",
        "!!binary aGk=",
        "? x",
        "- x",
        "%YAML 1.1",
    ),
    *(
        "---",
        "...",
        "|",
        ">",
        "{a: 1, a: 2}",
        "__use_yte__: true",
        "2024-01-01",
        "0o17",
        "0b1",
        "1:30",
        "yes",
        "[[[[[[[[",
        "{",
        "}",
    ),
)
BOMB = "\n".join(["x0: &x0 [1, 1]", *(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 10))])
TOKEN = re.compile(r"[\w.+-]+|[\[\]{}:,#&*!|>\"'-]")


def _tokens_changed(rng: random.Random, text: str) -> str:
    """One or more words replaced, exchanged or deleted."""
    places = [found.span() for found in TOKEN.finditer(text)]
    for start, end in sorted(rng.sample(places, min(len(places), rng.choice((1, 1, 2, 3)))), reverse=True):
        other = text[slice(*rng.choice(places))]
        text = text[:start] + rng.choice((*rng.sample(WORDS, 3), *rng.sample(SYNTAX, 2), other, "")) + text[end:]
    return text


# Configurations.


@cache
def _configs() -> tuple[dict[str, Any], dict[str, Any], str]:
    """The default configuration, its schema, and the text of the demo's."""
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    demo = (ROOT / "config/demo.yaml").read_text(encoding="utf-8")
    return default, schema, demo.replace("config/demo_patients", f"{ROOT}/config/demo_patients")


def draw_config(rng: random.Random) -> bytes:
    text = _configs()[2]
    if rng.random() < 0.02:
        return text.encode()
    if rng.random() < 0.1:
        return change_bytes(rng, text.encode())
    if rng.random() < 0.02:
        return f"{text}\n{BOMB}\nstudy: *x9\n".encode()
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice((_tokens_changed, _tokens_changed, change_lines))(rng, text) or text
    return to_bytes(rng, text)


def read_config(path: Path, results: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file holds, and the configuration that it makes with the default one, checked and planned."""
    default, schema, _ = _configs()
    held = read_file(path)
    config = merge(default, held)
    check_config(config, schema)
    plan = Plan.of(config, schema)
    for name, part in vars(Plan).items():
        # What asks for a study or a zip that is named on the command line.
        if isinstance(part, property | cached_property) and not name.startswith(("exam", "submission_zip")):
            getattr(plan, name)
    return held, config


def compare_config(path: Path, found: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Raise WrongError where PyYAML reads something else, and for a key that stands twice or a number that is none."""
    held, config = found
    text = path.read_bytes().decode("utf-8-sig")
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        # The parser that is written in C takes a few texts more.
        return
    for key in _twice(node):
        raise WrongError(f"the key {key} stands twice")
    if held != yaml.safe_load(text):
        raise WrongError("PyYAML reads something else")
    for value in _values(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongError(f"a value is {value}")
        if not isinstance(value, str | int | float | bool | None):
            raise WrongError(f"a value is of the type {type(value).__name__}")
    if not config["results"].strip() or "$" in config["results"] or config["results"].startswith("~"):
        raise WrongError(f"the results are in {config['results']!r}")


def _twice(node: Any) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        yield from (name for name in set(names) if names.count(name) > 1)
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for inner in part if isinstance(part, tuple) else (part,):
                yield from _twice(inner)


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    else:
        yield value


# Patient sheets.

SHEET = "patient\tcohort\tsequences\n" + "".join(
    f"{number}\t{'test' if number == 9 else 'development'}\t{sequences}\n"
    for number, sequences in (
        (1, "t1_in_phase"),
        (2, "t1_in_phase,t2_spir"),
        (3, "t1_in_phase,t1_out_of_phase"),
        (9, "t2_spir"),
    )
)
CELLS = (
    *WORDS,
    "development",
    "test",
    "1",
    "01",
    " 1",
    "t1_in_phase",
    "t2_spir, t1_in_phase",
    "T2_SPIR",
    '"1"',
    "1\t",
    "\u0661",
)


def draw_sheet(rng: random.Random) -> bytes:
    if rng.random() < 0.02:
        return SHEET.encode()
    if rng.random() < 0.2:
        return change_bytes(rng, SHEET.encode())
    text = SHEET
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.3:
            text = change_lines(rng, text)
            continue
        lines = [line.split("\t") for line in text.split("\n")]
        row = rng.choice(lines)
        how = rng.randrange(4)
        at = rng.randrange(len(row))
        if how <= 1:
            row[at] = rng.choice(CELLS)
        elif how == 2:
            row.insert(at, rng.choice(CELLS))
        else:
            del row[at]
        text = "\n".join("\t".join(line) for line in lines)
    return to_bytes(rng, text)


def read_patients(path: Path, results: Path) -> dict[str, Patient]:
    return read_sheet(path, COHORTS)


def compare_patients(path: Path, found: dict[str, Patient]) -> None:
    """Raise WrongError for a patient that does not stand in a line of its own with cohort and sequences."""
    text = path.read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    order = [rows[0].index(name) for name in ("patient", "cohort", "sequences")]
    held = [[row[place] for place in order] for row in rows[1:] if row]
    if [row[0] for row in held] != list(found):
        raise WrongError(f"the patients are {[row[0] for row in held]}, not {list(found)}")
    for name, cohort, sequences in held:
        listed = {part.strip() for part in sequences.split(",") if part.strip()}
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not listed <= set(SEQUENCES):
            raise WrongError(f"the row of patient {name!r} has {sequences!r}")
        if (cohort, listed) != (found[name].cohort, set(found[name].sequences)):
            raise WrongError(f"the row of patient {name} has {cohort} and {sequences}, not {found[name]}")


# Cards.

FACTS = {
    "experiment": "small",
    "fold": 1,
    "seed": 1,
    "network": {"name": "unet", "channels": 2, "depth": 2, "dropout": 0.1},
    "recipe": {"context": 0, "epochs": 10, "learning_rate": 0.003},
    "patients": {"training": ["1", "2"], "validation": ["3"], "test": []},
    "outputs": 1,
    "note": "Gr\u00f6\u00dfe",
    "weights_sha256": "0" * 64,
}


def draw_card(rng: random.Random) -> bytes:
    text = _card()
    if rng.random() < 0.02:
        return text.encode()
    if rng.random() < 0.3:
        return change_bytes(rng, text.encode())
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice((_tokens_changed, _tokens_changed, change_lines))(rng, text) or text
    if rng.random() < 0.05:
        text = "[" * 100_000
    return to_bytes(rng, text)


@cache
def _card() -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_card(Path(folder, "card.json"), FACTS)
        return Path(folder, "card.json").read_text(encoding="utf-8")


def read_facts(path: Path, results: Path) -> dict[str, Any]:
    return read_card(path)


def compare_facts(path: Path, found: dict[str, Any]) -> None:
    """Raise WrongError for facts other than those that were signed."""
    if found != FACTS or json.dumps(found, sort_keys=True) != json.dumps(FACTS, sort_keys=True):
        raise WrongError(f"facts that nobody signed: {[key for key in FACTS if found.get(key) != FACTS[key]]}")
