"""The study's network for use: which experiment's recipe it follows, and which networks it consists of."""

from collections.abc import Mapping
from typing import Any

from ..base.errors import InputError
from ..base.wording import known
from .experiments import Experiment

# As `model.networks`: the networks of the cross-validation, in place of one per seed that every patient trains.
FOLDS = "folds"


def model_experiment(experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> str:
    """The experiment that config's `model` names, or the study's first.

    Raises InputError where the study does not train it, or where its networks were meant to see less than there is.
    """
    trained = [name for name, experiment in experiments.items() if experiment.snapshot is None]
    name: str = config["model"]["experiment"] or trained[0]
    if name not in trained:
        raise InputError(f"config key model.experiment: the study trains no experiment {name!r}. {known(trained)}")
    if experiments[name].training_patients is not None:
        raise InputError(
            f"config key model.experiment: {name} trains on {experiments[name].training_patients} patients only. Name "
            "an experiment without training_patients"
        )
    return name
