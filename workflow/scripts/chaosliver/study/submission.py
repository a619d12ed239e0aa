"""Whose masks go into the challenge's zip: the experiments of the config's `submission`."""

from collections.abc import Mapping
from typing import Any

from ..base.entryfiles import FOLDERS
from ..base.errors import InputError
from ..base.wording import known
from .experiments import Experiment

ORGAN = "liver"


def submission_of(experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> dict[str, str]:
    """The experiment of each folder, those of FOLDERS for which there is one.

    Where the config names none, it is the study's first that learned the liver on the folder's sequence and is scored
    on it. Raises InputError where one that is named does not suit, and where no folder has any.
    """
    chosen = {}
    for folder, sequence in FOLDERS.items():
        if named := config["submission"][folder]:
            _check(folder, named, experiments)
        name = named or next((name for name, each in experiments.items() if _learned(each, sequence)), None)
        if name is not None:
            chosen[folder] = name
    if not chosen:
        raise InputError(
            "config key submission: no experiment of the study was trained on T1 in phase or T2-SPIR and is scored on "
            "it. Name one for each in submission.T1DUAL and submission.T2SPIR"
        )
    return chosen


def _learned(experiment: Experiment, sequence: str) -> bool:
    return experiment.organ == ORGAN and sequence in experiment.train_on and sequence in experiment.score_on


def _check(folder: str, name: str, experiments: Mapping[str, Experiment]) -> None:
    key = f"config key submission.{folder}"
    if name not in experiments:
        raise InputError(f"{key}: the study runs no experiment {name!r}. {known(experiments)}")
    if (organ := experiments[name].organ) != ORGAN:
        raise InputError(f"{key}: {name} segments the {organ}. Name an experiment of the liver")
    if FOLDERS[folder] not in experiments[name].score_on:
        raise InputError(f"{key}: {name} is not scored on {FOLDERS[folder]}. Name it in its score_on")
