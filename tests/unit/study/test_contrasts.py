"""The plan's contrasts are whole whatever the study runs, and name only what can be compared."""

import pytest
from unit.study.configs import SCHEMA

from chaosliver.base.errors import InputError
from chaosliver.study.contrasts import contrasts_of
from chaosliver.study.experiments import resolve_experiments


def contrast(experiment, against, sequence="t1_in_phase"):
    return {"question": "asked", "experiment": experiment, "against": against, "sequence": sequence}


def asked(config, *contrasts):
    config["analysis"]["contrasts"] = list(contrasts)
    return contrasts_of(resolve_experiments(config, SCHEMA), config)


def test_the_default_study_runs_all_eight(config):
    experiments = resolve_experiments(config, SCHEMA)
    contrasts = contrasts_of(experiments, config)
    assert [(each["experiment"], each["against"], each["sequence"]) for each in contrasts] == [
        ("8bit_by_volume", "16bit_clipped", "t1_in_phase"),
        ("original", "not_augmented_equal_steps", "t1_in_phase"),
        ("original", "dropout_0", "t1_in_phase"),
        ("original_epoch39", "original", "t1_in_phase"),
        ("t1_and_t2_doubled", "original", "t1_in_phase"),
        ("t1_and_t2_doubled", "t2", "t2_spir"),
        ("fast", "original", "t1_in_phase"),
        ("published_five_fold", "original", "t1_in_phase"),
    ]
    assert {name for each in contrasts for name in (each["experiment"], each["against"])} <= set(experiments)


def test_a_study_that_runs_some_keeps_the_whole_family(config):
    config["study"] = ["original", "dropout_0"]
    whole = config["analysis"]["contrasts"]
    assert len(whole) == 8
    assert contrasts_of(resolve_experiments(config, SCHEMA), config) == whole


def test_a_snapshot_that_the_study_does_not_take_is_not_unknown(config):
    config["study"] = ["fast"]
    assert len(asked(config, contrast("original_epoch39", "fast"))) == 1


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (contrast("orignal", "fast"), r"no experiment is named 'orignal'. Known: .*original"),
        (contrast("original", "fast_epoch"), r"no experiment is named 'fast_epoch'"),
        (contrast("original", "fast_epochs5"), r"no experiment is named 'fast_epochs5'"),
        (contrast("original", "original"), "compares an experiment with itself. Name two"),
        (contrast("original", "spleen"), "original and spleen segment different organs. Contrast experiments of one"),
        (contrast("original", "fast", "t2_spir"), "fast is not scored on t2_spir. Name it in its score_on, or another"),
        (contrast("dropout_0", "original", "t2_spir"), "dropout_0 is not scored on t2_spir"),
    ],
)
def test_what_cannot_be_contrasted_is_named(config, wrong, fault):
    with pytest.raises(InputError, match=f"config key analysis.contrasts, 'asked': {fault}"):
        asked(config, wrong)


def test_one_question_is_asked_once(config):
    again = contrast("original", "fast") | {"question": "again"}
    other_way = contrast("fast", "original")
    assert len(asked(config, contrast("original", "fast"), other_way, contrast("original", "t2"))) == 3
    with pytest.raises(InputError, match=r"contrasts, 'again': is asked twice\. Leave one out"):
        asked(config, contrast("original", "fast"), again)
