"""A finished study as a Workflow Run RO-Crate (https://www.researchobject.org/workflow-run-crate/profiles/0.5/workflow_run_crate)."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ..base.errors import InputError
from ..base.files import read_json, sha256_of, whole_folder, write_text
from ..base.wording import counted

# The folder with the Snakefile.
WORKFLOW = Path(__file__).resolve().parents[3]
# Addresses with version, and names.
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
# Of https://w3id.org/ro/terms/workflow-run, since RO-Crate 1.1 has no checksum.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
MIT = "https://spdx.org/licenses/MIT"
CC_BY_NC_SA = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
LICENCES = {MIT: "MIT License", CC_BY_NC_SA: "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International"}
CHAOS_DATA = "https://doi.org/10.5281/zenodo.3431873"
# By what was trained on: the licence of what shows it, and what is said of it.
SOURCES = {
    "chaos": (CC_BY_NC_SA, "Its pictures show the CHAOS data, which are under CC BY-NC-SA 4.0. The code is under MIT."),
    "phantom": (MIT, "Its patients are phantoms that the workflow drew. Code and pictures are under MIT."),
}
LEFT_OUT = "Images, contact sheets and weights are not in it; each card.json has the SHA-256 of its weights."
RUN_AGAIN = (
    "`ro-crate-metadata.json` describes every result, with its SHA-256. With the packages in `envs/constraints.txt`, "
    "`snakemake --cores 8` in this folder runs the study again; `config/config.yaml` is its whole configuration."
)
FORMATS = {
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def write_crate(
    *,
    made: list[Path],
    provenance: Path,
    sheet: Path,
    configuration: Mapping[str, Any],
    source: str,
    crate: Path,
) -> None:
    """Copy a study's code, configuration, patient sheet and results into a folder, and describe them there.

    `made` are tables, figures and model cards below the folder that `crate` is in; `provenance`, one of them, holds
    checksums and versions, `source` is a key of SOURCES. In the folder, `snakemake` runs the same study again. Raises
    InputError where the package rocrate is missing.
    """
    with whole_folder(crate) as partial:
        described = _Crate(partial, source, read_json(provenance))
        _copy_code(partial)
        (partial / "config").mkdir()
        kept = {**configuration, "patients": "config/patients.tsv"}
        write_text(partial / "config/config.yaml", yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))
        shutil.copyfile(sheet, partial / "config/patients.tsv")
        results = [_copied(path, partial) for path in sorted(set(made))]
        write_text(partial / "README.md", described.readme())
        described.add_run(results, ended=max(path.stat().st_mtime for path in made))
        # Last: without it the folder is no crate.
        write_text(partial / "ro-crate-metadata.json", described.text())


def _copy_code(crate: Path) -> None:
    without = shutil.ignore_patterns("__pycache__", ".snakemake")
    # Used from GitHub, the workflow is in Snakemake's cache without the other two.
    for folder in (WORKFLOW, WORKFLOW.parent / "envs", WORKFLOW.parent / "profiles"):
        if folder.is_dir():
            shutil.copytree(folder, crate / folder.name, ignore=without)


def _copied(path: Path, crate: Path) -> Path:
    """Copy a file to the same place in the crate as in the study; returns that place."""
    copy = crate / path.relative_to(crate.parent)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, copy)
    return copy


class _Crate:
    """What ro-crate-metadata.json says."""

    def __init__(self, folder: Path, source: str, signed: Mapping[str, Any]) -> None:
        # Imported here, since only those who ask for a crate have it.
        try:
            from rocrate.rocrate import ROCrate
        except ImportError:
            raise InputError("rule crate: the package rocrate is not installed. `pip install --group crate`") from None
        self._folder, self._source, self._signed = folder, source, signed
        self._licence, self._said = SOURCES[source]
        # The profile is one of RO-Crate 1.1.
        self._crate = ROCrate(version="1.1")
        self._crate.metadata.extra_terms.update(TERMS)

    def add_run(self, results: Iterable[Path], *, ended: float) -> None:
        """Describe the run: the workflow, what it was given, and the files that it made, until `ended` (POSIX time)."""
        self._describe_root()
        workflow = self._add_workflow()
        given = [*self._settings(workflow), *self._archives(workflow)]
        made = [self._add_data(path, self._licence) for path in results]
        outputs = self._parameter("results", "File", "Tables, figures and model cards")
        workflow["output"] = outputs
        for entity in made:
            entity["exampleOfWork"] = outputs
        action = {
            "name": f"Run of the study {self._folder.parent.name}",
            "description": self._description,
            "endTime": _time(ended),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
        run = self._crate.add_action(
            workflow, "#run", object=given, result=made, properties=_typed("CreateAction", action)
        )
        self._crate.root_dataset["mentions"] = run

    def text(self) -> str:
        """The file's text."""
        return json.dumps(self._crate.metadata.generate(), indent=2, sort_keys=True) + "\n"

    def readme(self) -> str:
        """What a person reads first."""
        return f"# {self._title}\n\n{self._description}\n\n{RUN_AGAIN}\n"

    @property
    def _title(self) -> str:
        return f"chaos-liver: the study {self._folder.parent.name}"

    @property
    def _description(self) -> str:
        trainings = counted(len(self._signed["trainings"]), "training")
        return (
            f"A run of the workflow chaos-liver with {trainings}: segmentation of abdominal MRI, for research, "
            f"not for clinical use. {self._said} {LEFT_OUT}"
        )

    def _describe_root(self) -> None:
        self._crate.name = self._title
        self._crate.description = self._description
        for address, name in LICENCES.items():
            if address in (MIT, self._licence):
                self._add(address, "CreativeWork", name=name)
        self._crate.license = {"@id": self._licence}
        self._crate.root_dataset["conformsTo"] = [
            self._add(address, "CreativeWork", name=name, version=address.rsplit("/", 1)[1])
            for address, name in PROFILES.items()
        ]
        readme = self._add_data(self._folder / "README.md", MIT)
        readme["about"] = self._crate.root_dataset

    def _add_workflow(self) -> Any:
        version = self._signed["packages"]["snakemake"]
        workflow = self._crate.add_workflow(
            dest_path="workflow/Snakefile", main=True, lang="snakemake", lang_version=version
        )
        workflow["name"] = "chaos-liver"
        workflow["license"] = {"@id": MIT}
        workflow["encodingFormat"] = "text/x-python"
        workflow["conformsTo"] = {"@id": BIOSCHEMAS}
        if self._signed["commit"]:
            workflow["version"] = self._signed["commit"]
        workflow["softwareRequirements"] = [self._add_package(*package) for package in sorted(self._packages())]
        for folder in ("workflow", "envs", "profiles"):
            if (self._folder / folder).is_dir():
                self._add_data(self._folder / folder, MIT)
        return workflow

    def _packages(self) -> set[tuple[str, str]]:
        """Names and versions: of the packages of the tables, and of those of each training."""
        trainings = self._signed["trainings"].values()
        return {
            package
            for packages in (self._signed["packages"], *(training["packages"] for training in trainings))
            for package in packages.items()
        }

    def _add_package(self, name: str, version: str) -> Any:
        return self._add(f"#{name}-{version}", "SoftwareApplication", name=name, softwareVersion=version)

    def _settings(self, workflow: Any) -> Iterator[Any]:
        for name, what in (("config.yaml", "The configuration"), ("patients.tsv", "The patients, and their sequences")):
            parameter = self._parameter(name, "File", what, required=True)
            workflow.append_to("input", parameter)
            entity = self._add_data(self._folder / "config" / name, MIT)
            entity["exampleOfWork"] = parameter
            yield entity

    def _archives(self, workflow: Any) -> Iterator[Any]:
        """The archives, which are not in the crate, by checksum."""
        for cohort, checksum in self._signed["archives_sha256"].items():
            what = f"SHA-256 of the archive of the cohort {cohort}"
            parameter = self._parameter(f"archive-{cohort}", "Text", what, required=True)
            workflow.append_to("input", parameter)
            entity = self._add(f"#archive-{cohort}", "PropertyValue", name=what, value=checksum)
            entity["exampleOfWork"] = parameter
            yield entity
        if self._source == "chaos":
            yield self._add_chaos()

    def _add_chaos(self) -> Any:
        # A Dataset would have to be part of the crate.
        data = self._add(CHAOS_DATA, "CreativeWork", name="CHAOS challenge data")
        data["license"] = {"@id": CC_BY_NC_SA}
        return data

    def _parameter(self, name: str, kind: str, what: str, *, required: bool = False) -> Any:
        return self._crate.add_formal_parameter(name, kind, f"#parameter-{name}", what, valueRequired=required)

    def _add_data(self, path: Path, licence: str) -> Any:
        """Describe a file or a folder of the crate."""
        place = path.relative_to(self._folder).as_posix()
        add = self._crate.add_dataset if path.is_dir() else self._crate.add_file
        entity = add(dest_path=place, properties={"name": place, "license": {"@id": licence}})
        if path.is_file():
            entity["contentSize"] = str(path.stat().st_size)
            entity["sha256"] = sha256_of(path)
            entity["encodingFormat"] = FORMATS[path.suffix]
        return entity

    def _add(self, identifier: str, kind: str, **properties: str) -> Any:
        from rocrate.model import ContextEntity

        return self._crate.add(ContextEntity(self._crate, identifier, properties=_typed(kind, properties)))


def _typed(kind: str, properties: Mapping[str, str]) -> dict[str, str]:
    return {"@type": kind, **properties}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
