"""The house's own rules: who may import what, how long an adapter may be, and pins that agree."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
LIBRARY = SCRIPTS / "chaosliver"
ADAPTERS = sorted(SCRIPTS.glob("*.py"))
RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))
COMMAND_LINE_TOOLS = {"write_patient_sheet", "draw_exam", "check_call"}

# In the order of the data: a module imports from its own package, or from one before it.
PACKAGES = ("base", "study", "acquire", "prepare", "network", "measure", "tables", "figures", "exams", "challenge")
# The last word of a module whose tests stand in another module's file.
TESTED_ELSEWHERE = {
    "base.anatomy": "prepare.masks",
    "base.errors": "base.jobs",
    "base.planes": "network.grids",
    "exams.frames": "exams.series",
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


MODULES = {module_name(path): path for path in LIBRARY.rglob("*.py") if path.stem != "__init__"}


def package_of(module: str) -> str:
    return module.split(".")[0]


def test_every_module_lies_in_a_package_and_every_package_says_what_it_holds():
    assert {package_of(module) for module in MODULES} == set(PACKAGES)
    for path in LIBRARY.rglob("__init__.py"):
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant), path


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_from_a_later_package(module):
    later = PACKAGES[PACKAGES.index(package_of(module)) + 1 :]
    assert not {
        name for name in imported(MODULES[module]) if name.startswith("chaosliver.") and name.split(".")[1] in later
    }


@pytest.mark.parametrize("module", sorted(MODULES))
def test_torch_and_pandas_stay_in_their_packages(module):
    names = {name.split(".")[0] for name in imported(MODULES[module])}
    assert "torch" not in names or package_of(module) == "network"
    assert not names & {"pandas", "seaborn", "matplotlib"} or package_of(module) in ("measure", "tables", "figures")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_library_knows_nothing_of_snakemake(module):
    names = {name.split(".")[0] for name in imported(MODULES[module])}
    used = {node.id for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Name)}
    assert "snakemake" not in names | used


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_module_has_its_tests(module):
    *folders, name = TESTED_ELSEWHERE.get(module, module).split(".")
    if folders[:2] == ["network", "architectures"]:
        folders, name = ["network"], "architectures"
    assert (ROOT / "tests/unit").joinpath(*folders, f"test_{name}.py").is_file()


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


# Packages whose name is not that of their module.
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "PIL": "Pillow", "yaml": "PyYAML"}


def rules_with_environments() -> dict[str, str]:
    """The conda environment of each rule that has an adapter."""
    blocks = [block for path in RULES for block in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]]
    return {block.split(":")[0]: re.search(r"envs/(\w+)\.yaml", block)[1] for block in blocks if "script:" in block}


@pytest.mark.parametrize(("rule", "environment"), rules_with_environments().items())
def test_a_rules_environment_holds_the_packages_that_its_code_imports(rule, environment):
    waiting, reached, packages = [SCRIPTS / f"{rule}.py"], set(), set()
    if environment == "network":
        waiting += [path for module, path in MODULES.items() if module.startswith("network.architectures.")]
    while waiting:
        path = waiting.pop()
        for name in imported(path):
            module = MODULES.get(name.removeprefix("chaosliver."))
            if module and module not in reached:
                reached.add(module)
                waiting.append(module)
            packages.add(name.split(".")[0])
    packages -= {"chaosliver", *sys.stdlib_module_names}
    (listed,) = [
        entry["pip"]
        for entry in yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
        if isinstance(entry, dict)
    ]
    assert {DISTRIBUTIONS.get(package, package) for package in packages} <= set(pins(listed))


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


def test_the_snakemake_workflow_catalog_finds_what_it_asks_of_standardised_workflows():
    """https://github.com/snakemake/snakemake-workflow-catalog: "Standardized usage workflows"."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert usage["software-stack-deployment"] == {"conda": True, "report": True} and usage["report"] is True
    for needed in (
        "workflow/Snakefile",
        "workflow/schemas/config.schema.yaml",
        "config/README.md",
        "config/config.yaml",
    ):
        assert (ROOT / needed).is_file()
    assert {"snakemake", "workflow"} <= set((ROOT / "README.md").read_text().lower().split())
    # Snakemake looks for it first, so it must be the same workflow.
    entry = (ROOT / "Snakefile").read_text()
    assert 'include: "workflow/Snakefile"' in entry and 'workflow.default_target = "all"' in entry
