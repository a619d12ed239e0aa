"""The licences of all packages, and the checksums of their files: `python tests/dependencies.py REPORT`.

REPORT is what pip says that it would install:
    pip install --dry-run --ignore-installed --quiet --report REPORT --constraint envs/constraints.txt --group test
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS, LOCKED, LICENCES = ROOT / "envs/constraints.txt", ROOT / "envs/locked.txt", ROOT / "envs/licences.tsv"
CLUSTER = ("cluster-generic", "lsf", "slurm", "slurm-jobstep")
HEAD = """\
# The packages of envs/constraints.txt with the SHA-256 of their files, for Linux on x86-64 and Python 3.11, for
# `make setup-locked`. Without torch, of which each kind of computer has a build of its own. By tests/dependencies.py.
"""
# Of packages that are not installed in .venv, those of the group `cluster`: by their metadata.
ELSEWHERE = dict.fromkeys((f"snakemake-executor-plugin-{name}" for name in CLUSTER), "MIT")
# The longest name that is a licence's, not its text.
NAME = 60


def plain(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    """The version of each package of the constraints, by plain name."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return {plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def licence_of(name: str) -> str:
    """What a package that is installed says of its licence; empty where it is not installed."""
    try:
        told = distribution(name).metadata
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "")
    classes = [kind.rpartition(" :: ")[2] for kind in told.get_all("Classifier") or () if kind.startswith("License ::")]
    classes = [kind for kind in classes if kind != "OSI Approved"]
    text = (told.get("License") or "").strip().splitlines() or _first_lines(name)
    short = text[0].strip() if text and len(text[0]) <= NAME else ""
    return told.get("License-Expression") or "; ".join(classes) or short


def _first_lines(name: str) -> list[str]:
    """How a package's file of the licence begins, where its metadata say nothing."""
    files = [path for path in distribution(name).files or () if path.name.upper().startswith("LICEN")]
    return files[0].read_text(encoding="utf-8").strip().splitlines() if files else []


def write_licences() -> None:
    rows = [f"{name}\t{version}\t{licence_of(name)}\n" for name, version in sorted(installed().items())]
    LICENCES.write_text("package\tversion\tlicence\n" + "".join(rows), encoding="utf-8")


def installed() -> dict[str, str]:
    """The constraints, and torch."""
    return {**pinned(), "torch": distribution("torch").version.partition("+")[0]}


def write_locked(report: Path) -> None:
    found = {}
    for entry in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name, version = plain(entry["metadata"]["name"]), entry["metadata"]["version"]
        if name != "torch":
            digest = entry["download_info"]["archive_info"]["hashes"]["sha256"]
            found[name] = f"{name}=={version} --hash=sha256:{digest}\n"
    LOCKED.write_text(HEAD + "".join(found[name] for name in sorted(found)), encoding="utf-8")


if __name__ == "__main__":
    write_licences()
    if len(sys.argv) > 1:
        write_locked(Path(sys.argv[1]))
