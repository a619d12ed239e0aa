"""What the tables' provenance holds, and that it sees a change of any part."""

import json

import pytest

from chaosliver.base.files import sha256_of
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
    card.write_text(json.dumps({"data": "d", "weights_sha256": "w", "versions": {"torch": "2"}}))
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
