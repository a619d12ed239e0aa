"""A sample of `make faults`: power cuts in rules that a seed chooses, printed at the beginning of the tests."""

import random
import re

import pytest
from faults.conftest import SEED, Faulty, contents
from faults.powercut import lose_unsynced
from workflow.conftest import copy_study

CUTS = 2
ARCHIVE = re.compile(r"raw/(development|test)\.(zip|sha256)")


@pytest.mark.parametrize("number", range(CUTS))
def test_a_power_cut_in_any_rule_costs_no_result(finished_once, tmp_path, number):
    """Snakemake and its jobs end at a write of one of them; what was not forced to disk is lost."""
    study = Faulty(copy_study(finished_once, tmp_path / "study").folder, finished_once.config)
    chance = random.Random(f"{SEED}/{number}")
    rule = chance.choice(sorted(path.stem for path in (study.results / "logs").iterdir()))
    strike = {"at": chance.choice([1, 2]), "torn": chance.choice([None, chance.random()]), "signal": 9, "group": True}
    journal = study.state_folder / "journal"
    forced = ("--forcerun", rule, "--until", rule)
    study.start(*forced, **study.arm(journal=str(journal), strikes={rule: strike}))
    assert study.struck() == {rule}
    lost = lose_unsynced(journal, chance)
    study.succeed("--unlock")
    study.succeed("--rerun-incomplete")
    found, expected = contents(study.results), contents(finished_once.results)
    # An archive that nothing needs any more is not made again: people delete it to free its space.
    unneeded = {name for name in set(expected) - set(found) if ARCHIVE.fullmatch(name)}
    assert found == {name: content for name, content in expected.items() if name not in unneeded}, (rule, strike, lost)
    assert study.planned() == {}
