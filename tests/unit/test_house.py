"""The house's own rules: who may import what, how long an adapter may be, and pins that agree."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "chaosliver"
ADAPTERS = sorted(SCRIPTS.glob("*.py"))
RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))
COMMAND_LINE_TOOLS = {"write_patient_sheet"}

# From the archive to figures for people: a module imports from its own room or from one before it.
ROOMS = [
    {"errors", "anatomy", "order", "files", "indexes", "jobs", "png", "disk", "memory", "provenance", "grids"},
    {"archive", "download", "splits", "dicom", "phantom", "inventory"},
    {"networks.catalogue", "experiments", "masks", "images", "samples", "augmentation", "slicefiles"},
    {
        "networks",
        "networks.registry",
        "networks.unet",
        "networks.fast",
        "networks.denseunet",
        "networks.denseunet65",
        "networks.denseunet167",
        "batches",
        "devices",
        "models",
        "training",
        "checkpoints",
        "stopping",
        "events",
        "snapshots",
        "transforms",
        "losses",
        "prediction",
        "runs",
    },
    {"metrics", "surfaces", "evaluation", "triplets", "modelcards", "verification", "statistics", "prices"},
    {
        "tables",
        "pages",
        "tablepages",
        "methods",
        "signing",
        "publication",
        "figures",
        "montage",
        "overlays",
        "contact_sheets",
        "along_liver",
        "agreement",
        "learning_curve",
        "cross_sequence",
        "differences",
        "trainings",
    },
]
TORCH = {
    "networks.registry",
    "networks.unet",
    "networks.fast",
    "networks.denseunet",
    "networks.denseunet65",
    "networks.denseunet167",
    "devices",
    "models",
    "training",
    "checkpoints",
    "events",
    "prediction",
    "runs",
    "transforms",
    "losses",
}
PANDAS = {
    "tables",
    "figures",
    "overlays",
    "montage",
    "contact_sheets",
    "along_liver",
    "agreement",
    "learning_curve",
    "cross_sequence",
    "differences",
}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = path.relative_to(SCRIPTS).parent.parts
            base = ".".join([*parts[: len(parts) - node.level + 1], node.module or ""]) if node.level else node.module
            names |= {base.strip("."), *(f"{base}.{alias.name}".replace("..", ".") for alias in node.names)}
    return names


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY or path.stem != "__init__"
}


def test_every_module_has_a_room_and_every_room_only_modules():
    assert set().union(*ROOMS) == set(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_upwards(module):
    room = next(number for number, names in enumerate(ROOMS) if module in names)
    above = {f"chaosliver.{name}" for names in ROOMS[room + 1 :] for name in names}
    assert not imported(MODULES[module]) & above


@pytest.mark.parametrize("module", sorted(MODULES))
def test_torch_and_pandas_stay_in_their_rooms(module):
    names = {name.split(".")[0] for name in imported(MODULES[module])}
    assert "torch" not in names or module in TORCH
    assert not names & {"pandas", "seaborn", "matplotlib"} or module in PANDAS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_library_knows_nothing_of_snakemake(module):
    names = {name.split(".")[0] for name in imported(MODULES[module])}
    used = {node.id for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Name)}
    assert "snakemake" not in names | used


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_module_has_its_tests(module):
    covered = {name: "networks" for name in MODULES if name.split(".")[0] == "networks"}
    covered |= {"models": "prediction", "samples": "augmentation", "anatomy": "masks", "errors": "jobs"}
    covered |= {"devices": "training"}
    assert (ROOT / "tests/unit" / f"test_{covered.get(module, module)}.py").is_file()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda path: path.stem)
def test_an_adapter_is_short_and_imports_the_library_and_the_standard_library_alone(adapter):
    assert len(adapter.read_text().splitlines()) <= 45
    others = {path.stem for path in ADAPTERS}
    assert not {name.split(".")[0] for name in imported(adapter)} & (others | {"torch", "numpy", "pandas", "cv2"})


def test_each_rule_has_the_adapter_of_its_name_a_docstring_and_a_log():
    scripts = set()
    for path in RULES:
        for block in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = block.split(":")[0]
            assert '"""' in block.splitlines()[1], name
            if "script:" in block:
                scripts.add(name)
                assert f'"../scripts/{name}.py"' in block
                assert "log:" in block and "conda:" in block, name
                assert "run:" not in block.split("script:")[0].split()
    assert scripts == {path.stem for path in ADAPTERS} - COMMAND_LINE_TOOLS


def pins(requirements: list) -> dict[str, str]:
    return dict(entry.split("==") for entry in requirements if isinstance(entry, str))


def test_conda_environments_and_constraints_have_the_pins_of_pyproject():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    ours = {package: pin for group in groups.values() for package, pin in pins(group).items()}
    for path in (ROOT / "envs").glob("*.yaml"):
        (listed,) = [
            entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict)
        ]
        assert pins(listed).items() <= ours.items(), path.name
    lines = [line for line in (ROOT / "envs/constraints.txt").read_text().splitlines() if "==" in line]
    locked = {name.lower(): version for name, version in (line.split("==") for line in lines)}
    assert {name.lower(): version for name, version in ours.items() if name != "torch"}.items() <= locked.items()


def test_no_file_names_a_path_of_one_machine():
    text = [path for pattern in ("*.md", "*.yaml", "*.smk", "*.py", "*.tsv") for path in ROOT.rglob(pattern)]
    kept = [path for path in text if not {".venv", "results", ".snakemake"} & set(path.relative_to(ROOT).parts)]
    for path in kept:
        assert "/wo" + "rk/" not in path.read_text(encoding="utf-8"), path
