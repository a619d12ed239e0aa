"""Which patient trains, validates or is held out, fold by fold. The unit is always the patient, never the slice."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from pathlib import Path

from ..base import columns
from ..base.errors import InputError
from ..base.files import write_tsv
from ..base.patient_order import natural
from ..base.wording import counted

# As `validation`: the held-out patients are those validated on, as in the original study.
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Split:
    """How patients are divided, under the keys of the configuration: either `folds` or `test` is given."""

    seed: int
    # How many of the training patients are used for validation, or HELD_OUT, which takes none of them.
    validation: int | str
    # How many folds; each patient is held out by one of them in each draw.
    folds: int | None = None
    # How often the patients are dealt to the folds, each time in other groups.
    draws: int = 1
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
    def folds_per_draw(self) -> int:
        """How many folds a draw has: those of draw 0 come first, then those of draw 1, and so on."""
        return self.folds or 1

    @property
    def leaks(self) -> dict[str, float]:
        """What the split lets through between patients: shares of slices, and the seed that draws them."""
        return {"copies": self.copies, "validation_slices": self.validation_slices, "seed": self.seed}


def assign_roles(patients: Iterable[str], split: Split) -> list[dict[str, str]]:
    """Role of each patient in each fold: a list of folds, draw by draw, each {patient: train | validation | test}.

    The folds of a draw do not depend on how many draws follow it.

    Raises InputError where too few patients would be left for training, one is unknown, or the patients cannot be dealt
    in so many ways.
    """
    held_out = [(order, test) for order in _orders(patients, split) for test in _held_out(order, split)]
    return [_roles(order, test, split, fold) for fold, (order, test) in enumerate(held_out)]


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


def _orders(patients: Iterable[str], split: Split) -> list[list[str]]:
    """The patients in the order of each draw, from which its folds are dealt. No two draws give the same groups."""
    names = sorted(patients, key=natural)
    _check_counts(len(names), split)
    orders: list[list[str]] = []
    for draw in range(split.draws):
        # The first draw is by the seed alone, as in every release: other folds would make every result another.
        source = random.Random(f"{split.seed}/draw{draw}" if draw else split.seed)
        order = list(names)
        source.shuffle(order)
        # The same groups again would tell nothing new of how patients are divided.
        while any(_groups(order, split) == _groups(earlier, split) for earlier in orders):
            source.shuffle(order)
        orders.append(order)
    return orders


def _groups(order: Sequence[str], split: Split) -> set[frozenset[str]]:
    """Who is held out together, whatever the number of the fold."""
    return {frozenset(test) for test in _held_out(order, split)}


def _check_counts(patients: int, split: Split) -> None:
    """Raise InputError where the patients cannot be dealt to the folds, or not in another way for each draw."""
    folds = split.folds_per_draw
    if split.folds is not None and folds > patients:
        raise InputError(f"{folds} folds need at least {folds} development patients; the sheet has {patients}")
    if split.draws > (ways := _ways(patients, folds)):
        raise InputError(
            f"{split.draws} draws are asked for, but {patients} development patients can be dealt to {folds} folds "
            f"in {counted(ways, 'way')} only. Ask for fewer draws"
        )


def _ways(patients: int, folds: int) -> int:
    """In how many ways patients can be dealt to folds whose sizes differ by one at most, in whatever order they are.

    The multinomial coefficient of the sizes, over the orders of the folds of each size.
    """
    size, larger = divmod(patients, folds)
    smaller = folds - larger
    within = factorial(size + 1) ** larger * factorial(size) ** smaller
    return factorial(patients) // (within * factorial(larger) * factorial(smaller))


def _held_out(order: Sequence[str], split: Split) -> list[list[str]]:
    """The patients that each fold of one draw holds out."""
    if isinstance(split.test, tuple):
        if unknown := sorted(set(split.test) - set(order)):
            raise InputError(f"test names {', '.join(unknown)}, which is no development patient of the sheet")
        return [list(split.test)]
    if split.test is not None:
        return [list(order[: split.test])]
    return [list(order[fold :: split.folds_per_draw]) for fold in range(split.folds_per_draw)]


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
