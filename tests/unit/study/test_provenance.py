"""The digest of code changes with its meaning, and only with that."""

import hashlib
import shutil

import pytest

from chaosliver.study import provenance

SCRIPTS = provenance.SCRIPTS


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    return tmp_path_factory.mktemp("copied") / "scripts"


@pytest.fixture
def scripts(copied, monkeypatch):
    """A copy of the scripts that a test may edit."""
    shutil.copytree(SCRIPTS, copied, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    monkeypatch.setattr(provenance, "SCRIPTS", copied)
    return copied


@pytest.fixture(autouse=True)
def _files_are_read_anew(monkeypatch):
    """What is kept of a file within a process is kept as long as its content is the same."""
    for name in CACHES:
        monkeypatch.setattr(provenance, name, CACHES[name])


def by_content(function):
    kept = {}

    def of(path):
        key = (path, path.read_text(encoding="utf-8"))
        if key not in kept:
            kept[key] = function(path)
        return kept[key]

    return of


CACHES = {name: by_content(getattr(provenance, name).__wrapped__) for name in ("_tree", "_imports", "_meaning")}


def digest(*names):
    forget()
    return provenance.digest_of(*names)


def computing(architecture):
    forget()
    return provenance.computing_digest(architecture)


def forget():
    for name in ("digest_of", "computing_digest"):
        getattr(provenance, name).cache_clear()


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
    dicom = scripts / "chaosliver" / "prepare" / "dicom.py"
    edit(dicom, "SYNTAXES = (ImplicitVRLittleEndian, ", "SYNTAXES = (")
    assert digest("inventory_patient") != before["inventory_patient"]
    assert digest("split_patients") == before["split_patients"]
    edit(dicom, "SYNTAXES = (", "SYNTAXES = (ImplicitVRLittleEndian, ")
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


# A module that computes, and whether a U-Net's and a DenseUNet's weights depend on it.
COMPUTING = {
    "network/training.py": (True, True),
    "network/losses.py": (True, True),
    "network/grids.py": (True, True),
    "network/data.py": (True, True),
    "network/recipe.py": (True, True),
    "network/numerics.py": (True, True),
    "prepare/samples.py": (True, True),
    "base/png.py": (True, True),
    "network/architectures/registry.py": (True, True),
    "network/architectures/unet.py": (True, False),
    "network/architectures/denseunet.py": (False, True),
    "network/job/run.py": (False, False),
    "network/job/checkpoints.py": (False, False),
    "network/job/events.py": (False, False),
    "network/job/gpus.py": (False, False),
    "network/job/memory.py": (False, False),
    "network/job/progress.py": (False, False),
    "base/columns.py": (False, False),
    "base/errors.py": (False, False),
    "base/jobs.py": (False, False),
    "base/wording.py": (False, False),
    "network/prediction.py": (False, False),
    "study/architectures.py": (False, False),
}


@pytest.mark.parametrize("module", COMPUTING)
def test_a_fingerprint_depends_on_what_computes_and_not_on_what_carries(scripts, module):
    before = computing("unet"), computing("denseunet65")
    path = scripts / "chaosliver" / module
    path.write_text(path.read_text() + "\n\nADDED = 1\n")
    changed = computing("unet") != before[0], computing("denseunet65") != before[1]
    assert changed == COMPUTING[module]
    path.write_text(path.read_text().replace("\n\nADDED = 1\n", ""))
    assert (computing("unet"), computing("denseunet65")) == before


def test_a_network_that_does_not_exist_has_no_fingerprint():
    with pytest.raises(FileNotFoundError):
        provenance.computing_digest("no_such_network")


# A library of seven modules, of which the adapter reaches six, each by another form of import.
SMALL = {
    "draw.py": '"""Adapter."""\nimport os\nfrom chaosliver.one import first\n\nfirst( )\n',
    "chaosliver/__init__.py": '"""Docstring alone."""\n',
    "chaosliver/one.py": "from .pack.two import second\nfrom . import three\ndef first():\n 'Says.'\n return second\n",
    "chaosliver/three.py": "class Third:\n    '''Only said.'''\n",
    "chaosliver/pack/__init__.py": "",
    "chaosliver/pack/two.py": "import chaosliver.pack.four\nasync def second(x):\n 'Says.'\n # Why.\n return  (x)\n",
    "chaosliver/pack/four.py": "from ..three import Third\nfrom os import path\nFOUR = 'kept'\n",
    "chaosliver/unused.py": "UNUSED = 1\n",
}
MEANING = {
    "chaosliver/__init__.py": "pass",
    "chaosliver/one.py": "from .pack.two import second\nfrom . import three\n\ndef first():\n    return second",
    "chaosliver/pack/__init__.py": "",
    "chaosliver/pack/four.py": "from ..three import Third\nfrom os import path\nFOUR = 'kept'",
    "chaosliver/pack/two.py": "import chaosliver.pack.four\n\nasync def second(x):\n    return x",
    "chaosliver/three.py": "class Third:\n    pass",
    "draw.py": "import os\nfrom chaosliver.one import first\nfirst()",
}


def sha256_of_meanings(*names):
    return hashlib.sha256("".join(f"{name}\n{MEANING[name]}\n" for name in names).encode()).hexdigest()


@pytest.fixture
def small(tmp_path, monkeypatch):
    for name, text in SMALL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(provenance, "SCRIPTS", tmp_path)
    return tmp_path


def test_a_digest_is_that_of_names_and_code_of_all_that_is_reached(small):
    assert digest("draw") == sha256_of_meanings(*MEANING)
    reached = (
        "chaosliver/__init__.py",
        "chaosliver/pack/__init__.py",
        "chaosliver/pack/four.py",
        "chaosliver/three.py",
    )
    (small / "draw.py").write_text("import chaosliver.pack.four\n")
    text = "".join(f"{name}\n{MEANING[name]}\n" for name in reached) + "draw.py\nimport chaosliver.pack.four\n"
    assert digest("draw") == hashlib.sha256(text.encode()).hexdigest()


def test_a_module_named_beside_the_adapter_is_part_of_the_digest(small):
    (small / "chaosliver/unused.py").write_text("UNUSED = 2\n")
    before = digest("draw", "unused")
    assert before != digest("draw") == digest("draw", "pack.two")
    (small / "chaosliver/unused.py").write_text("UNUSED = 3\n")
    assert digest("draw", "unused") != before


def test_a_file_that_is_no_python_is_named(small):
    (small / "chaosliver/three.py").write_text("class:\n")
    with pytest.raises(SyntaxError) as refused:
        digest("draw")
    assert refused.value.filename == str(small / "chaosliver/three.py")


def test_texts_count_by_name_and_byte_and_the_folder_by_what_is_in_it(scripts):
    folder = scripts / "chaosliver/tables/checklist_items"
    before = provenance.digest_of_texts("tables/checklist_items")
    assert before == provenance.digest_of_texts("tables/checklist_items")
    file = folder / "claim_2024.tsv"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"done", b"dome", 1))
    altered = provenance.digest_of_texts("tables/checklist_items")
    file.rename(folder / "other.tsv")
    renamed = provenance.digest_of_texts("tables/checklist_items")
    (folder / "other.tsv").unlink()
    fewer = provenance.digest_of_texts("tables/checklist_items")
    file.write_bytes(text)
    assert len({before, altered, renamed, fewer}) == 4
    assert provenance.digest_of_texts("tables/checklist_items") == before
    with pytest.raises(FileNotFoundError):
        provenance.digest_of_texts("tables/none")
