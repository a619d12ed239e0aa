"""The repository's configurations, and changed copies of them."""

import copy
from functools import cache
from pathlib import Path

import yaml

from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import merge

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = read_schema(ROOT / "workflow/schemas/config.schema.yaml")


def load(name):
    """A configuration of the repository, over those that it is an overlay of."""
    config = read("config")
    for overlay in ["sample", name] if name in ("sample_plan", "contrasts") else [name] * (name != "config"):
        config = merge(config, read(overlay))
    return copy.deepcopy(config)


@cache
def read(name):
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())


def change(config, key, value):
    changed = copy.deepcopy(config)
    *path, last = key.split(".")
    inner = changed
    for part in path:
        inner = inner[part]
    inner[last] = value
    return changed


def study_of_everything(**changes):
    """The configuration of EVERYTHING, changed at its top level, over the default one.

    Its cases: patients that lack a sequence, folds, seeds, snapshots, another organ, encoding and network, a split that
    leaks, fewer training patients, and a test cohort without ground truth.
    """
    return merge(load("config"), copy.deepcopy(EVERYTHING | changes))


EVERYTHING = {
    "results": "results/everything",
    "patients": "everything.tsv",
    "archives": {
        "development": {"phantom": {"seed": 1}},
        "test": {"phantom": {"seed": 1}, "ground_truth": False},
    },
    "surface_tolerance_mm": 2.5,
    "splits": {
        "two_fold": {"folds": 2, "validation": 1, "seed": 1},
        "leaking": {"folds": 2, "validation": "held_out", "copies": 0.25, "seed": 1},
    },
    "augmentations": {"augmentor": {"samples": 8}},
    "baseline": {
        "split": "two_fold",
        "encoding": "8bit",
        "seeds": [1, 2],
        "network": {"channels": 2, "depth": 2},
        "recipe": {"grid": {"rows": 32, "columns": 32}, "epochs": 4},
    },
    "experiments": {
        "first": {"score_on": ["t1_in_phase", "t2_spir"], "recipe": {"snapshots": [2]}},
        "kidney": {
            "organ": "right_kidney",
            "other_organs": ["spleen"],
            "train_on": ["t2_spir", "t1_in_phase"],
            "score_on": ["t2_spir"],
            "encoding": "16bit",
            "augmentation": "none",
            "network": {"name": "fast"},
            "threshold": 0.25,
        },
        "leaks": {"split": "leaking", "scores": "logits", "recipe": {"snapshots": [3]}, "seeds": [1]},
        "few": {"training_patients": 1},
    },
    "prices": {"published": "leaks", "right": "not_run", "each": {}},
    "analysis": {
        "margin": 0.03,
        "contrasts": [
            {"question": "fewer patients", "experiment": "few", "against": "first", "sequence": "t1_in_phase"},
            {"question": "halfway", "experiment": "first_epoch2", "against": "first", "sequence": "t2_spir"},
        ],
    },
    "study": ["first", "kidney", "leaks", "few"],
    "training": {"threads": 3, "memory_mb": 1000, "runtime_minutes": 5},
}
EVERYTHING["experiments"]["not_run"] = {}
SHEET = """patient\tcohort\tsequences
1\tdevelopment\tt1_in_phase, t2_spir
2\tdevelopment\tt1_in_phase, t2_spir
3\tdevelopment\tt1_in_phase
4\tdevelopment\tt1_in_phase, t2_spir
5\tdevelopment\tt1_in_phase, t2_spir
6\tdevelopment\tt1_in_phase, t2_spir
10\ttest\tt1_in_phase, t2_spir
11\ttest\tt2_spir
"""
# Held out by each fold, and what validates there unless the held-out patients do.
HELD_OUT = [["3", "5", "6"], ["1", "2", "4"]]
VALIDATING = ["2", "6"]
FOLD_TRAINING = [["1", "4"], ["3", "5"]]
