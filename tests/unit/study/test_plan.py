"""What the study's jobs are told, on studies of several sequences, folds, seeds, organs, snapshots and cohorts."""

import pytest
from unit.study.configs import ROOT, SCHEMA, load

from chaosliver.study.configuration import check_config
from chaosliver.study.plan import Plan


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "config").glob("*.yaml")))
def test_each_config_in_the_repository_is_sound(name, monkeypatch):
    config = load(name)
    monkeypatch.chdir(ROOT)
    check_config(config, SCHEMA)
    plan = Plan.of(config, SCHEMA)
    assert set(config["study"]) <= set(plan.experiments)
    assert all(plan.patients_in(run.experiment, run.fold, "train") for run in plan.runs)
