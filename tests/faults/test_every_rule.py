"""A job of every rule is killed while it writes; the study, called again, ends with the bytes of an undisturbed one."""

import random
import re
import signal

import pytest
from faults.conftest import SEED, TARGETS, contents, everything, writes_of
from workflow.conftest import ROOT

pytestmark = pytest.mark.faults

# A rule that the plan of `everything` does not hold has a test elsewhere.
ELSEWHERE = {
    "download_archive": "test_download.py",
    "fetch_niivue": "it needs npm's registry",
    "verify": "test_every_rule.py::test_a_check_that_is_killed_has_changed_nothing",
    "check_submission": "it makes nothing, like verify",
}
# More than the longest chain of rules, each of which costs one more call.
CALLS = 30


def rules_with_jobs():
    """The rules that run a script."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    return [
        name for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", text, re.MULTILINE) if "script:" in body
    ]


RULES = [rule for rule in rules_with_jobs() if rule not in ELSEWHERE]


def strikes_on(undisturbed, number):
    """At which write each rule is struck, and how much of the file before is on disk then."""
    chance = random.Random(SEED)
    return {
        rule: {"at": chance.randint(1, count), "torn": chance.choice([None, 0.0, chance.random()]), "signal": number}
        for rule, count in sorted(writes_of(undisturbed).items())
    }


class Struck:
    """Every rule's first job is struck once; jobs that do not depend on it go on."""

    number: signal.Signals

    @pytest.fixture(scope="class")
    @classmethod
    def after(cls, undisturbed, tmp_path_factory):
        study = everything(tmp_path_factory.mktemp(cls.number.name) / "study")
        environment = study.arm(strikes=strikes_on(undisturbed, cls.number))
        printed = []
        for _ in range(CALLS):
            status, said = study.start("--rerun-incomplete", "--resources", "gpu=2", *TARGETS, **environment)
            printed.append(said)
            if status == 0:
                break
        assert status == 0, said[-5000:]
        return study, contents(study.results), "\n".join(printed)

    @pytest.mark.parametrize("rule", RULES)
    def test_a_struck_job_is_made_again_to_the_same_bytes(self, undisturbed, after, rule):
        study, made, printed = after
        assert rule in study.struck()
        # A training that SIGTERM reaches with its last epoch done ends well.
        assert rule == "train" or re.search(rf"^ERROR {rule}\b.*ended without a word", printed, re.MULTILINE)
        assert made == contents(undisturbed.results)

    def test_nothing_is_left_to_do_and_no_half_file(self, after):
        study, _, _ = after
        assert study.planned(*TARGETS) == {}
        assert [path for path in study.results.rglob("*.partial.*") if path.is_file()] == []


class TestSIGKILL(Struck):
    number = signal.SIGKILL


class TestSIGTERM(Struck):
    number = signal.SIGTERM


def test_every_rule_of_the_workflow_is_struck_here_or_elsewhere(undisturbed):
    assert set(writes_of(undisturbed)) == set(RULES)


def test_a_check_that_is_killed_has_changed_nothing(broken, undisturbed):
    """`verify` writes nothing but its log, so it is killed as it begins that."""
    environment = broken.arm(strikes={"verify": {"at": 1, "signal": 9}}, logs_count=True)
    broken.fail("--", "verify", **environment)
    assert broken.struck() == {"verify"}
    assert contents(broken.results) == contents(undisturbed.results)
    assert "all is as it was made" in broken.succeed("--", "verify")
