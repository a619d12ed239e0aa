"""Which experiments are compared with which, shown together, priced, or joined to a learning curve."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..base.errors import InputError
from .experiments import Experiment, snapshot_name


def shown_of(experiments: Mapping[str, Experiment]) -> list[str]:
    """The experiments that figures show and statistics compare: all but the snapshots of others than the first."""
    first = next(iter(experiments))
    return [
        name
        for name, experiment in experiments.items()
        if experiment.snapshot is None or experiment.snapshot.of == first
    ]


def comparisons_of(experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs (experiment, what it is compared with) of a study.

    Each is compared with the study's first, and then with the nearest that it is based on, where the study has that
    too. Experiments of different organs are not compared, nor are snapshots of others than the first.
    """
    first, shown = next(iter(experiments)), shown_of(experiments)
    pairs = [(name, first) for name in shown] + [
        (name, base) for name in shown if (base := _base_of(name, experiments, config)) is not None and base != first
    ]
    return [(name, base) for name, base in pairs if name != base and experiments[name].organ == experiments[base].organ]


def prices_of(
    experiments: Mapping[str, Experiment], config: Mapping[str, Any]
) -> dict[str, int | str | list[str] | dict[str, list[str]]]:
    """The experiments whose slices give the price of each published error, by the config's `prices`.

    Empty where the study lacks `published` or `right`.

    `published` and each of `each` become the experiment with its snapshots, in the order of their epochs, since the
    original study took the best of these; what the study does not run is left out of `each`. `folds_per_draw` says how
    many folds in turn are of one draw. Raises InputError where one is scored on other patients, sequences, draws or
    seeds than the published study.
    """
    published, right = config["prices"]["published"], config["prices"]["right"]
    if not {published, right} <= set(experiments):
        return {}
    each = {error: name for error, name in config["prices"]["each"].items() if name in experiments}
    for name in (right, *each.values()):
        if key := _scored_otherwise(experiments[published], experiments[name], config["splits"]):
            raise InputError(
                f"config key prices: {name} has another {key} than {published}, so that the two cannot be compared. "
                "Give both the same, or name another experiment"
            )
    return {
        "published": _with_snapshots(published, experiments),
        "right": right,
        "each": {error: _with_snapshots(name, experiments) for error, name in each.items()},
        "folds_per_draw": config["splits"][experiments[published].split].get("folds", 1),
    }


def learning_curve_of(experiments: Mapping[str, Experiment]) -> list[str]:
    """The study's first experiment and those whose networks differ from its own in the number of patients alone.

    On which sequences they are scored, and which snapshots are taken, alters no network.
    """
    first = _but_for_patients(next(iter(experiments.values())))
    return [name for name, experiment in experiments.items() if _but_for_patients(experiment) == first]


def _base_of(name: str, experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> str | None:
    """The nearest experiment of the study that `name` is a snapshot of or based on."""
    if snapshot := experiments[name].snapshot:
        return snapshot.of
    base: str | None = config["experiments"][name].get("based_on")
    while base is not None and base not in experiments:
        base = config["experiments"][base].get("based_on")
    return base


def _scored_otherwise(published: Experiment, other: Experiment, splits: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The key by which two experiments hold out or score otherwise, or None."""
    first, second = ({"draws": 1, **splits[each.split]} for each in (published, other))
    if any(first.get(key) != second.get(key) for key in ("folds", "draws", "test", "seed")):
        return "split"
    if published.seeds != other.seeds:
        return "seeds"
    return None if set(published.score_on) <= set(other.score_on) else "score_on"


def _with_snapshots(name: str, experiments: Mapping[str, Experiment]) -> list[str]:
    return [*(snapshot_name(name, epoch) for epoch in sorted(experiments[name].recipe["snapshots"])), name]


def _but_for_patients(experiment: Experiment) -> Experiment:
    recipe = {**experiment.recipe, "snapshots": []}
    return replace(experiment, recipe=recipe, training_patients=None, score_on=())
