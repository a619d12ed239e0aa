"""The network for use: whose recipe it follows, and which networks it consists of."""

import re

import pytest
from unit.study.configs import SCHEMA, SHEET, study_of_everything

from chaosliver.base.errors import InputError
from chaosliver.study.plan import Plan


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "everything.tsv"
    path.write_text(SHEET)
    return str(path)


def test_the_network_for_use_is_the_first_experiments_one_per_seed_or_its_folds(sheet):
    plan = Plan.of(study_of_everything(patients=sheet), SCHEMA)
    assert plan.model == "first"
    assert [run.name for run in plan.model_runs] == ["foldall_seed1", "foldall_seed2"]
    model = {"experiment": "kidney", "networks": "folds"}
    folds = Plan.of(study_of_everything(patients=sheet, model=model), SCHEMA)
    assert [(run.experiment, run.name) for run in folds.model_runs] == [
        ("kidney", f"fold{fold}_seed{seed}") for fold in (0, 1) for seed in (1, 2)
    ]
    assert folds.pack_settings() == {
        "experiment": "kidney",
        "networks": "folds",
        "organ": "right_kidney",
        "other_organs": ["spleen"],
        "scores": "mask",
        "sequences": ["t2_spir", "t1_in_phase"],
        "encoding": {"bits": 16, "percentiles": [0.5, 99.5]},
        "threshold": 0.25,
        "largest_component": False,
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not_run", "config key model.experiment: the study trains no experiment 'not_run'. Known: first, kidney"),
        ("first_epoch2", "trains no experiment 'first_epoch2'"),
        ("few", "few trains on 1 patients only"),
    ],
)
def test_a_network_for_use_that_the_study_does_not_train_on_everyone_is_refused(sheet, name, words):
    model = {"experiment": name, "networks": "all_patients"}
    refused = Plan.of(study_of_everything(patients=sheet, model=model), SCHEMA)
    with pytest.raises(InputError, match=re.escape(words)):
        _ = refused.model_runs
