"""The methods say what was run."""

import html
import re
from pathlib import Path

import pytest
import yaml

from chaosliver.base.cards import write_card
from chaosliver.base.columns import VERDICT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import resolve_experiments
from chaosliver.tables.methods import epoch_rule, plan_in_words, write_methods
from chaosliver.tables.references import CODE_LICENCE, LICENCE, METRICS, NO_PLAN, PHANTOM, REFERENCES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def study():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    return {
        "patients": {"1": ["development", ["t1_in_phase", "t2_spir"]], "2": ["test", ["t1_in_phase"]]},
        "phantom": False,
        "surface_tolerance_mm": 2.5,
        "analysis": {"margin": 0.025, "contrasts": []},
        **{table: config[table] for table in ("encodings", "splits", "augmentations")},
        "experiments": {name: experiment.plain() for name, experiment in resolve_experiments(config, schema).items()},
    }


def written(study, tmp_path, *versions):
    """The page, and its text, where each version stands in a training of both experiments that choose their epoch."""
    cards = [
        tmp_path / name / str(number) / "card.json"
        for name in ("validation_by_patient", "validation_by_slice")
        for number in range(len(versions or ({},)))
    ]
    for card in cards:
        card.parent.mkdir(parents=True, exist_ok=True)
        number = int(card.parent.name)
        packages = versions[number] if versions else {}
        write_card(card, {"versions": packages, "chosen_epoch": 30 + number})
    write_tsv(tmp_path / "verdicts.tsv", VERDICT_COLUMNS, [])
    write_methods(page=tmp_path / "methods.html", study=study, cards=cards, verdicts_table=tmp_path / "verdicts.tsv")
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
    assert "400 samples by Augmentor (reference 3; rotation by up to 10 degrees with probability 0.85, mirro" in text
    assert "mirroring with probability 0.55" in text
    assert "8bit_published: 8 bit, each slice drawn on 256 x 256 pixels by nearest neighbour, its second" in text
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


def only(study, **changes):
    """The experiment `original` alone, with other tables' entries."""
    return {"original": {**study["experiments"]["original"], **changes}}


def paragraphs(page: str) -> dict[str, str]:
    """The text of each paragraph of a page by its heading."""
    found = re.findall(r"<h2>([^<]*)</h2>\n<p>(.*?)</p>", page)
    return {title: html.unescape(text) for title, text in found}


PATIENTS = {
    "1": ["development", ["t1_in_phase", "t2_spir"]],
    "2": ["development", ["t1_in_phase"]],
    "3": ["development", ["t1_in_phase", "t2_spir"]],
    "9": ["test", ["t1_out_of_phase"]],
}
ENCODINGS = {
    "drawn": {"bits": 8, "scaling": "drawn", "brightest_to_zero": False},
    "published": {"bits": 8, "scaling": "drawn", "brightest_to_zero": True},
    "by_volume": {"bits": 8, "scaling": "volume", "percentiles": [0.5, 99.5]},
    "by_slice": {"bits": 8, "scaling": "slice", "percentiles": [1, 98]},
    "exact": {"bits": 16, "percentiles": [2, 97.5]},
}
SPLITS = {
    "a": ({"folds": 5, "validation": 0, "seed": 1}, "5 folds by patient, each held out once; no validation (seed 1)."),
    "b": (
        {"folds": 4, "validation": 2, "seed": 2},
        "4 folds by patient, each held out once; 2 patients of the training side for validation (seed 2).",
    ),
    "c": (
        {"test": 1, "validation": 1, "seed": 3},
        "1 patient held out; 1 patient of the training side for validation (seed 3).",
    ),
    "d": (
        {"test": ["1", "31"], "validation": 0, "validation_slices": 0.25, "seed": 4},
        "patients 1, 31 held out; 25% of the training patients' slices for validation (seed 4).",
    ),
    "e": (
        {"test": 4, "validation": "held_out", "copies": 0.1125, "seed": 5},
        "4 patients held out; the held-out patients for validation as well; 11.2% of the held-out patients' slices "
        "were trained on as well (seed 5).",
    ),
}


def test_data_splits_and_software_by_hand(study, tmp_path):
    study |= {
        "patients": PATIENTS,
        "encodings": ENCODINGS,
        "splits": {name: split for name, (split, _) in SPLITS.items()},
        "experiments": only(study, encoding="drawn", split="a"),
    }
    page, _ = written(study, tmp_path, {"torch": "2.13", "numpy": "2.4"}, {"torch": "2.9", "numpy": "2.4"})
    text = paragraphs(page)
    drawn = (
        "8 bit, each slice drawn on 256 x 256 pixels by nearest neighbour, its second largest grey value white, "
        "brighter pixels"
    )
    assert text["Data"] == (
        "Slices of the CHAOS challenge's MRI (references 1 and 2): 3 patients of the development cohort (3 with T1 in "
        "phase, 2 with T2-SPIR) and 1 patient of the test cohort (1 with T1 out of phase). Images and ground truth "
        "were paired by name and place along z; masks are grey ranges of the ground truth. Encodings: "
        f"drawn: {drawn} white as well. published: {drawn} black. "
        "by_volume: 8 bit, window from the 0.5 to the 99.5 percentile of the volume. "
        "by_slice: 8 bit, window from the 1 to the 98 percentile of the slice. "
        "exact: exact 16-bit values, window from the 2 to the 97.5 percentile of the volume."
    )
    assert text["Split"] == " ".join(f"{name}: {words}" for name, (_, words) in SPLITS.items())
    assert text["Software"] == (
        "Every step ran in Snakemake (reference 5); trainings with numpy 2.4, torch 2.13 and 2.9."
    )
    filled = {"{tolerance_mm:g}": "2.5", "{resamples}": "10,000", "{seed}": "1", "{fewest}": "6"}
    assert text["Measures and statistics"] == re.sub(r"{[^}]+}", lambda found: filled[found[0]], METRICS)
    assert text["Plan of analysis"] == NO_PLAN
    assert text["Licence"] == f"{LICENCE} {CODE_LICENCE}"


def test_the_sections_stand_in_the_order_of_a_paper(study, tmp_path):
    page, _ = written({**study, "phantom": True}, tmp_path)
    assert re.findall(r"<h2>([^<]*)</h2>", page) == [
        *("Data", "Split", "Training", "Epochs", "Measures and statistics", "Plan of analysis"),
        *("Deviations from the original study", "Software", "References", "Licence"),
    ]
    assert "<title>Methods</title>" in page and "<h1>Methods</h1>" in page
    assert paragraphs(page)["Data"].startswith("Slices of a phantom: 1 patient of the development cohort")
    assert paragraphs(page)["Licence"] == f"{PHANTOM} {CODE_LICENCE}"
    (listed,) = re.findall(r"<ol>(.*)</ol>", page)
    assert html.unescape(listed) == "".join(f"<li>{reference}</li>" for reference in REFERENCES)
    assert {"<h2>Training</h2>", "<h2>References</h2>"} <= set(page.splitlines())
    experiment = next(iter(study["experiments"]))
    assert f"\n<p><b>{experiment}.</b> Segmented: liver." in page


def test_a_cohort_without_patients_is_not_told(study, tmp_path):
    page, _ = written({**study, "patients": {"1": ["development", ["t2_spir"]]}}, tmp_path)
    assert "(references 1 and 2): 1 patient of the development cohort (1 with T2-SPIR). Images" in page


def test_a_split_says_how_often_its_folds_were_drawn(study, tmp_path):
    splits = {
        name: {"folds": 3, "validation": 0, "seed": 4, **draws}
        for name, draws in {"none": {}, "one": {"draws": 1}, "two": {"draws": 2}, "four": {"draws": 4}}.items()
    }
    _, text = written({**study, "splits": splits, "experiments": only(study, split="none")}, tmp_path)
    for name in ("none", "one"):
        assert f"{name}: 3 folds by patient, each held out once; no validation (seed 4)." in text
    for name, times in (("two", "twice"), ("four", "4 times")):
        told = (
            f"{name}: 3 folds by patient, drawn {times}, each patient held out once per draw; no validation (seed 4)."
        )
        assert told in text


VERDICTS = [
    {"verdict": "better", "detectable_difference": "0.0314"},
    {"verdict": "undecided", "detectable_difference": "0.0187"},
    {"verdict": "undecided", "detectable_difference": ""},
    {"verdict": "not run", "detectable_difference": ""},
]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (VERDICTS, ("4 contrasts of the 3D Dice, 3 of them run", "0.019 to 0.031 with a probability of 80 %")),
        (VERDICTS[:1], ("1 contrast of the 3D Dice, all run", "difference of 0.031 with a probability of 80 %")),
        (VERDICTS[3:], ("1 contrast of the 3D Dice, 0 of them run", "no detectable difference is known")),
    ],
)
def test_the_plan_says_its_margin_what_was_run_and_what_its_tests_could_find(study, rows, said):
    text = plan_in_words(study, rows)
    for words in (*said, "within 0.025 either way"):
        assert words in text


def test_a_study_without_contrasts_claims_no_plan(study):
    assert "without a test, a margin of equivalence or a detectable difference" in plan_in_words(study, [])


def test_the_epochs_that_validation_chose_are_those_of_the_cards(study):
    cards = [("validation_by_patient", {"chosen_epoch": epoch}) for epoch in (31, 7, 12)]
    cards += [("validation_by_slice", {"chosen_epoch": 40}), ("original", {"chosen_epoch": 79})]
    names = ("original", "validation_by_patient", "validation_by_slice")
    three = {**study, "experiments": {name: study["experiments"][name] for name in names}}
    assert epoch_rule(three, cards) == (
        "The number of epochs is a setting of each experiment, fixed before its training. Validation chose epochs 7 to "
        "31 of 79 in validation_by_patient. Validation chose epoch 40 of 79 in validation_by_slice."
    )
    assert epoch_rule({**study, "experiments": only(study)}, cards).endswith(
        "training. No training chose among its epochs by validation."
    )


def test_held_out_patients_that_were_watched_are_named(study):
    watched = {**study["experiments"]["original"], "split": "published"}
    experiments = {"a": watched, "b": study["experiments"]["original"], "c": watched}
    experiments["c_epoch19"] = {**watched, "snapshot": {"of": "c", "epoch": 19}}
    text = epoch_rule({**study, "experiments": experiments}, [])
    assert text.endswith("training. The held-out patients were watched, and chose nothing, in a and c.")


def test_a_study_with_a_plan_says_where_it_asks_for_flat_curves(study):
    alone = {**study, "experiments": only(study)}
    planned = {**alone, "analysis": {"margin": 0.02, "contrasts": [{"question": "x"}]}}
    assert "docs/analysis_plan.md" in epoch_rule(planned, [])
    assert "docs/analysis_plan.md" not in epoch_rule(alone, [])


def test_an_epoch_chosen_by_the_held_out_patients_themselves_is_called_that(study):
    chosen = {**study["experiments"]["validation_by_patient"], "split": "published"}
    text = epoch_rule({**study, "experiments": {"x": chosen}}, [("x", {"chosen_epoch": 3})])
    assert text.endswith("Validation chose epoch 3 of 79 in x, on the very patients that are held out.")
