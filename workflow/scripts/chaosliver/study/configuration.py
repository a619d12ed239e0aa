"""The configuration, checked against its schema before anything runs."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
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
    for key, name in _named_experiments(config):
        if name not in config["experiments"]:
            raise InputError(f"config key {key}: no experiment is named {name!r}. {known(config['experiments'])}")
    for cohort in config["archives"]:
        source_of(cohort, config)


def check_values(settings: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "") -> None:
    """Raise InputError that names every key, with `prefix` before it, at which settings break a schema."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(settings)
    if messages := sorted({message for error in errors for message in _messages(error, prefix)}):
        raise InputError("the configuration is wrong:\n" + "\n".join(f"  {message}" for message in messages))


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
            yield f"config key {inner}{unknown}: unknown. {known(properties)}"
    elif error.validator == "required":
        yield f"{at}: {error.message.replace(' is a required property', ' is missing')}"
    elif error.validator in ("anyOf", "oneOf", "not"):
        yield f"{at}: {error.schema['description']}"
    else:
        yield f"{at}: {error.message}{_hint(error)}"


def _hint(error: jsonschema.ValidationError) -> str:
    if error.validator == "type" and error.validator_value == "number" and isinstance(error.instance, str):
        with suppress(ValueError):
            return f". YAML takes it for text: write {float(error.instance)}"
    return ""
