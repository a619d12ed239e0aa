"""The name of a run tells its fold and seed."""

import re

import pytest

from chaosliver.study.runs import RUN_PATTERN, TEST_COHORT, Run, labels_of


def test_a_run_is_known_by_its_name():
    assert Run("original", "3", "12").name == "fold3_seed12"
    assert Run.parse("original", "fold3_seed12") == ("original", "3", "12")


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("fold3_seed12", True),
        (TEST_COHORT, True),
        ("fold_seed1", False),
        ("fold1_seed", False),
        ("fold0_seed1/x", False),
    ],
)
def test_the_pattern_matches_names_of_runs_alone(name, matches):
    assert bool(re.fullmatch(RUN_PATTERN, name)) == matches


def test_tables_tell_runs_by_fold_and_seed_and_call_the_test_cohorts_all():
    assert labels_of("original", "fold3_seed12") == {"experiment": "original", "fold": "3", "seed": "12"}
    assert labels_of("original", TEST_COHORT) == {"experiment": "original", "fold": "all", "seed": "all"}
