"""The configuration, checked against its schema before anything runs."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.errors import InputError
from ..base.wording import known
from .acceptance import ACCEPTABLE
from .architectures import NETWORKS, SETTINGS
from .archives import source_of

LONGEST_VALUE = 80
# What a repository of the workflow, or a folder that it is deployed to, has beside the results.
OWN_FOLDERS = ("workflow", "config", "profiles", "envs", "docs", "tests", "benchmarks", ".git", ".snakemake", ".venv")
# Object stores that write an entry in one go, and only where there is none.
CACHE_SCHEMES = ("s3", "gs", "az")
SYSTEM_FOLDERS = ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "sbin", "sys", "usr")


def _is_integer(checker: Any, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: Any, value: object) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema's own types take 1.0 for an integer, which would be another name of a file, and infinity for a number.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def read_schema(path: Path) -> dict[str, Any]:
    """The schema of the configuration, with the names that the library knows, of organs for instance."""
    schema: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = schema["$defs"]
    parts["organ"]["enum"] = list(ORGANS)
    parts["sequence"]["enum"] = list(SEQUENCES)
    parts["acceptable"]["enum"] = list(ACCEPTABLE)
    parts["network"]["properties"] = {"name": {"enum": list(NETWORKS)}, **SETTINGS}
    ranges = schema["properties"]["grey_ranges"]
    ranges["properties"] = {organ: {"$ref": "#/$defs/grey_range"} for organ in ORGANS}
    ranges["required"] = list(ORGANS)
    return schema


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise InputError that names every key that is unknown, missing or of a wrong value."""
    check_values(config, schema)
    for key, (low, high) in _windows(config).items():
        if low >= high:
            raise InputError(f"config key {key}: [{low}, {high}] must rise from the lower to the upper limit")
    ranges = sorted((limits, organ) for organ, limits in config["grey_ranges"].items())
    for (lower, organ), (upper, other) in pairwise(ranges):
        if upper[0] <= lower[1]:
            raise InputError(
                f"config key grey_ranges: {organ} {lower} and {other} {upper} overlap, so that a grey level would be "
                "of both organs. Keep the ranges apart"
            )
    for key, name in _named_experiments(config):
        if name not in config["experiments"]:
            raise InputError(f"config key {key}: no experiment is named {name!r}. {known(config['experiments'], name)}")
    for cohort in config["archives"]:
        source_of(cohort, config)
    if config["cache"]:
        _check_cache(config["cache"]["path"])


def check_values(settings: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "") -> None:
    """Raise InputError that names every key, with `prefix` before it, at which settings break a schema."""
    errors = Validator(schema).iter_errors(settings)
    if messages := sorted({message for error in errors for message in _messages(error, prefix)}):
        raise InputError("the configuration is wrong:\n" + "\n".join(f"  {message}" for message in messages))


def check_results(results: str, folders: Sequence[Path]) -> None:
    """Raise InputError where the folder of the results would be another than is meant, or would hold other files.

    `folders` are those that hold a workflow: the repository, and where Snakemake was called.
    """
    cause = ""
    if results.startswith("~") or "$" in results:
        cause = "~ and variables stay as they are. Write the folder out"
    elif re.search(r"[{}*?\\\"'\x00-\x1f]", results) or results != results.strip():
        cause = "holds a letter that no rule can take in a path. Choose another name"
    elif Path(results).is_file():
        cause = "is a file. Name a folder"
    for folder in map(Path.resolve, folders):
        inner = (folder / results).resolve()
        if inner in (Path.home().resolve(), folder, *folder.parents):
            cause = cause or "holds more than one study's results. Name a folder of their own, such as results/mine"
        elif inner.is_relative_to(folder) and inner.relative_to(folder).parts[0] in OWN_FOLDERS:
            cause = cause or "is a folder of the workflow itself. Name one for the results, such as results/mine"
        elif len(inner.parts) > 1 and inner.parts[1] in SYSTEM_FOLDERS:
            cause = cause or "is the system's own. Name a folder for the results, such as results/mine"
    if cause:
        raise InputError(f"config key results: {results}: {cause}")


def _check_cache(path: str) -> None:
    scheme, _, _ = path.rpartition("://")
    if scheme:
        if scheme not in CACHE_SCHEMES:
            raise InputError(
                f"config key cache.path: {path}: finished work is not shared through {scheme}. Name a folder, or a URL "
                f"that begins with {', '.join(f'{known}://' for known in CACHE_SCHEMES)}"
            )
    elif path.startswith("~") or "$" in path:
        raise InputError(f"config key cache.path: {path}: ~ and variables stay as they are. Write the folder out")
    elif not Path(path).is_dir():
        # Made in silence, it would lie beside the disk that is not mounted.
        raise InputError(f"config key cache.path: {path}: no such folder. Create it once, for all who share it")


def _windows(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Every pair of a lower and an upper limit, by its key."""
    windows = {f"grey_ranges.{organ}": limits for organ, limits in config["grey_ranges"].items()}
    return windows | {
        f"encodings.{name}.percentiles": encoding["percentiles"]
        for name, encoding in config["encodings"].items()
        if "percentiles" in encoding
    }


def _named_experiments(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every name of an experiment outside their own table, after its key."""
    for name in config["study"]:
        yield "study", name
    prices = config["prices"]
    for key, name in {"published": prices["published"], "right": prices["right"], **prices["each"]}.items():
        yield f"prices, {key}", name


def _messages(error: jsonschema.ValidationError, prefix: str) -> Iterator[str]:
    key = prefix + ".".join(map(str, error.absolute_path))
    at = f"config key {key.rstrip('.')}" if key else "the configuration"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        properties = error.schema.get("properties", {})
        inner = f"{key.rstrip('.')}." if key else ""
        for unknown in sorted(set(map(str, error.instance)) - set(properties)):
            yield f"config key {inner}{unknown}: unknown. {known(properties, unknown)}"
    elif error.validator == "required":
        yield f"{at}: {error.message.replace(' is a required property', ' is missing')}"
    elif error.validator in ("anyOf", "oneOf", "not"):
        yield f"{at}: {error.schema['description']}"
    elif error.validator == "pattern" and "description" in error.schema:
        yield f"{at}: {str(error.instance)[:LONGEST_VALUE]!r} {error.schema['description']}"
    else:
        # The message begins with the value, which may be of any length.
        value, said = repr(error.instance), error.message
        if said.startswith(value) and len(value) > LONGEST_VALUE:
            said = f"{value[:LONGEST_VALUE]} ...{said.removeprefix(value)}"
        yield f"{at}: {said}{_hint(error)}"


def _hint(error: jsonschema.ValidationError) -> str:
    """How to mend a value that YAML takes for another type than was meant."""
    types, value = error.validator_value, error.instance
    if error.validator != "type" or not {"number", "integer"} & set([types] if isinstance(types, str) else types):
        return ""
    if isinstance(value, bool):
        return ". YAML takes yes, no, on and off for true and false: write a number"
    if isinstance(value, float):
        return ". Write a whole number, without a point" if math.isfinite(value) else ". Write a finite number"
    if isinstance(value, str):
        with suppress(ValueError):
            number = float(value)
            return f". YAML takes it for text: write {number:.15g}" if math.isfinite(number) else ""
    return ""
