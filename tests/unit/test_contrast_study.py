"""What docs/contrasts.md plans is what config/contrasts.yaml runs."""

import re
from pathlib import Path

from unit.study.configs import SCHEMA, load

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.study.experiments import resolve_experiments

TEXT = (Path(__file__).resolve().parents[2] / "docs/contrasts.md").read_text(encoding="utf-8")
CONFIG = load("contrasts")
EXPERIMENTS = resolve_experiments(CONFIG, SCHEMA)


def test_the_plans_questions_are_those_of_the_configuration():
    planned = re.findall(r"^\| ([^|]+) \| `(\w+)` \| `(\w+)` \| ([^|]+) \| [^|]+ \|$", TEXT, re.MULTILINE)
    asked = [
        (contrast["question"], contrast["experiment"], contrast["against"], SEQUENCES[contrast["sequence"]].title)
        for contrast in CONFIG["analysis"]["contrasts"]
    ]
    assert planned == asked
    assert CONFIG["analysis"]["margin"] == 0.01 and "the margin of equivalence 0.01" in TEXT


def test_experiments_differ_in_what_the_plan_says_alone():
    plain, curved, both = (EXPERIMENTS[name] for name in ("coarse_t1", "contrasts_t1", "contrasts_t1_and_t2"))
    random = {"curve": 0.5, "clusters": 0, "organs": 0, "inversion": 0}
    assert plain.recipe["contrasts"] == dict.fromkeys(random, 0)
    assert curved.recipe == {**plain.recipe, "contrasts": random}
    assert both.recipe == {**curved.recipe, "balanced": True}
    assert EXPERIMENTS["coarse_t2"].recipe == plain.recipe and EXPERIMENTS["contrasts_t2"].recipe == curved.recipe
    learned = [experiment.train_on for experiment in EXPERIMENTS.values()]
    t1, t2 = "t1_in_phase", "t2_spir"
    assert learned == [(t1,), (t2,), (t1,), (t2,), (t1, t2)]
    for experiment in EXPERIMENTS.values():
        assert experiment.score_on == (t1, t2) and experiment.network == {"name": "fast", "channels": 16, "depth": 4}


def test_the_study_has_45_trainings():
    folds = CONFIG["splits"]["three_fold"]["folds"]
    trainings = sum(folds * len(experiment.seeds) for experiment in EXPERIMENTS.values())
    assert trainings == 45 and "45 trainings" in TEXT
