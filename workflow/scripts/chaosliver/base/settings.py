"""Settings as the configuration gives them, plain mappings, to the frozen dataclasses that the library takes."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import dacite

from .errors import InputError

Settings = TypeVar("Settings")

# The schema tells 1 from 1.0 no more than YAML's readers do, and JSON and YAML have lists alone.
CONFIG = dacite.Config(strict=True, cast=[tuple], type_hooks={float: float})


def from_mapping(cls: type[Settings], mapping: Mapping[str, Any]) -> Settings:
    """An instance of the dataclass `cls` from a mapping of its fields, which may hold mappings for inner dataclasses.

    Lists become tuples where the field is a tuple, and whole numbers floats where it is a float. Raises InputError that
    names the field which is missing, unknown or of another type.
    """
    # dacite takes a field that may be None and is missing for None.
    if missing := list(_missing(cls, mapping)):
        raise InputError(f"the settings {cls.__name__}: {', '.join(missing)} missing")
    try:
        return dacite.from_dict(cls, mapping, CONFIG)
    except dacite.DaciteError as error:
        raise InputError(f"the settings {cls.__name__}: {error}") from None


def _missing(cls: Any, mapping: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    types = get_type_hints(cls)
    for field in fields(cls):
        value = mapping.get(field.name)
        if field.name not in mapping:
            if field.default is MISSING and field.default_factory is MISSING:
                yield f"{prefix}{field.name}"
        elif is_dataclass(types[field.name]) and isinstance(value, Mapping):
            yield from _missing(types[field.name], value, f"{prefix}{field.name}.")
