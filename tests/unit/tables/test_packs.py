"""A pack holds networks, what to expect of them, and whom they learned from, recomputed here from what went in."""

import hashlib
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from unit.network.examples import RECIPE
from unit.prepare.conftest import write

from chaosliver.base.cards import write_card
from chaosliver.base.columns import INVENTORY_COLUMNS, MEASURES, PATIENT_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.packfiles import FORMAT
from chaosliver.measure.patient_statistics import mean_interval
from chaosliver.prepare.fingerprints import fingerprint_of
from chaosliver.tables.packs import make_pack

T1, T2 = "t1_in_phase", "t2_spir"
SETTINGS = {
    "experiment": "ours",
    "networks": "all_patients",
    "organ": "liver",
    "other_organs": [],
    "sequences": [T1],
    "encoding": {"bits": 16, "percentiles": [0.5, 99.5]},
    "threshold": 0.5,
    "largest_component": False,
    "scores": "mask",
}
TRAINING = {"network": {"name": "unet", "channels": 2}, "recipe": RECIPE}
RNG = np.random.default_rng(8)
# Slices of 4 x 6 pixels; the last of patient 10 is air.
PIXELS = {
    ("2", T1): [RNG.integers(0, 900, (4, 6)) for _ in range(3)],
    ("10", T1): [RNG.integers(0, 900, (4, 6)), np.zeros((4, 6), int)],
    ("10", T2): [RNG.integers(0, 900, (4, 6))],
}
# Of two seeds; patient 10 has no value of T1 under the second, nobody has one of T2.
SCORES = {("2", "1"): 0.9, ("2", "2"): 0.8, ("10", "1"): 0.7, ("10", "2"): None}


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Any]:
    """Two networks, two patients with one or two sequences, and their scores under two seeds."""
    files: dict[str, Any] = {"cards": [], "weights": [], "pairs": [], "raw_indexes": [], "scores": []}
    files["trained_as"] = [{"seed": "1"}, {"seed": "2"}]
    for seed in "12":
        model = tmp_path / f"models/seed{seed}"
        model.mkdir(parents=True)
        weights, card = model / "weights.safetensors", model / "card.json"
        weights.write_bytes(f"weights {seed}".encode())
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        write_card(card, TRAINING | {"weights_sha256": digest, "seed": seed})
        files["weights"].append(weights)
        files["cards"].append(card)
        rows = [
            dict.fromkeys(PATIENT_COLUMNS)
            | dict.fromkeys(MEASURES, 0.1)
            | {"patient": patient, "seed": seed, "sequence": sequence, "dice_3d": value if sequence == T1 else None}
            for (patient, own), value in SCORES.items()
            for sequence in (T1, T2)
            if own == seed
        ]
        files["scores"].append(tmp_path / f"volumes/seed{seed}.tsv")
        write_tsv(files["scores"][-1], PATIENT_COLUMNS, rows)
    for patient in ("2", "10"):
        rows = []
        for (own, sequence), slices in PIXELS.items():
            for number, pixels in enumerate(slices if own == patient else []):
                image = f"{sequence}/{number}.dcm"
                write(tmp_path / "raw" / patient / image, pixels)
                spacing = {"row_spacing_mm": 1.5 + len(patient), "column_spacing_mm": 2.25, "slice_distance_mm": 7.5}
                place = {"patient": patient, "sequence": sequence, "image": image, "rows": 4, "columns": 6}
                rows.append(dict.fromkeys(INVENTORY_COLUMNS) | place | spacing)
        files["pairs"].append(tmp_path / f"inventory/{patient}.pairs.tsv")
        write_tsv(files["pairs"][-1], INVENTORY_COLUMNS, rows)
        files["raw_indexes"].append(tmp_path / f"raw/{patient}.tsv")
        write_index(files["raw_indexes"][-1], tmp_path / "raw" / patient, [{"file": row["image"]} for row in rows])
    return files


def packed(study: dict[str, Any], folder: Path, **settings: Any) -> dict[str, Any]:
    make_pack(**study, settings=SETTINGS | settings, source="phantom", folder=folder)
    described: dict[str, Any] = json.loads((folder / "pack.json").read_text())
    return described


def greys_of(volumes: list[list[np.ndarray]]) -> dict[str, Any]:
    """The least and greatest quartile of the body over volumes; air is below a twentieth of the 99.5th percentile."""
    found: dict[str, list[float]] = {"dark_quarter": [], "middle": [], "bright_quarter": []}
    for volume in map(np.array, volumes):
        white = np.percentile(volume, 99.5)
        shares = sorted(volume[volume > white / 20] / white)
        for name, quarter in zip(found, np.quantile(shares, [0.25, 0.5, 0.75]), strict=True):
            found[name].append(quarter)
    return {name: pytest.approx([min(values), max(values)]) for name, values in found.items()}


def test_a_pack_says_what_it_holds_whom_it_saw_and_what_to_expect(study, tmp_path):
    """By hand: 0.85 of patient 2, the mean of two seeds, and 0.7 of patient 10; two patients have no interval."""
    found = packed(study, tmp_path / "pack")
    assert found == SETTINGS | {
        "format": FORMAT,
        "source": "phantom",
        "members": [{"card": f"network{n}.json", "weights": f"network{n}.safetensors"} for n in (0, 1)],
        "patients": ["10", "2"],
        "expected": {
            T1: {
                "patients": 2,
                "dice_3d": pytest.approx(0.775),
                "sd": pytest.approx(0.15 / 2**0.5),
                "ci_low": None,
                "ci_high": None,
            }
        },
        "seen": {
            "slices": [2, 3],
            "row_spacing_mm": [2.5, 3.5],
            "column_spacing_mm": [2.25, 2.25],
            "slice_distance_mm": [7.5, 7.5],
            "rows": [4, 4],
            "columns": [6, 6],
            **greys_of([PIXELS["2", T1], PIXELS["10", T1]]),
        },
    }


def test_networks_and_cards_are_copies_and_every_file_has_its_checksum(study, tmp_path):
    folder = tmp_path / "pack"
    packed(study, folder)
    for number in (0, 1):
        assert (folder / f"network{number}.safetensors").read_bytes() == study["weights"][number].read_bytes()
        assert (folder / f"network{number}.json").read_bytes() == study["cards"][number].read_bytes()
    told = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert set(told) == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    for name, digest in told.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_slices_are_those_of_the_sequences_that_trained_without_air(study, tmp_path):
    for sequences, trained in (([T1], [("2", T1), ("10", T1)]), ([T2, T1], list(PIXELS))):
        folder = tmp_path / "+".join(sequences)
        packed(study, folder, sequences=sequences)
        lines = (folder / "training_slices.txt").read_text().splitlines()
        expected = {fingerprint_of(pixels) for volume in trained for pixels in PIXELS[volume]} - {None}
        assert lines == sorted(expected) and len(lines) == (4 if sequences == [T1] else 5)


def test_six_patients_have_an_interval(study, tmp_path):
    values = [0.91, 0.87, 0.9, 0.85, 0.93, 0.8]
    rows = [
        dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, 0.1) | {"patient": n, "sequence": T1, "dice_3d": value}
        for n, value in enumerate(values)
    ]
    write_tsv(study["scores"][0], PATIENT_COLUMNS, rows)
    expected = packed({**study, "scores": study["scores"][:1]}, tmp_path / "pack")["expected"][T1]
    low, high = mean_interval(np.array(values))
    assert (expected["dice_3d"], expected["sd"]) == pytest.approx((statistics.mean(values), statistics.stdev(values)))
    assert (expected["ci_low"], expected["ci_high"]) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ("all_patients", "2 networks, one per seed, trained on all 2 patients"),
        ("folds", "2 networks of the cross-validation"),
    ],
)
def test_the_readme_says_what_to_expect_and_how_to_load_it_and_hugging_face_reads_it(study, tmp_path, networks, words):
    packed(study, tmp_path / "pack", networks=networks)
    text = (tmp_path / "pack/README.md").read_text()
    for part in (words, "(1 fold, 2 seeds)", "0.775 ± 0.106", 'Path("network0.safetensors")'):
        assert part in text
    data = ModelCard.load(tmp_path / "pack/README.md").data
    assert (data.license, data.pipeline_tag) == ("mit", "image-segmentation")
    (dice,) = [each for each in data.eval_results if each.metric_type == "dice_3d"]
    assert dice.metric_value == pytest.approx(0.775)


def test_weights_of_another_training_are_refused(study, tmp_path):
    study["weights"].reverse()
    with pytest.raises(InputError, match=r"seed2/weights.safetensors: is not what .*seed1/card.json describes"):
        packed(study, tmp_path / "pack")


def test_an_altered_slice_is_refused(study, tmp_path):
    (tmp_path / f"raw/10/{T1}/0.dcm").write_bytes(b"other")
    with pytest.raises(InputError, match=r"raw/10/t1_in_phase/0\.dcm"):
        packed(study, tmp_path / "pack")


def test_the_card_of_another_training_is_not_packed(study, tmp_path):
    study["trained_as"].reverse()
    with pytest.raises(InputError, match=r"seed1/card\.json: describes another training .* differs in seed"):
        packed(study, tmp_path / "pack")
