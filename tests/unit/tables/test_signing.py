"""What the tables' provenance holds, and that it sees a change of any part."""

import hashlib
import json
import os
import subprocess

import numpy as np
import pytest

from chaosliver.base.cards import write_card
from chaosliver.base.files import sha256_of
from chaosliver.tables import signing
from chaosliver.tables.signing import sign_tables


@pytest.fixture
def study(tmp_path):
    table, receipt, card = (
        tmp_path / "slices.tsv",
        tmp_path / "development.sha256",
        tmp_path / "small/fold0_seed1/card.json",
    )
    table.write_text("dice\n0.5\n")
    receipt.write_text("abc  archive.zip\n")
    card.parent.mkdir(parents=True)
    write_card(card, {"data": "d", "weights_sha256": "w", "versions": {"torch": "2"}})
    return {
        "tables": [table],
        "receipts": [receipt],
        "cards": [card],
        "configuration": {"a": 1},
        "all_code": {"train": "c"},
    }


def signed(study, tmp_path):
    sign_tables(**study, provenance=tmp_path / "provenance.json")
    return json.loads((tmp_path / "provenance.json").read_text())


def test_tables_code_data_packages_and_archives_stand_there(study, tmp_path):
    found = signed(study, tmp_path)
    assert found["tables_sha256"] == {"slices.tsv": sha256_of(study["tables"][0])}
    assert found["archives_sha256"] == {"development": "abc"}
    training = found["trainings"]["small/fold0_seed1"]
    assert training == {"data_sha256": "d", "weights_sha256": "w", "packages": {"torch": "2"}}
    assert found["code_sha256"] == {"train": "c"}
    assert found["packages"]["snakemake"].startswith("9.")


def test_another_configuration_has_another_sum(study, tmp_path):
    assert (
        signed(study, tmp_path)["configuration_sha256"]
        != signed({**study, "configuration": {"a": 2}}, tmp_path)["configuration_sha256"]
    )


def test_the_file_by_hand(study, tmp_path):
    other = tmp_path / "other/fold3_seed2/card.json"
    other.parent.mkdir(parents=True)
    write_card(other, {"data": "e", "weights_sha256": "x", "versions": {"torch": "3"}, "epochs": 9})
    receipt = tmp_path / "test.sha256"
    receipt.write_text("def  test.zip\n")
    study["cards"].append(other)
    study["receipts"].append(receipt)
    found = signed(study, tmp_path)
    assert list(found) == sorted(found)
    assert {*found} == {
        *("tables_sha256", "configuration_sha256", "code_sha256", "commit"),
        *("packages", "archives_sha256", "trainings"),
    }
    assert found["archives_sha256"] == {"development": "abc", "test": "def"}
    assert found["trainings"]["other/fold3_seed2"] == {
        **{"data_sha256": "e", "weights_sha256": "x", "packages": {"torch": "3"}}
    }
    assert found["configuration_sha256"] == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert {*found["packages"]} == {"snakemake", "numpy", "scipy", "pandas", "seaborn", "matplotlib"}
    assert found["packages"]["numpy"] == np.__version__
    text = (tmp_path / "provenance.json").read_text()
    assert text == json.dumps(found, indent=2, sort_keys=True) + "\n"


def test_the_order_of_the_configurations_keys_does_not_matter(study, tmp_path):
    sums = [
        signed({**study, "configuration": configuration}, tmp_path)["configuration_sha256"]
        for configuration in ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    ]
    assert sums[0] == sums[1] == hashlib.sha256(b'{"a": 1, "b": {"c": 2, "d": 3}}').hexdigest()


def git(folder, *arguments):
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | names).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of one tagged commit, in which the module seems to lie."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "module.py").write_text("a = 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "-a", "v1", "-m", "v1")
    monkeypatch.setattr(signing, "__file__", str(folder / "module.py"))
    return folder


def test_the_commit_is_named_by_its_hash_though_it_has_a_tag(study, tmp_path, repository):
    commit = git(repository, "rev-parse", "--short", "HEAD")
    assert signed(study, tmp_path)["commit"] == commit
    (repository / "module.py").write_text("a = 2\n")
    assert signed(study, tmp_path)["commit"] == f"{commit}-dirty"


def test_outside_of_git_there_is_no_commit(study, tmp_path, repository, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert signed(study, tmp_path)["commit"] is None
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.setenv("PATH", str(tmp_path / "without_git"))
    assert signed(study, tmp_path)["commit"] is None
