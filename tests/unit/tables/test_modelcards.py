"""What goes with a network when it is handed on: for people, and for Hugging Face's own reader."""

import re

import pytest
import torch
from huggingface_hub import ModelCard, metadata_load

from chaosliver.base.cards import write_card
from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.network.models import save_model
from chaosliver.tables.modelcards import describe_model

TRAINING = {
    "train_on": ["t1_in_phase/1", "t2_spir/1", "t2_spir/10", "t2_spir/3"],
    "validate_on": ["t2_spir/2"],
    "validation_dice": 0.75,
    "leaks": {"validation_slices": 0},
    "copies_of_held_out": [],
    "chosen_epoch": 2,
    "versions": {"torch": "2.0", "numpy": "1.0"},
    "network": {"name": "unet", "channels": 2, "depth": 1, "dropout": 0.0},
    "recipe": {
        "epochs": 3,
        "context": 1,
        "grid": {"rows": 16, "columns": 32, "spacing_mm": None},
        "normalisation": "window",
    },
}
SETTINGS = {
    "organ": "right_kidney",
    "other_organs": [],
    "threshold": 0.25,
    "largest_component": False,
    "scores": "mask",
    "encoding": {"bits": 16, "percentiles": [1, 99]},
}


def scored(patient, sequence, first, fold="1", seed="4"):
    """Every measure has a value of its own: `first`, and a tenth more for each further one."""
    named = {"experiment": "kidney", "fold": fold, "seed": seed, "cohort": "development"}
    values = {name: first + n / 10 for n, name in enumerate(MEASURES)}
    return dict.fromkeys(PATIENT_COLUMNS) | named | {"patient": patient, "sequence": sequence} | values


# Of fold 1 and seed 4, which is described, and of the experiment's other networks.
OWN = [scored("7", "t2_spir", 0.5), scored("9", "t2_spir", 0.75), scored("7", "t1_in_phase", 0.125)]
OTHERS = [
    [scored("8", "t2_spir", 0.25, fold="0")],
    [scored("7", "t2_spir", 0.625, seed="5"), scored("9", "t2_spir", 0.75, seed="5")],
]


def described(folder, own=OWN, others=OTHERS, source="chaos", settings=SETTINGS, columns=PATIENT_COLUMNS, **training):
    write_card(folder / "card.json", TRAINING | training)
    tables = [folder / f"{number}.tsv" for number in range(1 + len(others))]
    for table, rows in zip(tables, [own, *others], strict=True):
        write_tsv(table, columns, rows)
    files = {"card": folder / "card.json", "patients": tables, "readme": folder / "README.md"}
    describe_model(**files, settings=settings, source=source, experiment="kidney", run="fold1_seed4")
    return ModelCard.load(folder / "README.md")


def sections_of(card):
    title, *sections = re.split(r"^## (.*)\n\n", card.text, flags=re.MULTILINE)
    return {"": title, **dict(zip(sections[::2], sections[1::2], strict=True))}


def test_hugging_face_reads_the_metadata(tmp_path):
    card = described(tmp_path)
    header = metadata_load(tmp_path / "README.md")
    assert card.data.to_dict().keys() == header.keys()
    assert {key: header[key] for key in header if key not in ("model-index", "tags")} == {
        "license": "cc-by-nc-sa-4.0",
        "library_name": "chaos-liver",
        "pipeline_tag": "image-segmentation",
        "datasets": ["chaos"],
        "metrics": ["dice"],
    }
    assert "right-kidney" in header["tags"]
    assert card.data.model_name == "kidney/fold1_seed4"


def test_the_results_for_hugging_face_are_those_of_the_network_itself(tmp_path):
    results = described(tmp_path).data.eval_results
    found = {(result.dataset_name, result.metric_type): result.metric_value for result in results}
    for number, measure in enumerate(MEASURES):
        # Patients 7 and 9, of fold 1 and seed 4 alone: 0.5 and 0.75.
        assert found.pop(("CHAOS, T2-SPIR", measure)) == pytest.approx(0.625 + number / 10)
        assert found.pop(("CHAOS, T1 in phase", measure)) == pytest.approx(0.125 + number / 10)
    assert found == {}
    assert {result.task_type for result in results} == {"image-segmentation"}
    assert {result.dataset_type for result in results} == {"chaos"}
    assert results[0].metric_type == "dice_3d"


def test_a_measure_that_no_patient_has_is_no_result(tmp_path):
    results = described(tmp_path, [OWN[0] | {"mssd_mm": None}]).data.eval_results
    assert {result.metric_type for result in results} == set(MEASURES) - {"mssd_mm"}


def test_the_evaluation_has_the_network_beside_all_of_its_experiment(tmp_path):
    text = sections_of(described(tmp_path))["Evaluation"]
    assert "(2 folds, 2 seeds)" in text and "at least 6 patients" in text
    t2, t1 = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert t2.startswith("| T2-SPIR | this network, 2 patients | all networks, 3 patients |")
    # 3D Dice is the third measure: 0.7 and 0.95 here; 7 is 0.7625 over its seeds, 9 is 0.95, and 8 is 0.45.
    assert "| Dice, 3D | 0.825 ± 0.177 | 0.721 ± 0.253 |" in t2
    assert t1.startswith("| T1 in phase | this network, 1 patient | all networks, 1 patient |")
    assert "| Dice, 3D | 0.325 | 0.325 |" in t1


def test_the_training_says_its_data_split_and_versions(tmp_path):
    text = sections_of(described(tmp_path))["Training"]
    assert "- data: CHAOS, T1 in phase of 1 patient (1); T2-SPIR of 3 patients (1, 3, 10)\n" in text
    assert "- validated on: 1 other patient, Dice 0.750 at the network's resolution\n" in text
    assert "- held out: 2 patients (7, 9)\n" in text
    assert "- images: exact 16-bit values, window from the 1 to the 99 percentile of the volume\n" in text
    assert "- epochs: 3, weights of epoch 2\n" in text
    assert "- versions: numpy 1.0, torch 2.0\n" in text


def test_a_snapshot_has_its_own_number_of_epochs(tmp_path):
    text = sections_of(described(tmp_path, snapshot_of={"epoch": 1, "card_sha256": "a"}, chosen_epoch=1))["Training"]
    assert "- epochs: 1, weights of epoch 1\n" in text


def test_without_validation_there_is_no_dice_of_it(tmp_path):
    text = sections_of(described(tmp_path, validate_on=[], validation_dice=None))["Training"]
    assert "- validated on: nothing\n" in text


def test_the_title_names_the_network_and_what_it_segments(tmp_path):
    text = sections_of(described(tmp_path, settings=SETTINGS | {"other_organs": ["liver", "left_kidney"]}))[""]
    assert "# chaos-liver: kidney, fold 1, seed 4\n" in text
    assert "(`unet`, channels 2, depth 1, dropout 0.0) that segments the right kidney " in text
    assert "without being scored: liver and left kidney." in text
    assert "without being scored" not in sections_of(described(tmp_path))[""]


def test_the_licence_is_that_of_the_data_and_no_more_is_claimed(tmp_path):
    sections = sections_of(described(tmp_path))
    assert re.search(r"CHAOS data .* are under CC BY-NC-SA 4\.0: .* is not settled; ", sections["Licence"])
    assert "10.5281/zenodo.3431873" in sections["Citation"] and "10.1016/j.media.2020.101950" in sections["Citation"]
    assert re.match(
        r"Research .*\n\n\*\*Not for clinical use\.\*\* .* no medical device: .* not tested\.", sections["Intended use"]
    )
    assert "one hospital" in sections["Limitations"]


def test_a_phantoms_network_is_under_the_workflows_licence_and_says_nothing_about_patients(tmp_path):
    card = described(tmp_path, source="phantom")
    assert (card.data.license, card.data.datasets) == ("mit", ["chaos-liver-phantom"])
    assert {result.dataset_name for result in card.data.eval_results} == {"phantom, T1 in phase", "phantom, T2-SPIR"}
    assert "CHAOS" not in card.content
    assert "say nothing about patients" in sections_of(card)["Limitations"]


def test_limits_count_the_patients_and_tell_repeated_errors(tmp_path):
    limits = sections_of(described(tmp_path))["Limitations"]
    assert (
        "It learned from 3 patients, and its scores are those of 2 others of the same data: that is no external test."
        in limits
    )
    assert "error" not in limits and "logits" not in limits
    copies = {"copies_of_held_out": ["t2_spir/7/a", "t2_spir/9/b"]}
    limits = sections_of(described(tmp_path, settings=SETTINGS | {"scores": "logits"}, **copies))["Limitations"]
    assert "trained on 2 slices of the held-out patients as well" in limits
    assert "Dice was computed from grey logits" in limits
    assert "validated on slices" not in limits
    limits = sections_of(described(tmp_path, validate_on=[], leaks={"validation_slices": 0.2}))["Limitations"]
    assert "validated on slices of patients that it was trained on" in limits


def test_the_network_is_loaded_as_the_card_says(tmp_path, monkeypatch):
    """The code of the card runs, in the folder of the model, on images of the size that it gives."""
    from chaosliver.network.architectures.registry import build_network

    tensors = build_network(TRAINING["network"] | {"inputs": 3, "outputs": 1}).state_dict()
    text = sections_of(described(tmp_path))["How to load it"]
    save_model(tmp_path / "card.json", tmp_path / "weights.safetensors", tensors, TRAINING | {"outputs": 1})
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    found = {}
    exec(code, found)
    assert found["logits"].shape == (1, 16, 32) and torch.isfinite(found["logits"]).all()
    assert "16 x 32 pixels, 3 neighbouring slices" in text
    assert "probability is 0.25 or more." in text


def test_a_table_without_the_measures_is_refused(tmp_path):
    few = tuple(column for column in PATIENT_COLUMNS if column != "assd_mm")
    with pytest.raises(InputError, match=r"0\.tsv: lacks the column.* assd_mm"):
        described(tmp_path, [], columns=few)
