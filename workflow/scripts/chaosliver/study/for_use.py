"""The study's network for use: whose recipe it follows, which networks it consists of, and what it is to segment."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.wording import known
from .experiments import Experiment

# As `model.networks`: the networks of the cross-validation, in place of one per seed that every patient trains.
FOLDS = "folds"
SHEET_SUFFIX = ".tsv"
SHEET_COLUMNS = ("exam", "path")
# Longest first.
SUFFIXES = (".nii.gz", ".nii", ".zip", ".dcm")
EXAM_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
HOW = "Name a study of your own: snakemake --cores 2 segmented --config study=/path/to/exam"


class Exams(NamedTuple):
    """Studies of one's own, segmented by one job: the name of their table, and name, path and series of each."""

    name: str
    members: tuple[dict[str, Any], ...]


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


def with_exam(config: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration with the path that `--config study=PATH` gives as `exam`, and the experiments as `study`.

    `files` are what the configuration's files hold, the one that overrides the others first; the path hides their list
    of experiments. Raises InputError where none has such a list.
    """
    if isinstance(config["study"], list):
        return dict(config)
    for content in files if config["study"] is not None else ():
        if isinstance(content.get("study"), list):
            return {**config, "exam": str(config["study"]), "study": content["study"]}
    raise InputError("config key study: is no list of experiments. A study of your own is named by the key exam")


def exams_of(config: Mapping[str, Any]) -> Exams:
    """The studies that config's `exam` names: a folder, zip or NIfTI, or a sheet of several.

    A sheet is tab-separated text with the columns `exam` (a name), `path` and, where a choice is needed, `series`, and
    `truth` for a ground truth.
    Raises InputError where there is no such path, and for names that cannot be those of folders.
    """
    if config["exam"] is None:
        raise InputError(f"config key exam: names no study. {HOW}")
    path = Path(config["exam"]).expanduser()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder. {HOW}")
    if path.suffix != SHEET_SUFFIX:
        name = config["name"] or _name_of(path)
        _check_name(name, f"{path}: its name {name!r}", "Choose another with --config name=...")
        single = {"name": name, "path": str(path), "series": config["series"], "truth": config["truth"]}
        _check_truth(single, "config key truth")
        return Exams(name, (single,))
    for key in ("name", "series", "truth"):
        if config[key] is not None:
            raise InputError(
                f"config key {key}: is for a single study; {path} has columns (exam, series, truth). Leave it out"
            )
    rows = read_tsv(path, SHEET_COLUMNS)
    if not rows:
        raise InputError(f"{path}: lists no study. Add a line for each, with a name and a path")
    members = tuple(
        {
            "name": row["exam"],
            "path": row["path"],
            "series": row.get("series") or None,
            "truth": row.get("truth") or None,
        }
        for row in rows
    )
    seen: set[str] = set()
    for line, row in enumerate(rows, 2):
        _check_name(row["exam"], f"{path}: line {line}: the exam {row['exam']!r}", "Rename it")
        if row["exam"].casefold() in seen:
            raise InputError(f"{path}: line {line}: the exam {row['exam']!r} is listed twice. Rename one")
        if not Path(row["path"]).expanduser().exists():
            raise InputError(f"{path}: line {line}: {row['path']}: no such file or folder. Correct the path")
        _check_truth(members[line - 2], f"{path}: line {line}")
        seen.add(row["exam"].casefold())
    return Exams(path.stem, members)


def state_of(exams: Exams) -> str:
    """A digest of names, sizes and times of the files of all exams, by which a change shows without reading them."""
    digest = hashlib.sha256()
    for member in exams.members:
        root = Path(member["path"]).expanduser()
        truth = [Path(member["truth"]).expanduser()] if member["truth"] else []
        for file in truth + ([root] if root.is_file() else sorted(root.rglob("*"))):
            held = file.stat() if file.is_file() else None
            named = file.relative_to(root) if file.is_relative_to(root) else file.name
            digest.update(f"{named} {held and (held.st_size, held.st_mtime_ns)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def pack_folder(config: Mapping[str, Any], results: str) -> str:
    """The folder of the pack that segments: the one that config's `pack` names, or the study's own."""
    if config["pack"] is None:
        return f"{results}/model"
    folder = Path(config["pack"]).expanduser()
    if not folder.is_dir():
        raise InputError(f"config key pack: {folder}: no such folder. Name the folder that `snakemake model` made")
    return str(folder)


def _name_of(path: Path) -> str:
    """The name of a folder or file without the suffix that says what it is."""
    name = path.resolve().name
    suffix = next((each for each in SUFFIXES if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]


def _check_truth(member: Mapping[str, Any], where: str) -> None:
    if member["truth"] and not Path(member["truth"]).expanduser().is_file():
        raise InputError(f"{where}: {member['truth']}: no such file. Correct the path of the ground truth")


def _check_name(name: str, whose: str, remedy: str) -> None:
    if not re.fullmatch(EXAM_NAME, name):
        raise InputError(f"{whose} is no name for results: letters, digits, dot, dash and underscore alone. {remedy}")
