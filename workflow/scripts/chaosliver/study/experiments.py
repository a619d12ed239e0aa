"""The configuration and the patient sheet, checked, and resolved into experiments and their runs."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from ..base.anatomy import SEQUENCES
from ..base.columns import SHEET_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv
from .architectures import NETWORKS, input_multiple
from .splits import HELD_OUT, assign_roles, keep_training

COHORTS = ("development", "test")


class Patient(NamedTuple):
    """A row of the patient sheet."""

    cohort: str
    sequences: tuple[str, ...]


class Run(NamedTuple):
    """One training: an experiment's fold and seed."""

    experiment: str
    fold: str
    seed: str

    @classmethod
    def parse(cls, experiment: str, name: str) -> "Run":
        """The run of an experiment whose part of a path is `name`."""
        fold, seed = name.removeprefix("fold").split("_seed")
        return cls(experiment, fold, seed)

    @property
    def name(self) -> str:
        """The run's part of a path."""
        return f"fold{self.fold}_seed{self.seed}"


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise InputError that names every key that is unknown, missing or of a wrong value."""
    _check(config, schema, "")
    for name in config["study"]:
        if name not in config["experiments"]:
            raise InputError(f"config key study: no experiment is named {name!r}. {_known(config['experiments'])}")
    ranges = {f"grey_ranges.{organ}": limits for organ, limits in config["grey_ranges"].items()}
    ranges |= {
        f"encodings.{name}.percentiles": value["percentiles"]
        for name, value in config["encodings"].items()
        if "percentiles" in value
    }
    for key, (low, high) in ranges.items():
        if low >= high:
            raise InputError(f"config key {key}: [{low}, {high}] must rise from the lower to the upper limit")
    prices, known = config["prices"], config["experiments"]
    for key, name in {"published": prices["published"], "right": prices["right"], **prices["each"]}.items():
        if name not in known:
            raise InputError(f"config key prices, {key}: no experiment is named {name!r}. {_known(known)}")
    for cohort in config["archives"]:
        source_of(cohort, config)


def resolve_experiments(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The experiments of the study by name, each the baseline with its overrides merged in, and checked.

    Each snapshot follows its experiment as one of its own, whose `snapshot` tells `of` which experiment and `epoch` it
    is; elsewhere that is None. Raises InputError that names the experiment and the key at fault.
    """
    experiments: dict[str, dict[str, Any]] = {}
    for name in config["study"]:
        experiments[name] = {**_resolve(name, config, schema), "snapshot": None}
        for epoch in experiments[name]["recipe"]["snapshots"]:
            snapshot = f"{name}_epoch{epoch}"
            if snapshot in config["experiments"]:
                raise InputError(
                    f"config key experiments.{snapshot}: the snapshot of {name} has that name. Rename the experiment"
                )
            experiments[snapshot] = {**experiments[name], "snapshot": {"of": name, "epoch": epoch}}
    return experiments


def comparisons_of(experiments: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs (experiment, what it is compared with) of a study's `experiments`, as resolved.

    Each is compared with the study's first, and then with the nearest that it is based on, where the study has that
    too. Experiments of different organs are not compared, nor are snapshots of others than the first.
    """
    first, compared = next(iter(experiments)), shown_of(experiments)
    pairs = [(name, first) for name in compared] + [
        (name, base) for name in compared if (base := _base_of(name, experiments, config)) not in (None, first)
    ]
    return [(name, base) for name, base in pairs if name != base and _same_organ(experiments, name, base)]


def shown_of(experiments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The experiments that figures show and statistics compare: all but the snapshots of others than the first."""
    first = next(iter(experiments))
    return [
        name for name, experiment in experiments.items() if (experiment["snapshot"] or {"of": first})["of"] == first
    ]


def prices_of(
    experiments: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]
) -> dict[str, str | dict[str, str | list[str]]]:
    """Whose slices price the published study's errors, by the config's `prices`; nothing where the study lacks them.

    `published` and each of `each` become the experiment with its snapshots, in the order of their epochs, since the
    original study took the best of these; what the study does not run is left out of `each`. Raises InputError where
    one is scored on other patients, sequences or seeds than the published study.
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
    }


def learning_curve_of(experiments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The study's first experiment and those whose networks differ from its own in the number of patients alone.

    On which sequences they are scored, and which snapshots are taken, alters no network.
    """
    first = _but_for_patients(next(iter(experiments.values())))
    return [name for name, experiment in experiments.items() if _but_for_patients(experiment) == first]


def merge(baseline: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline with the overrides in their places; mappings merge, anything else is replaced."""
    merged = dict(baseline)
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def read_sheet(path: Path, config: Mapping[str, Any]) -> dict[str, Patient]:
    """Patients by name, in the sheet's order.

    Raises InputError that names the sheet, the patient and what is wrong.
    """
    patients: dict[str, Patient] = {}
    for row in read_tsv(path, SHEET_COLUMNS):
        name, cohort = row["patient"], row["cohort"]
        if unknown := [str(column or "(none)") for column in row if column not in SHEET_COLUMNS]:
            raise InputError(f"{path}: patient {name} has cells in unknown columns: {', '.join(unknown)}")
        sequences = tuple(part.strip() for part in (row["sequences"] or "").split(",") if part.strip())
        if not re.fullmatch("[A-Za-z0-9_-]+", name):
            raise InputError(f"{path}: patient {name!r} must be named by letters A to Z, digits, - and _ alone")
        if name in patients:
            raise InputError(
                f"{path}: patient {name} stands there twice. Give each patient one row and one cohort; where both "
                "archives have a patient of that number, rename the folder in one of them"
            )
        if cohort not in COHORTS:
            raise InputError(f"{path}: patient {name} has the cohort {cohort!r}. {_known(COHORTS)}")
        if cohort not in config["archives"]:
            raise InputError(
                f"{path}: patient {name} is of the {cohort} cohort, but archives.{cohort} is not configured"
            )
        if not sequences or not set(sequences) <= set(SEQUENCES):
            raise InputError(f"{path}: patient {name} has the sequences {row['sequences']!r}. {_known(SEQUENCES)}")
        patients[name] = Patient(cohort, tuple(name for name in SEQUENCES if name in sequences))
    return patients


def folds_of(
    experiment: Mapping[str, Any], config: Mapping[str, Any], patients: Mapping[str, Patient]
) -> list[dict[str, str]]:
    """The folds of an experiment over the development patients, each {patient: train | validation | test}.

    Raises InputError that names the split where it does not suit the sheet.
    """
    development = [name for name, patient in patients.items() if patient.cohort == "development"]
    split, count = config["splits"][experiment["split"]], experiment["training_patients"]
    try:
        folds = assign_roles(development, split)
        return folds if count is None else keep_training(folds, count, split["seed"])
    except InputError as error:
        raise InputError(f"config key splits.{experiment['split']}: {error}") from None


def selection_of(experiment: Mapping[str, Any]) -> str:
    """The name of an experiment's folds: its split, and how many training patients it keeps of them."""
    count = experiment["training_patients"]
    return experiment["split"] if count is None else f"{experiment['split']}_{count}patients"


def check_sequences(
    name: str, experiment: Mapping[str, Any], folds: list[dict[str, str]], patients: Mapping[str, Patient]
) -> None:
    """Raise InputError where a fold would have nothing to train on, to validate on or to score."""
    needs = {"train": "train_on", "validation": "train_on", "test": "score_on"}
    cohort = [patient for patient in patients.values() if patient.cohort == "test"]
    if cohort and not any(set(patient.sequences) & set(experiment["score_on"]) for patient in cohort):
        raise InputError(f"experiment {name}: no patient of the test cohort has a sequence that score_on names")
    for fold, roles in enumerate(folds):
        for role, key in needs.items():
            if role == "validation" and role not in roles.values():
                continue
            having = {s for patient, given in roles.items() if given == role for s in patients[patient].sequences}
            if missing := [sequence for sequence in experiment[key] if sequence not in having]:
                raise InputError(
                    f"experiment {name}: {key} names {missing[0]}, but no {role} patient of fold {fold} has it. "
                    f"Choose another splits.{experiment['split']}.seed, or leave the sequence out"
                )


def source_of(cohort: str, config: Mapping[str, Any]) -> str:
    """Where a cohort's archive comes from: `phantom` before `path` before `url`."""
    archive = config["archives"][cohort]
    for source in ("phantom", "path", "url"):
        if archive.get(source):
            return source
    raise InputError(f"config key archives.{cohort}: names neither a path nor a url nor a phantom. Give one of them")


def archive_path(cohort: str, config: Mapping[str, Any]) -> str:
    """Where a cohort's archive lies: below the results if the workflow fetches it, else where the user says.

    The user's path may hold ~ and environment variables. Raises InputError where one of them is not set.
    """
    if source_of(cohort, config) != "path":
        return f"{config['results']}/raw/{cohort}.zip"
    given = config["archives"][cohort]["path"]
    path = os.path.expandvars(Path(given).expanduser())
    if "$" in path or not path.strip("."):
        raise InputError(
            f"config key archives.{cohort}.path: {given} names an environment variable that is empty or not set. "
            "Set it to the archive's zip or to the folder it was unpacked to"
        )
    return path


def _scored_otherwise(
    published: Mapping[str, Any], other: Mapping[str, Any], splits: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The key by which two experiments hold out or score otherwise, or None."""
    first, second = (splits[experiment["split"]] for experiment in (published, other))
    if any(first.get(key) != second.get(key) for key in ("folds", "test", "seed")):
        return "split"
    if published["seeds"] != other["seeds"]:
        return "seeds"
    return None if set(published["score_on"]) <= set(other["score_on"]) else "score_on"


def _with_snapshots(name: str, experiments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [f"{name}_epoch{epoch}" for epoch in sorted(experiments[name]["recipe"]["snapshots"])] + [name]


def _base_of(name: str, experiments: Mapping[str, Mapping[str, Any]], config: Mapping[str, Any]) -> str | None:
    """The nearest experiment of the study that `name` is a snapshot of or based on."""
    if snapshot := experiments[name]["snapshot"]:
        return snapshot["of"]
    base = config["experiments"][name].get("based_on")
    while base is not None and base not in experiments:
        base = config["experiments"][base].get("based_on")
    return base


def _but_for_patients(experiment: Mapping[str, Any]) -> dict[str, Any]:
    recipe = {**experiment["recipe"], "snapshots": []}
    return {**experiment, "recipe": recipe, "training_patients": None, "score_on": None}


def _same_organ(experiments: Mapping[str, Mapping[str, Any]], *names: str) -> bool:
    return len({experiments[name]["organ"] for name in names}) == 1


def _resolve(name: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    overrides = _with_ancestors(name, config["experiments"])
    experiment = merge(config["baseline"], overrides)
    part = {"$ref": "#/$defs/experiment", "$defs": schema["$defs"]}
    _check(experiment, part, f"experiments.{name}.")
    for key, table in (("encoding", "encodings"), ("split", "splits"), ("augmentation", "augmentations")):
        known = [*config[table], "none"] if key == "augmentation" else config[table]
        if experiment[key] not in known:
            raise InputError(
                f"config key experiments.{name}.{key}: no {key} is named {experiment[key]!r}. {_known(known)}"
            )
    experiment["network"] = _own_settings(name, experiment["network"], overrides.get("network", {}))
    _check_grid(name, experiment["recipe"]["grid"], experiment["network"])
    _check_drawn(name, experiment, config["encodings"][experiment["encoding"]])
    _check_supervision(name, experiment)
    _check_epochs(name, experiment, config["splits"][experiment["split"]])
    return experiment


def _own_settings(name: str, network: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the experiment's network has; the baseline's may be another network's, and are left out."""
    known = ("name", *NETWORKS[network["name"]].settings)
    key = f"config key experiments.{name}.network"
    if foreign := [setting for setting in given if setting not in known]:
        raise InputError(f"{key}.{foreign[0]}: {network['name']} has no such setting. {_known(known)}")
    if missing := [setting for setting in known if setting not in network]:
        raise InputError(f"{key}: {missing[0]!r} is missing, which {network['name']} needs")
    return {setting: network[setting] for setting in known}


def _with_ancestors(name: str, experiments: Mapping[str, Any], seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """The overrides of an experiment, merged over those of the experiment that it is `based_on`."""
    overrides = dict(experiments[name])
    parent = overrides.pop("based_on", None)
    if parent is None:
        return overrides
    if parent not in experiments or parent in (*seen, name):
        cause = "leads back to itself" if parent in experiments else f"no experiment is named {parent!r}"
        raise InputError(f"config key experiments.{name}.based_on: {cause}. {_known(experiments)}")
    return merge(_with_ancestors(parent, experiments, (*seen, name)), overrides)


def _check_grid(name: str, grid: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    multiple = input_multiple(network)
    for side in ("rows", "columns"):
        # At its deepest level a network must be left with more than one pixel, for BatchNorm to normalise by.
        if grid[side] % multiple or grid[side] < 2 * multiple:
            raise InputError(
                f"config key experiments.{name}.recipe.grid.{side}: {grid[side]} is not 2, 3, ... times {multiple}, as "
                f"the experiment's {network['name']} needs"
            )


def _check_drawn(name: str, experiment: Mapping[str, Any], encoding: Mapping[str, Any]) -> None:
    if encoding.get("scaling") == "drawn" and experiment["recipe"]["grid"]["spacing_mm"] is not None:
        raise InputError(
            f"config key experiments.{name}.recipe.grid.spacing_mm: {experiment['encoding']} draws all slices with the "
            "same number of pixels, so that nothing can be resampled to a common spacing. Set it to null, or choose an "
            "encoding that is not drawn"
        )


def _check_supervision(name: str, experiment: Mapping[str, Any]) -> None:
    key = f"config key experiments.{name}"
    if experiment["organ"] in experiment["other_organs"]:
        raise InputError(f"{key}.other_organs: {experiment['organ']} is the organ itself. Leave it out")
    augmented = experiment["augmentation"] != "none"
    if augmented and (experiment["recipe"]["context"] or experiment["other_organs"]):
        raise InputError(
            f"{key}.augmentation: {experiment['augmentation']} makes single slices with the mask of one organ, so "
            "recipe.context must be 0 and other_organs empty. Set recipe.transforms to strong instead"
        )


def _check_epochs(name: str, experiment: Mapping[str, Any], split: Mapping[str, Any]) -> None:
    key, recipe = f"config key experiments.{name}.recipe", experiment["recipe"]
    if late := [epoch for epoch in recipe["snapshots"] if epoch > recipe["epochs"]]:
        raise InputError(f"{key}.snapshots: {late[0]} lies beyond the {recipe['epochs']} epochs. Leave it out")
    if "copies" in split and recipe["context"]:
        raise InputError(
            f"config key splits.{experiment['split']}.copies: single slices have no neighbours. Set "
            f"experiments.{name}.recipe.context to 0"
        )
    by_slice = "validation_slices" in split
    if by_slice and (split["validation"] or recipe["context"]):
        raise InputError(
            f"config key splits.{experiment['split']}.validation_slices: slices drawn one by one validate in place of "
            f"patients and have no neighbours: set its validation to 0, and experiments.{name}.recipe.context to 0"
        )
    if recipe["choose"] == "best" and split["validation"] in (0, HELD_OUT) and not by_slice:
        raise InputError(
            f"{key}.choose: the best epoch is that of validation patients, which the split has not. Set it to last, or "
            f"splits.{experiment['split']}.validation to 1 or more"
        )
    if recipe["patience"] is not None and recipe["choose"] == "last":
        raise InputError(f"{key}.patience: waits for a better epoch, but the last is taken. Set choose to best")


def _check(given: Mapping[str, Any], schema: Mapping[str, Any], prefix: str) -> None:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(given)
    if messages := sorted({message for error in errors for message in _messages(error, prefix)}):
        raise InputError("the configuration is wrong:\n" + "\n".join(f"  {message}" for message in messages))


def _messages(error: jsonschema.ValidationError, prefix: str) -> Iterator[str]:
    key = prefix + ".".join(map(str, error.absolute_path))
    at = f"config key {key.rstrip('.')}" if key else "the configuration"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        inner = f"{key.rstrip('.')}." if key else ""
        for unknown in sorted(set(map(str, error.instance)) - set(known)):
            yield f"config key {inner}{unknown}: unknown. {_known(known)}"
    elif error.validator == "required":
        yield f"{at}: {error.message.replace(' is a required property', ' is missing')}"
    elif error.validator in ("anyOf", "oneOf", "not"):
        yield f"{at}: {error.schema['description']}"
    else:
        yield f"{at}: {error.message}{_hint(error)}"


def _hint(error: jsonschema.ValidationError) -> str:
    if error.validator == "type" and error.validator_value == "number" and isinstance(error.instance, str):
        with suppress(ValueError):
            return f". YAML takes it for text: write {float(error.instance)}"
    return ""


def _known(names: Any) -> str:
    return f"Known: {', '.join(map(str, names)) or 'none'}"
