"""Which patient trains, validates or is held out, fold by fold. The unit is always the patient, never the slice."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.errors import InputError
from ..base.patient_order import natural

# As `validation`: the held-out patients draw the validation curve too, as in the original study.
HELD_OUT = "held_out"


def assign_roles(patients: Sequence[str], definition: Mapping[str, Any]) -> list[dict[str, str]]:
    """Role of each patient in each fold: a list of folds, each {patient: train | validation | test}.

    `definition` holds `seed`, `validation` (number of patients drawn from the training side, or HELD_OUT, which draws
    none) and either `folds` (each patient is held out exactly once) or `test` (one fold that holds out that many
    patients, as the original study, or the patients listed). Raises InputError where too few patients would be left for
    training, or one is unknown.
    """
    order = sorted(patients, key=natural)
    random.Random(definition["seed"]).shuffle(order)
    held_out = _held_out(order, definition)
    return [_roles(order, test, definition, fold) for fold, test in enumerate(held_out)]


def keep_training(folds: Sequence[Mapping[str, str]], count: int, seed: int) -> list[dict[str, str]]:
    """The folds with `count` training patients each, drawn by `seed`: those of a smaller count are among a larger's.

    Raises InputError where a fold has fewer.
    """
    return [_keep(roles, count, f"{seed}/{fold}/training") for fold, roles in enumerate(folds)]


def _keep(roles: Mapping[str, str], count: int, seed: str) -> dict[str, str]:
    training = [patient for patient, role in roles.items() if role == "train"]
    if len(training) < count:
        raise InputError(f"{count} training patients are asked for, but a fold has {len(training)}")
    random.Random(seed).shuffle(training)
    return {patient: role for patient, role in roles.items() if role != "train" or patient in training[:count]}


def _held_out(order: Sequence[str], definition: Mapping[str, Any]) -> list[list[str]]:
    if isinstance(definition.get("test"), list):
        if unknown := sorted(set(definition["test"]) - set(order)):
            raise InputError(f"test names {', '.join(unknown)}, which is no development patient of the sheet")
        return [definition["test"]]
    if "test" in definition:
        return [list(order[: definition["test"]])]
    folds = definition["folds"]
    if folds > len(order):
        raise InputError(f"{folds} folds need at least {folds} development patients; the sheet has {len(order)}")
    return [list(order[fold::folds]) for fold in range(folds)]


def _roles(order: Sequence[str], test: Sequence[str], definition: Mapping[str, Any], fold: int) -> dict[str, str]:
    training = [patient for patient in order if patient not in test]
    validating = 0 if definition["validation"] == HELD_OUT else definition["validation"]
    if len(training) <= validating or not test:
        raise InputError(
            f"fold {fold} has {len(test)} patients held out of {len(order)} and {validating} for "
            "validation, which leaves none to train or to test: name fewer, or more patients in the sheet"
        )
    # A fold of its own seed, so that the same few patients do not choose the epoch of every fold.
    validation = random.Random(f"{definition['seed']}/{fold}").sample(training, validating)
    roles = dict.fromkeys(test, "test") | dict.fromkeys(training, "train") | dict.fromkeys(validation, "validation")
    return {patient: roles[patient] for patient in sorted(roles, key=natural)}


def split_rows(folds: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The folds as rows of a table with the columns FOLD_COLUMNS."""
    return [
        {"fold": str(fold), "patient": patient, "role": role}
        for fold, roles in enumerate(folds)
        for patient, role in roles.items()
    ]
