"""Findings that a configuration accepts: by which patients and flags, and what is wrong with them."""

import re
from pathlib import Path

import pytest
import yaml
from unit.study.configs import ROOT, SCHEMA, change, load

from chaosliver.base.errors import InputError
from chaosliver.prepare import findings
from chaosliver.study.acceptance import ACCEPTABLE, accepted_findings
from chaosliver.study.configuration import check_config
from chaosliver.study.plan import Plan


def with_accepted(text):
    """The default configuration with `accept_findings` as it stands in YAML."""
    return load("config") | {"accept_findings": yaml.safe_load(text)}


@pytest.mark.parametrize("key", ["5", '"5"'])
def test_a_patients_number_may_stand_without_quotes(key):
    config = with_accepted(f"{{{key}: [identical-masks, mask-order]}}")
    check_config(config, SCHEMA)
    assert accepted_findings(config, ["1", "5"]) == {"5": ["identical-masks", "mask-order"]}


def test_what_two_files_accept_of_a_patient_is_accepted_together():
    config = with_accepted('{5: [mask-order], "5": [identical-masks, mask-order]}')
    assert accepted_findings(config, ["5"]) == {"5": ["mask-order", "identical-masks"]}


def test_a_patient_who_is_not_in_the_sheet_is_named():
    words = r"accept_findings\.99: config/patients\.tsv lacks this patient.*Known: 1, 2, 3"
    with pytest.raises(InputError, match=words):
        Plan.of(with_accepted("{99: [mask-order]}"), SCHEMA)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"5": ["unreadable"]}, r"accept_findings\.5\.0: 'unreadable' is not one of \['identical-masks', "),
        ({5: ["unreadable"]}, r"accept_findings\.5\.0: 'unreadable' is not one of"),
        ({"5": "mask-order"}, r"accept_findings\.5: 'mask-order' is not of type 'array'"),
        ({"5": []}, r"accept_findings\.5: \[\] should be non-empty"),
        ({True: ["mask-order"]}, r"accept_findings: True is not of type 'string', 'integer'"),
        ([5], r"accept_findings: \[5\] is not of type 'object'"),
        (None, r"accept_findings: None is not of type 'object'"),
    ],
)
def test_what_cannot_be_accepted_is_named_by_its_key(value, words):
    with pytest.raises(InputError, match=words):
        check_config(change(load("config"), "accept_findings", value), SCHEMA)


def test_jobs_are_told_what_is_accepted_of_their_patients_alone():
    plan = Plan.of(with_accepted("{5: [mask-order], 2: [identical-masks]}"), SCHEMA)
    assert plan.accepted_of("5") == ["mask-order"]
    assert plan.accepted_of("1") == []
    assert plan.accepted_in("development") == plan.accepted == {"5": ["mask-order"], "2": ["identical-masks"]}
    assert plan.accepted_in("test") == {}


def test_every_flag_that_can_be_accepted_is_one_of_quality_control_and_is_explained():
    code = "".join(path.read_text() for path in Path(findings.__file__).parent.glob("*.py"))
    explained = (ROOT / "config/README.md").read_text()
    for flag in ACCEPTABLE:
        assert re.search(rf'(error|warning)\([^)]*"{flag}"', code), flag
        assert f"`{flag}`" in explained
