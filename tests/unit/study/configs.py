"""The repository's configurations, and changed copies of them."""

import copy
from pathlib import Path

import yaml

from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import merge

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = read_schema(ROOT / "workflow/schemas/config.schema.yaml")


def load(name):
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return base if name == "config" else merge(base, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


def change(config, key, value):
    changed = copy.deepcopy(config)
    *path, last = key.split(".")
    inner = changed
    for part in path:
        inner = inner[part]
    inner[last] = value
    return changed
