"""The folds of each experiment, and whether they suit its sequences."""

from collections.abc import Mapping, Sequence

from ..base.errors import InputError
from .experiments import Experiment
from .patients import Patient, patients_in
from .splits import Split, assign_roles, keep_training

# The sequences that the patients of a role must have: the key of the experiment that names them.
NEEDED = {"train": "train_on", "validation": "train_on", "test": "score_on"}


def folds_of(experiment: Experiment, split: Split, patients: Mapping[str, Patient]) -> list[dict[str, str]]:
    """The folds of an experiment over the development patients, each {patient: train | validation | test}.

    Raises InputError that names the split where it does not suit the sheet.
    """
    count = experiment.training_patients
    try:
        folds = assign_roles(patients_in(patients, "development"), split)
        return folds if count is None else keep_training(folds, count, split.seed)
    except InputError as error:
        raise InputError(f"config key splits.{experiment.split}: {error}") from None


def selection_of(experiment: Experiment) -> str:
    """The name of an experiment's folds: its split, and how many training patients it keeps of them."""
    count = experiment.training_patients
    return experiment.split if count is None else f"{experiment.split}_{count}patients"


def check_sequences(
    name: str, experiment: Experiment, folds: Sequence[Mapping[str, str]], patients: Mapping[str, Patient]
) -> None:
    """Raise InputError where a fold would have nothing to train on, to validate on or to score."""
    cohort = patients_in(patients, "test")
    if cohort and not _sequences(cohort, patients) & set(experiment.score_on):
        raise InputError(f"experiment {name}: no patient of the test cohort has a sequence that score_on names")
    for fold, roles in enumerate(folds):
        for role in (role for role in NEEDED if role != "validation" or role in roles.values()):
            having = _sequences([patient for patient in roles if roles[patient] == role], patients)
            wanted = getattr(experiment, NEEDED[role])
            if missing := [sequence for sequence in wanted if sequence not in having]:
                raise InputError(
                    f"experiment {name}: {NEEDED[role]} names {missing[0]}, but no {role} patient of fold {fold} has "
                    f"it. Choose another splits.{experiment.split}.seed, or leave the sequence out"
                )


def _sequences(names: Sequence[str], patients: Mapping[str, Patient]) -> set[str]:
    return {sequence for name in names for sequence in patients[name].sequences}
