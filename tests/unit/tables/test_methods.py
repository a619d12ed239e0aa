"""The methods say what was run."""

import json
import re
from pathlib import Path

import pytest
import yaml

from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import resolve_experiments
from chaosliver.tables.methods import REFERENCES, write_methods

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def study():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    return {
        "patients": {"1": ["development", ["t1_in_phase", "t2_spir"]], "2": ["test", ["t1_in_phase"]]},
        "phantom": False,
        **{table: config[table] for table in ("encodings", "splits", "augmentations")},
        "experiments": {name: experiment.plain() for name, experiment in resolve_experiments(config, schema).items()},
    }


def written(study, tmp_path, *versions):
    cards = [tmp_path / f"{number}.json" for number in range(len(versions))]
    for card, packages in zip(cards, versions, strict=True):
        card.write_text(json.dumps({"versions": packages}))
    write_methods(page=tmp_path / "methods.html", study=study, cards=cards)
    page = (tmp_path / "methods.html").read_text(encoding="utf-8")
    return page, re.sub("<[^>]+>", "", page)


def test_every_experiment_of_the_default_study_is_described(study, tmp_path):
    page, text = written(study, tmp_path, {"torch": "2"})
    for name in study["experiments"]:
        assert f"<b>{name}.</b>" in page
    assert "1 patient of the development cohort (1 with T1 in phase, 1 with T2-SPIR) and 1 patient of the test" in text
    assert (
        "five_fold_validated: 5 folds by patient, each held out once; 2 patients of the training side for validation"
        in text
    )
    assert "20% of the training patients&#x27; slices for validation" in text
    assert "published: 4 patients held out; the held-out patients for validation as well; 11.2% of the held-out" in text
    assert "original after 19 epochs." in text
    assert "400 samples by Augmentor (reference 3; rotation by up to 10 degrees at 0.85, mirroring at 0.55" in text
    assert "8bit_published: 8 bit, each slice drawn on 256 x 256 pixels, its second largest grey value white" in text
    assert "the weights of the last epoch were taken" in text and "highest validation Dice were taken" in text
    assert "raw grey values" in text
    assert "in place of the originals, masks left grey" in text
    assert "160 x 224 pixels at 1.8 mm, 3 neighbouring slices" in text
    assert "rising over the first 4 epochs, weight decay 0.01, gradients clipped to a norm of 5" in text
    assert "A pixel is scored by its grey logit, rounded to three places for a slice, as in the original study." in text
    assert "CC BY-NC-SA 4.0" in text and "MIT licence" in text


def test_the_first_experiment_is_described_in_full_and_the_others_by_what_differs(study, tmp_path):
    page, _ = written(study, tmp_path)
    told = dict(re.findall(r"<p><b>(\w[^<]*)\.</b> ([^<]*)</p>", page))
    assert told["16bit_clipped"] == "As original, but: Scored on T1 in phase. Encoding 16bit, split five_fold."
    assert told["spleen"] == "As original, but: Segmented: spleen. Scored on T1 in phase."
    assert told["t2"].startswith("As original, but: Trained on T2-SPIR.")
    for words in ("Segmented: liver.", "Trained on T1 in phase.", "U-Net (reference 4)", "Adam", "Random seed"):
        assert words in told["original"]


def test_every_reference_is_cited_by_its_number(study, tmp_path):
    _, text = written(study, tmp_path)
    cited = {int(number) for listed in re.findall(r"references? ([\d and]+)", text) for number in listed.split(" and ")}
    assert cited == set(range(1, len(REFERENCES) + 1))


def test_a_phantom_is_called_one_and_mixed_versions_are_named(study, tmp_path):
    _, text = written({**study, "phantom": True}, tmp_path, {"torch": "2.13"}, {"torch": "2.14"})
    assert "The slices are a phantom" in text and "CC BY-NC-SA" not in text
    assert "trainings with torch 2.13 and 2.14" in text


def test_what_the_configuration_says_cannot_break_the_page(study, tmp_path):
    experiments = {"<b>": study["experiments"]["original"]}
    page, _ = written({**study, "experiments": experiments}, tmp_path)
    assert "&lt;b&gt;" in page
