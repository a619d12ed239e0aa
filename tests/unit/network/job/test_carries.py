"""The job carries and computes nothing, so that an edit of it retrains no network; and no network imports it."""

import ast
from pathlib import Path

import pytest

from chaosliver.network import job

JOB = Path(job.__file__).parent
NETWORK = JOB.parent
MODULES = sorted(path for path in JOB.glob("*.py") if path.stem != "__init__")
# Of torch: reading and writing files, choosing a device, setting threads, recognising an error.
TORCH = {
    *("load", "save", "device", "set_num_threads", "OutOfMemoryError"),
    *("cuda.is_available", "cuda.device_count", "cuda.get_device_properties", "cuda.set_device"),
    "backends.mps.is_available",
}
# Folders joined with names, mappings and lists joined, and choices of types.
JOINING = (ast.Div, ast.BitOr, ast.Add)
# They count bytes and seconds.
COUNTING = {"memory", "progress", "gpus"}


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}".strip(".") for alias in node.names)


def attributes(tree, root):
    """The longest dotted names that begin with `root`, without it."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        parts, name = [], node
        while isinstance(name, ast.Attribute):
            parts, name = [name.attr, *parts], name.value
        if parts and isinstance(name, ast.Name) and name.id == root and id(node) not in inner:
            yield ".".join(parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_job_imports_nothing_that_computes(path):
    names = set(imported(tree_of(path)))
    assert not {name.split(".")[0] for name in names} & {"numpy", "cv2", "scipy", "random", "math", "PIL", "SimpleITK"}
    assert {name for name in names if name.startswith("torch")} <= {
        "torch",
        *("torch.utils.tensorboard", "torch.utils.tensorboard.SummaryWriter"),
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_of_torch_the_job_uses_what_carries(path):
    assert set(attributes(tree_of(path), "torch")) <= TORCH


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_job_does_no_arithmetic_but_on_bytes_and_seconds(path):
    if path.stem in COUNTING:
        names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
        assert not names & {"State", "state", "network", "weights", "Data", "samples", "load_slices", "train_network"}
        return
    operations = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.BinOp)]
    assert all(isinstance(operation.op, JOINING) for operation in operations)


@pytest.mark.parametrize("path", sorted(NETWORK.rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_that_computes_imports_the_job(path):
    if JOB not in path.parents:
        assert not {name for name in imported(tree_of(path)) if "job" in name.strip(".").split(".")}


def test_the_checks_see_what_they_are_for():
    """On code that computes."""
    tree = ast.parse(
        "import numpy as np\nfrom ..job import run\nfrom .job.run import x\ntorch.nn.functional.relu(a * 2)"
    )
    assert {"numpy", "..job", "job.run", ".job.run"} <= set(imported(tree))
    assert list(attributes(tree, "torch")) == ["nn.functional.relu"]
    assert not TORCH & {"nn.functional.relu", "nn", "sigmoid"}
