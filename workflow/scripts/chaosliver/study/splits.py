"""Which patient trains, validates or is held out, fold by fold. The unit is always the patient, never the slice."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import columns
from ..base.errors import InputError
from ..base.files import write_tsv
from ..base.patient_order import natural

# As `validation`: the held-out patients are those validated on, as in the original study.
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Split:
    """How patients are divided, under the keys of the configuration: either `folds` or `test` is given."""

    seed: int
    # How many of the training patients are used for validation, or HELD_OUT, which takes none of them.
    validation: int | str
    # How many folds; each patient is held out by one of them.
    folds: int | None = None
    # One fold, as in the original study, that holds out so many patients, or those listed.
    test: int | tuple[str, ...] | None = None
    # Shares of slices: of the training patients', used for validation; of the held-out patients', copied into training.
    validation_slices: float = 0
    copies: float = 0

    @property
    def validating(self) -> int:
        """How many of the training patients are used for validation."""
        return self.validation if isinstance(self.validation, int) else 0

    @property
    def leaks(self) -> dict[str, float]:
        """What the split lets through between patients: shares of slices, and the seed that draws them."""
        return {"copies": self.copies, "validation_slices": self.validation_slices, "seed": self.seed}


def assign_roles(patients: Iterable[str], split: Split) -> list[dict[str, str]]:
    """Role of each patient in each fold: a list of folds, each {patient: train | validation | test}.

    Raises InputError where too few patients would be left for training, or one is unknown.
    """
    order = sorted(patients, key=natural)
    random.Random(split.seed).shuffle(order)
    return [_roles(order, test, split, fold) for fold, test in enumerate(_held_out(order, split))]


def keep_training(folds: Sequence[Mapping[str, str]], count: int, seed: int) -> list[dict[str, str]]:
    """The folds with `count` training patients each, drawn by `seed`: those of a smaller count are among a larger's.

    Raises InputError where a fold has fewer.
    """
    return [_keep(roles, count, f"{seed}/{fold}/training") for fold, roles in enumerate(folds)]


def write_split(*, folds: Sequence[Mapping[str, str]], table: Path) -> None:
    """Write a table with one row per fold and patient, and the columns FOLD_COLUMNS."""
    rows = [
        {"fold": str(fold), "patient": patient, "role": role}
        for fold, roles in enumerate(folds)
        for patient, role in roles.items()
    ]
    write_tsv(table, columns.FOLD_COLUMNS, rows)


def _held_out(order: Sequence[str], split: Split) -> list[list[str]]:
    """The patients that each fold holds out."""
    if isinstance(split.test, tuple):
        if unknown := sorted(set(split.test) - set(order)):
            raise InputError(f"test names {', '.join(unknown)}, which is no development patient of the sheet")
        return [list(split.test)]
    if split.test is not None:
        return [list(order[: split.test])]
    folds = split.folds or 0
    if folds > len(order):
        raise InputError(f"{folds} folds need at least {folds} development patients; the sheet has {len(order)}")
    return [list(order[fold::folds]) for fold in range(folds)]


def _roles(order: Sequence[str], test: Sequence[str], split: Split, fold: int) -> dict[str, str]:
    training = [patient for patient in order if patient not in test]
    if len(training) <= split.validating or not test:
        raise InputError(
            f"fold {fold} has {len(test)} patients held out of {len(order)} and {split.validating} for "
            "validation, which leaves none to train or to test: name fewer, or more patients in the sheet"
        )
    # A fold of its own seed, so that the same few patients do not choose the epoch of every fold.
    validation = random.Random(f"{split.seed}/{fold}").sample(training, split.validating)
    roles = dict.fromkeys(test, "test") | dict.fromkeys(training, "train") | dict.fromkeys(validation, "validation")
    return {patient: roles[patient] for patient in sorted(roles, key=natural)}


def _keep(roles: Mapping[str, str], count: int, seed: str) -> dict[str, str]:
    training = [patient for patient, role in roles.items() if role == "train"]
    if len(training) < count:
        raise InputError(f"{count} training patients are asked for, but a fold has {len(training)}")
    random.Random(seed).shuffle(training)
    return {patient: role for patient, role in roles.items() if role != "train" or patient in training[:count]}
