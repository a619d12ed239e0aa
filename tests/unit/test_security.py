"""What could run code or leak is kept out: by lint rules that are seen to work, and by pins with checksums."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import dependencies
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for part in ("workflow", "tests", "benchmarks") for path in sorted((ROOT / part).rglob("*.py"))]
RULES = [ROOT / "Snakefile", ROOT / "workflow/Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param("S301", "import pickle; pickle.loads(b'')", id="pickle"),
        pytest.param("S302", "import marshal; marshal.loads(b'')", id="marshal"),
        pytest.param("S102", "exec('x = 1')", id="exec"),
        pytest.param("S307", "eval('1')", id="eval"),
        pytest.param("S506", "import yaml; yaml.load('', yaml.Loader)", id="yaml"),
        pytest.param("S602", "import subprocess; subprocess.run('ls ' + input(), shell=True, check=True)", id="shell"),
        pytest.param("S605", "import os; os.system('ls ' + input())", id="system"),
        pytest.param("S310", "import urllib.request; urllib.request.urlopen(input())", id="file-url"),
        pytest.param("S113", "import requests; requests.get('https://example.org')", id="no-time-limit"),
        pytest.param(
            "S501", "import requests; requests.get('https://a', verify=False, timeout=1)", id="no-certificate"
        ),
        pytest.param("S202", "import tarfile; tarfile.open('a.tar').extractall()", id="unpack-all"),
        pytest.param("S324", "import hashlib; hashlib.md5(b'')", id="weak-checksum"),
        pytest.param("S306", "import tempfile; tempfile.mktemp()", id="guessed-name"),
        pytest.param("S314", "import xml.etree.ElementTree as x; x.fromstring('')", id="xml"),
    ],
)
def test_lint_notices_what_could_run_code_or_trust_too_much(rule, line):
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "-"]
    name = ROOT / "workflow/scripts/chaosliver/base/planted.py"
    said = subprocess.run([*command, "--stdin-filename", name], input=line, cwd=ROOT, capture_output=True, text=True)
    assert f" {rule} " in said.stdout


def test_torch_loads_weights_only():
    """By the syntax trees of all code: what else a file may hold is code, which loading it would run."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "numpy.load"):
                said = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                safe = (
                    said.get("weights_only") == "True"
                    if "torch" in ast.unparse(node.func)
                    else (said.get("allow_pickle", "False") == "False")
                )
                found.append((path.name, node.lineno, safe))
    assert any(name == "checkpoints.py" for name, _, _ in found)
    assert [place for *place, safe in found if not safe] == []


def test_rules_run_adapters_alone():
    """No shell, no code of their own, nothing that a name in the configuration could become a command in."""
    pattern = re.compile(
        r"^\s*(shell|run|wrapper|notebook):|os\.system|subprocess|\beval\(|\bexec\(|pickle|yaml\.load\("
    )
    assert [(path.name, line) for path in RULES for line in path.read_text().splitlines() if pattern.search(line)] == []


def test_every_package_has_a_licence_in_the_table():
    rows = [line.split("\t") for line in dependencies.LICENCES.read_text().splitlines()[1:]]
    assert {name: version for name, version, _ in rows} == dependencies.installed()
    assert [name for name, _, licence in rows if not licence] == []


def test_the_locked_packages_are_the_pinned_ones_with_checksums():
    lines = [line for line in dependencies.LOCKED.read_text().splitlines() if not line.startswith("#")]
    parsed = [re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert all(parsed)
    # torch brings setuptools along, which `pip freeze` does not name.
    locked = {match[1]: match[2] for match in parsed if match[1] != "setuptools"}
    assert locked.items() <= dependencies.pinned().items()
    groups = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True
    ).stdout
    needed = {dependencies.plain(line.split("==")[0]) for line in groups.splitlines() if "==" in line}
    assert needed & dependencies.pinned().keys() <= locked.keys()
