"""The experiments of a study: each the baseline with its overrides, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from ..base.errors import InputError
from ..base.settings import from_mapping
from ..base.wording import known
from .architectures import NETWORKS, input_multiple
from .configuration import check_values
from .splits import HELD_OUT

NOT_AUGMENTED = "none"
# No GPU of today holds two of them.
LARGEST_LAYER_BYTES = 100 << 30


class Snapshot(NamedTuple):
    """Of which experiment's trainings a network is taken, and after which epoch."""

    of: str
    epoch: int


@dataclass(frozen=True)
class Experiment:
    """An experiment's settings, under the keys of the configuration, and the snapshot that it is, if it is one."""

    organ: str
    other_organs: tuple[str, ...]
    train_on: tuple[str, ...]
    score_on: tuple[str, ...]
    encoding: str
    split: str
    training_patients: int | None
    seeds: tuple[int, ...]
    augmentation: str
    keep_originals: bool
    network: Mapping[str, Any]
    recipe: Mapping[str, Any]
    threshold: float
    largest_component: bool
    scores: str
    snapshot: Snapshot | None = None

    def plain(self) -> dict[str, Any]:
        """The settings and the snapshot as lists and dictionaries, for params and JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return plain | {"snapshot": self.snapshot and self.snapshot._asdict()}


def resolve_experiments(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Experiment]:
    """The experiments of the study by name, each the baseline with its overrides merged in, and checked.

    Each snapshot follows its experiment as one of its own. Raises InputError that names the experiment and the key at
    fault.
    """
    experiments: dict[str, Experiment] = {}
    for name in config["study"]:
        experiments[name] = from_mapping(Experiment, _resolve(name, config, schema))
        for epoch in experiments[name].recipe["snapshots"]:
            snapshot = snapshot_name(name, epoch)
            if snapshot in config["experiments"]:
                raise InputError(
                    f"config key experiments.{snapshot}: the snapshot of {name} has that name. Rename the experiment"
                )
            experiments[snapshot] = replace(experiments[name], snapshot=Snapshot(name, epoch))
    return experiments


def snapshot_name(experiment: str, epoch: int) -> str:
    """The name of the experiment that an experiment's snapshot is."""
    return f"{experiment}_epoch{epoch}"


def merge(baseline: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline with the overrides in their places; mappings merge, anything else is replaced."""
    merged = dict(baseline)
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _resolve(name: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    overrides = _with_ancestors(name, config["experiments"])
    settings = merge(config["baseline"], overrides)
    part = {"$ref": "#/$defs/experiment", "$defs": schema["$defs"]}
    check_values(settings, part, f"experiments.{name}.")
    for key, table in (("encoding", "encodings"), ("split", "splits"), ("augmentation", "augmentations")):
        names = [*config[table], NOT_AUGMENTED] if key == "augmentation" else config[table]
        if settings[key] not in names:
            raise InputError(
                f"config key experiments.{name}.{key}: no {key} is named {settings[key]!r}. "
                f"{known(names, settings[key])}"
            )
    settings["network"] = _own_settings(name, settings["network"], overrides.get("network", {}))
    _check_grid(f"{name}.recipe.grid", settings["recipe"]["grid"], settings["network"])
    _check_coarse_start(name, settings["recipe"], settings["network"])
    _check_size(name, settings["recipe"], settings["network"])
    _check_drawn(name, settings, config["encodings"][settings["encoding"]])
    _check_supervision(name, settings)
    _check_epochs(name, settings, config["splits"][settings["split"]])
    return settings


def _with_ancestors(name: str, experiments: Mapping[str, Any], seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """The overrides of an experiment, merged over those of the experiment that it is `based_on`."""
    overrides = dict(experiments[name])
    parent = overrides.pop("based_on", None)
    if parent is None:
        return overrides
    if parent not in experiments or parent in (*seen, name):
        wrong = None if parent in experiments else parent
        cause = f"no experiment is named {parent!r}" if wrong else "leads back to itself"
        raise InputError(f"config key experiments.{name}.based_on: {cause}. {known(experiments, wrong)}")
    return merge(_with_ancestors(parent, experiments, (*seen, name)), overrides)


def _own_settings(name: str, network: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the experiment's network has; the baseline's may be another network's, and are left out."""
    own = ("name", *NETWORKS[network["name"]].settings)
    key = f"config key experiments.{name}.network"
    if foreign := [setting for setting in overrides if setting not in own]:
        raise InputError(f"{key}.{foreign[0]}: {network['name']} has no such setting. {known(own, foreign[0])}")
    if missing := [setting for setting in own if setting not in network]:
        raise InputError(f"{key}: {missing[0]!r} is missing, which {network['name']} needs")
    return {setting: network[setting] for setting in own}


def _check_grid(key: str, grid: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    multiple = input_multiple(network)
    for side in ("rows", "columns"):
        # At its deepest level a network must be left with more than one pixel, for BatchNorm to normalise by.
        if grid[side] % multiple or grid[side] < 2 * multiple:
            raise InputError(
                f"config key experiments.{key}.{side}: {grid[side]} is not 2, 3, ... times {multiple}, as "
                f"the experiment's {network['name']} needs"
            )


def _check_coarse_start(name: str, recipe: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    start = recipe["coarse_start"]
    if start is None:
        return
    _check_grid(f"{name}.recipe.coarse_start.grid", start["grid"], network)
    key, fine, coarse = f"config key experiments.{name}.recipe", recipe["grid"], start["grid"]
    if (fine["spacing_mm"] is None) != (coarse["spacing_mm"] is None):
        raise InputError(f"{key}.coarse_start.grid.spacing_mm: give it here and in recipe.grid, or set both to null")
    closer = (coarse["spacing_mm"] or 0) < (fine["spacing_mm"] or 0)
    if closer or any(coarse[side] > fine[side] for side in ("rows", "columns")):
        raise InputError(f"{key}.coarse_start.grid: has smaller pixels than recipe.grid. Exchange the two")
    epochs = int(start["share"] * recipe["epochs"])
    if early := [epoch for epoch in recipe["snapshots"] if epoch <= epochs]:
        raise InputError(
            f"{key}.snapshots: {early[0]} lies among the first {epochs} epochs, which coarse_start trains on other "
            "pixels than a prediction has. Leave it out"
        )
    if recipe["patience"] is not None:
        raise InputError(
            f"{key}.patience: would end the training among the coarse pixels of coarse_start, where no epoch need be "
            "better on the fine ones. Set it to null"
        )


def _check_size(name: str, recipe: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    grid = recipe["grid"]
    # In float32; a network has dozens of such layers.
    layer = 4 * recipe["batch_size"] * grid["rows"] * grid["columns"] * network.get("channels", 1)
    if layer > LARGEST_LAYER_BYTES:
        raise InputError(
            f"config key experiments.{name}.recipe: batch_size, grid and the network's channels are so large that one "
            f"layer takes {layer >> 30} GiB, more than a GPU has. Make one of them smaller"
        )


def _check_drawn(name: str, settings: Mapping[str, Any], encoding: Mapping[str, Any]) -> None:
    if encoding.get("scaling") == "drawn" and settings["recipe"]["grid"]["spacing_mm"] is not None:
        raise InputError(
            f"config key experiments.{name}.recipe.grid.spacing_mm: {settings['encoding']} draws all slices with the "
            "same number of pixels, so that nothing can be resampled to a common spacing. Set it to null, or choose an "
            "encoding that is not drawn"
        )


def _check_supervision(name: str, settings: Mapping[str, Any]) -> None:
    key = f"config key experiments.{name}"
    if settings["organ"] in settings["other_organs"]:
        raise InputError(f"{key}.other_organs: {settings['organ']} is the organ itself. Leave it out")
    augmented = settings["augmentation"] != NOT_AUGMENTED
    if augmented and (settings["recipe"]["context"] or settings["other_organs"]):
        raise InputError(
            f"{key}.augmentation: {settings['augmentation']} makes single slices with the mask of one organ, so "
            "recipe.context must be 0 and other_organs empty. Set recipe.transforms to strong instead"
        )


def _check_epochs(name: str, settings: Mapping[str, Any], split: Mapping[str, Any]) -> None:
    key, recipe = f"config key experiments.{name}.recipe", settings["recipe"]
    if late := [epoch for epoch in recipe["snapshots"] if epoch > recipe["epochs"]]:
        raise InputError(f"{key}.snapshots: {late[0]} lies beyond the {recipe['epochs']} epochs. Leave it out")
    if "copies" in split and recipe["context"]:
        raise InputError(
            f"config key splits.{settings['split']}.copies: single slices have no neighbours. Set "
            f"experiments.{name}.recipe.context to 0"
        )
    by_slice = "validation_slices" in split
    if by_slice and (split["validation"] or recipe["context"]):
        raise InputError(
            f"config key splits.{settings['split']}.validation_slices: slices drawn one by one validate in place of "
            f"patients and have no neighbours: set its validation to 0, and experiments.{name}.recipe.context to 0"
        )
    if recipe["choose"] == "best" and split["validation"] in (0, HELD_OUT) and not by_slice:
        raise InputError(
            f"{key}.choose: the best epoch is that of validation patients, which the split has not. Set it to last, or "
            f"splits.{settings['split']}.validation to 1 or more"
        )
    if recipe["patience"] is not None and recipe["choose"] == "last":
        raise InputError(f"{key}.patience: waits for a better epoch, but the last is taken. Set choose to best")
