"""The digest of code changes with its meaning, and only with that."""

import shutil

import pytest

from chaosliver.study import provenance


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A copy of the scripts that a test may edit."""
    copy = tmp_path / "scripts"
    shutil.copytree(provenance.SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "SCRIPTS", copy)
    return copy


def digest(*names):
    for function in (provenance.digest_of, provenance._tree, provenance._imports, provenance._meaning):
        function.cache_clear()
    return provenance.digest_of(*names)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_comments_docstrings_and_layout_do_not_count(scripts):
    before = digest("extract_masks")
    masks = scripts / "chaosliver" / "prepare" / "masks.py"
    edit(masks, '"""Mask uint8', '"""Mask, of type uint8')
    masks.write_text(masks.read_text() + "\n\n# A remark.\n")
    assert digest("extract_masks") == before


def test_an_edit_reaches_the_adapters_that_import_the_module_however_indirectly(scripts):
    before = {name: digest(name) for name in ("inventory_patient", "split_patients")}
    edit(scripts / "chaosliver" / "base" / "anatomy.py", "(55, 70)", "(55, 71)")
    assert digest("inventory_patient") != before["inventory_patient"]
    assert digest("split_patients") == before["split_patients"]
    edit(scripts / "chaosliver" / "base" / "anatomy.py", "(55, 71)", "(55, 70)")
    assert digest("inventory_patient") == before["inventory_patient"]


def test_a_network_concerns_only_its_own_experiments(scripts):
    before = digest("train"), digest("train", "network.architectures.unet")
    edit(
        scripts / "chaosliver" / "network" / "architectures" / "unet.py",
        "self.pool = nn.MaxPool2d(2)",
        "self.pool = nn.AvgPool2d(2)",
    )
    assert digest("train") == before[0]
    assert digest("train", "network.architectures.unet") != before[1]


def test_what_two_networks_share_concerns_both_and_no_other(scripts):
    names = ("network.architectures.denseunet65", "network.architectures.denseunet167", "network.architectures.unet")
    before = [digest("train", name) for name in names]
    edit(scripts / "chaosliver" / "network" / "architectures" / "denseunet.py", "BOTTLENECK = 4", "BOTTLENECK = 8")
    assert [digest("train", name) == old for name, old in zip(names, before, strict=True)] == [False, False, True]


def test_the_catalogue_of_networks_concerns_no_training(scripts):
    before = digest("train", "network.architectures.unet")
    edit(scripts / "chaosliver" / "study" / "architectures.py", "lambda network: 5", "lambda network: 6")
    assert digest("train", "network.architectures.unet") == before


def test_the_registry_and_the_package_files_are_reached(scripts):
    reached = {path.relative_to(scripts).as_posix() for path in provenance._reached(scripts / "train.py")}
    within = {"__init__.py", "network/__init__.py", "network/architectures/registry.py", "network/batches.py"}
    assert {f"chaosliver/{path}" for path in within} <= reached
    assert "chaosliver/network/architectures/unet.py" not in reached


def test_an_adapter_that_does_not_exist_is_an_error():
    with pytest.raises(FileNotFoundError):
        provenance.digest_of("no_such_rule")
