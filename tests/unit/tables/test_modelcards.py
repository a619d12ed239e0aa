"""What goes with a network when it is handed on, read as Hugging Face reads it."""

import json
import re
import statistics

import pytest
import yaml

from chaosliver.base.columns import MEASURES
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.tables.modelcards import describe_model

TRAINING = {
    "train_on": ["t2_spir/10", "t2_spir/2", "t1_in_phase/2"],
    "validate_on": ["t2_spir/3"],
    "validation_dice": 0.75,
    "chosen_epoch": 3,
    "seed": 4,
    "network": {"name": "unet", "channels": 8, "dropout": 0.1},
    "recipe": {"epochs": 5, "context": 1, "grid": {"rows": 32, "columns": 48}},
    "outputs": 1,
    "copies_of_held_out": [],
    "leaks": {"copies": 0, "validation_slices": 0},
}
# https://github.com/huggingface/huggingface_hub: REGEX_YAML_BLOCK of repocard.py, version 2.4.0.
HEADER = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")


class Card:
    """A card's metadata, the text of each section, and its title."""

    def __init__(self, text):
        found = HEADER.search(text)
        self.metadata = yaml.safe_load(found[2])
        self.title, *sections = re.split(r"^## ", text[found.end() :], flags=re.MULTILINE)
        self.sections = dict(section.split("\n", 1) for section in sections)

    @property
    def results(self):
        """By sequence and measure: value and name. As huggingface_hub does in model_index_to_eval_results."""
        (model,) = self.metadata["model-index"]
        return {
            result["dataset"]["config"]: {
                metric["type"]: (metric["value"], metric["name"])
                for metric in result["metrics"]
                if result["task"]["type"] == "image-segmentation"
                and result["dataset"]["type"]
                and result["dataset"]["name"]
            }
            for result in model["results"]
        }

    @property
    def table(self):
        """By sequence and measure: mean ± SD, and the number of patients."""
        lines = re.findall(r"^\| (.+) \| (.+) \| (.+) \| (\d+) \|$", self.sections["Evaluation"], flags=re.MULTILINE)
        return {(sequence, measure): (shown, int(patients)) for sequence, measure, shown, patients in lines}


def described(folder, rows, columns=("patient", "sequence", *MEASURES), source="chaos", organ="liver", **training):
    (folder / "card.json").write_text(json.dumps(TRAINING | training))
    write_tsv(folder / "patients.tsv", columns, rows)
    paths = {"card": folder / "card.json", "patients": folder / "patients.tsv", "readme": folder / "README.md"}
    names = {"experiment": "trial", "run": "fold1_seed4"}
    describe_model(**paths, **names, source=source, organ=organ, threshold=0.25)
    return Card((folder / "README.md").read_text(encoding="utf-8"))


def scored(patient, sequence, first):
    """Every measure has a value of its own: `first`, and a tenth more for each further one."""
    return {"patient": patient, "sequence": sequence} | {name: first + n / 10 for n, name in enumerate(MEASURES)}


ROWS = [scored("11", "t2_spir", 0.5), scored("9", "t2_spir", 0.8), scored("9", "t1_in_phase", 0.1)]


def test_each_score_is_the_mean_over_the_patients_that_have_it(tmp_path):
    rows = [dict(row) for row in ROWS]
    rows[0]["assd_mm"] = None
    card = described(tmp_path, rows)
    assert list(card.results) == ["t1_in_phase", "t2_spir"]
    for number, measure in enumerate(MEASURES):
        alone, (value, name) = card.results["t1_in_phase"][measure], card.results["t2_spir"][measure]
        assert alone[0] == pytest.approx(0.1 + number / 10, abs=5e-5) and alone[1].endswith("mean over 1 patient")
        if measure == "assd_mm":
            assert value == pytest.approx(0.8 + number / 10, abs=5e-5) and name.endswith("mean over 1 patient")
        else:
            mean = statistics.fmean((0.5 + number / 10, 0.8 + number / 10))
            assert value == pytest.approx(mean, abs=5e-5) and name.endswith("mean over 2 patients")


def test_the_table_has_mean_sd_and_number_of_patients(tmp_path):
    rows = [dict(row) for row in ROWS]
    rows[0]["assd_mm"] = None
    table = described(tmp_path, rows).table
    assert len(table) == 2 * len(MEASURES)
    # Of 0.7 and 1.0: mean 0.85; half their difference times the root of two is 0.2121.
    assert table["T2-SPIR", "Dice, 3D"] == ("0.850 ± 0.212", 2)
    assert table["T1 in phase", "Dice, 3D"] == ("0.300", 1)
    # The fifth measure, of patient 9 alone.
    assert table["T2-SPIR", "ASSD, mm"] == ("1.20", 1)
    # Of 1.1 and 1.4.
    assert table["T2-SPIR", "MSSD, mm"] == ("1.2 ± 0.2", 2)


def test_a_measure_that_no_patient_has_is_no_result(tmp_path):
    card = described(tmp_path, [scored("7", "t2_spir", 0.5) | {"mssd_mm": None}])
    assert set(card.results["t2_spir"]) == set(MEASURES) - {"mssd_mm"}
    assert card.table["T2-SPIR", "MSSD, mm"] == ("-", 0)


def test_without_held_out_patients_there_is_no_result(tmp_path):
    card = described(tmp_path, [])
    assert card.metadata["model-index"] == [{"name": "chaos-liver-trial-fold1_seed4", "results": []}]
    assert "No patient" in card.sections["Evaluation"] and not card.table


def test_the_metadata_is_that_of_hugging_faces_specification(tmp_path):
    """https://github.com/huggingface/hub-docs: modelcard.md."""
    metadata = described(tmp_path, ROWS, organ="right_kidney").metadata
    assert list(metadata) == [
        *("license", "library_name", "pipeline_tag", "tags", "datasets", "metrics", "model-index"),
    ]
    assert metadata["pipeline_tag"] == "image-segmentation" and metadata["library_name"] == "pytorch"
    assert {"mri", "right kidney", "research-only"} <= set(metadata["tags"])
    assert metadata["metrics"] == list(MEASURES)
    (model,) = metadata["model-index"]
    assert model["name"] == "chaos-liver-trial-fold1_seed4"
    for result, title in zip(model["results"], ("T1 in phase", "T2-SPIR"), strict=True):
        assert result.keys() == {"task", "dataset", "metrics"}
        assert result["task"] == {"type": "image-segmentation", "name": "right kidney segmentation in MRI"}
        assert result["dataset"]["type"] == "CHAOS" and title in result["dataset"]["name"]
        assert all(metric.keys() == {"type", "name", "value"} for metric in result["metrics"])


@pytest.mark.parametrize(("source", "identifier"), [("chaos", "cc-by-nc-sa-4.0"), ("phantom", "mit")])
def test_the_licence_is_that_of_what_was_trained_on_and_of_no_more(tmp_path, source, identifier):
    card = described(tmp_path, ROWS, source=source)
    assert card.metadata["license"] == identifier
    assert card.metadata["datasets"] == [{"chaos": "CHAOS", "phantom": "phantom"}[source]]
    text = card.sections["Training data"] + card.sections["Licence"] + card.sections["Citation"]
    assert ("CC BY-NC-SA 4.0" in card.sections["Training data"]) == (source == "chaos")
    assert ("10.5281/zenodo.3431873" in text) == ("10.1016/j.media.2020.101950" in text) == (source == "chaos")
    assert ("no wider permission" in card.sections["Licence"]) == (source == "chaos")
    assert ("say nothing about patients" in card.sections["Limitations"]) == (source == "phantom")


def test_it_says_what_it_is_for_and_that_it_is_not_for_the_clinic(tmp_path):
    card = described(tmp_path, ROWS)
    assert card.title.strip() == "# trial, fold1_seed4: liver segmentation in abdominal MRI"
    assert list(card.sections) == [
        *("Intended use", "Training data", "Training", "Evaluation", "Limitations", "How to load it"),
        *("Licence", "Citation"),
    ]
    assert "**Not for clinical use.**" in card.sections["Intended use"]


def test_patients_are_named_by_role_and_sequence(tmp_path):
    card = described(tmp_path, ROWS)
    trained, validated = card.sections["Training data"].split("Validated on:")
    assert re.findall(r"^- (.*)$", trained, re.MULTILINE) == [
        "T1 in phase: 1 patient (2)",
        "T2-SPIR: 2 patients (2, 10)",
    ]
    assert re.findall(r"^- (.*)$", validated, re.MULTILINE) == ["T2-SPIR: 1 patient (3)"]
    held_out = re.findall(r"^- (.*)$", card.sections["Evaluation"], re.MULTILINE)
    assert held_out == ["T1 in phase: 1 patient (9)", "T2-SPIR: 2 patients (9, 11)"]
    # Two patients were trained on, each of one or two sequences, and two others held out.
    assert "- 2 patients to train on and 2 held out" in card.sections["Limitations"]
    assert "Dice, 3D, on the validation patients: 0.750" in card.sections["Evaluation"]


def test_without_validation_none_is_claimed(tmp_path):
    card = described(tmp_path, ROWS, validate_on=[], validation_dice=None)
    assert card.sections["Training data"].rstrip().endswith("Validated on:\n\n- none")
    assert "validation" not in card.sections["Evaluation"]


def test_leaks_stand_among_the_limits(tmp_path):
    limits = described(tmp_path, ROWS).sections["Limitations"]
    assert "too good" not in limits
    copied = described(tmp_path, ROWS, copies_of_held_out=["t2_spir/9/a", "t2_spir/9/b", "t2_spir/11/a"])
    assert "Trained on 3 slices of held-out patients as well: the scores are too good" in copied.sections["Limitations"]
    by_slice = described(tmp_path, ROWS, leaks={"copies": 0, "validation_slices": 0.2})
    assert "the validation Dice is too good" in by_slice.sections["Limitations"]


def test_it_says_what_goes_in_and_what_comes_out(tmp_path):
    card = described(tmp_path, ROWS)
    assert "Network `unet` (channels 8, dropout 0.1), seed 4; weights of epoch 3 of 5" in card.sections["Training"]
    assert "[batch, 3, 32, 48]" in card.sections["How to load it"]
    assert "a probability of at least 0.25 is liver" in card.sections["How to load it"]
    several = described(tmp_path, ROWS, organ="left_kidney", outputs=4)
    assert "the first of 4 outputs is the left kidney" in several.sections["How to load it"]


def test_a_table_without_the_measures_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"patients\.tsv: lacks the column.* assd_mm"):
        described(tmp_path, [], columns=("patient", "sequence", "dice_3d"))
