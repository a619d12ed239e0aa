"""A study's network for use, in one folder that needs neither the study nor its data."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from ..base.cards import check_origin, check_weights, read_card
from ..base.columns import PATIENT_COLUMNS
from ..base.files import read_tsv, sha256_of, whole_folder, write_text
from ..base.indexes import read_index
from ..base.packfiles import CHECKSUMS, DESCRIPTION, FINGERPRINTS, FORMAT
from ..base.wording import counted
from ..measure.patient_statistics import mean_interval
from ..prepare.dicom import read_slice
from ..prepare.fingerprints import fingerprint_of
from ..prepare.greys import QUARTILES, grey_profile
from .modelcards import INTENDED_USE, SOURCES, card_of, citation_of, header_of, loading_of, networks_of, summary_of
from .modelscores import score_table, scores_of, sequences_of
from .references import CODE_LICENCE

# Whose least and greatest values a pack tells.
RANGES = ("row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "rows", "columns")

# By the config's `model.networks`.
LEARNED = {
    "all_patients": "{members}, one per seed, trained on all {patients} of the study. Nobody was held out from them.",
    "folds": "The {members} of the cross-validation, one per fold and seed; together they saw all {patients}.",
}
EXPECTED = (
    "No patient is left to score these networks together. The figures are those of the cross-validation of the same "
    "recipe ({networks}): each patient scored by networks that never saw it, mean ± standard "
    "deviation over patients, and the 95 % bootstrap interval of the mean. They are of patients of the same data, and "
    "promise nothing about other scanners, sequences or diseases."
)
FILES = (
    "`pack.json` says how images are prepared and answers thresholded, what to expect, and on whom the networks "
    "learned. `training_slices.txt` has a fingerprint of every slice that they learned from, so that nobody scores "
    "them on these. `SHA256SUMS` has the checksums of all files: `sha256sum --check SHA256SUMS`."
)

Row = Mapping[str, str]


def make_pack(
    *,
    cards: list[Path],
    weights: list[Path],
    scores: list[Path],
    pairs: list[Path],
    raw_indexes: list[Path],
    trained_as: list[dict[str, Any]],
    settings: dict[str, Any],
    source: str,
    folder: Path,
) -> None:
    """Write `folder`: networks with their cards, a description, fingerprints of the training slices, and checksums.

    `scores` are the tables of patients of the cross-validation, which tell what to expect; `pairs` and `raw_indexes`
    the admitted slices and the files of the patients that trained. `trained_as` says what each card must say of its
    training, `settings` are those of `Plan.pack_settings`, and `source` says what the patients are, `chaos` or
    `phantom`. Raises InputError where weights are not those of their card, or a card is of another training.
    """
    with whole_folder(folder) as partial:
        networks = [
            _put_network(partial, number, *each)
            for number, each in enumerate(zip(cards, weights, trained_as, strict=True))
        ]
        trained = [row for table in pairs for row in read_tsv(table, ("patient", "sequence", "image", *RANGES))]
        trained = [row for row in trained if row["sequence"] in settings["sequences"]]
        prints: set[str] = set()
        profiles = []
        for volume in _volumes(trained, {index.stem: index for index in raw_indexes}):
            prints |= {told for pixels in volume if (told := fingerprint_of(pixels))}
            profiles.append(grey_profile(volume))
        write_text(partial / FINGERPRINTS, "".join(f"{each}\n" for each in sorted(prints)))
        held_out = [row for table in scores for row in read_tsv(table, PATIENT_COLUMNS)]
        described: dict[str, Any] = {
            "format": FORMAT,
            **settings,
            "source": source,
            "members": networks,
            "patients": sorted({row["patient"] for row in trained}),
            "expected": _expected(held_out),
            "seen": _ranges(trained, profiles),
        }
        training = read_card(cards[0])
        write_text(partial / "README.md", _readme(described, training, held_out))
        write_text(partial / DESCRIPTION, json.dumps(described, indent=2, sort_keys=True) + "\n")
        sums = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(partial.iterdir())]
        write_text(partial / CHECKSUMS, "".join(sums))


def _readme(described: Mapping[str, Any], training: Mapping[str, Any], held_out: Sequence[Row]) -> str:
    """The pack's model card, with the metadata for Hugging Face: its scores are those of the cross-validation."""
    origin, members = SOURCES[described["source"]], len(described["members"])
    tables = [score_table(sequence, {"cross-validation": held_out}) for sequence in sequences_of(held_out)]
    sections = {
        "Intended use": INTENDED_USE,
        "Licence": f"{origin.terms} {CODE_LICENCE}",
        "Training": LEARNED[described["networks"]].format(
            members=counted(members, "network"), patients=counted(len(described["patients"]), "patient")
        ),
        "What to expect": "\n\n".join([EXPECTED.format(networks=networks_of(held_out)), *tables]),
        "Files": FILES,
        "How to load it": loading_of(training, described, **described["members"][0]),
        "Citation": citation_of(origin),
    }
    header = header_of(described["experiment"], described["organ"], origin, held_out)
    summary = summary_of(training, described, origin)
    return card_of(header, f"chaos-liver: {described['experiment']}, for use", summary, sections)


def _put_network(folder: Path, number: int, card: Path, weights: Path, origin: Mapping[str, Any]) -> dict[str, str]:
    described = read_card(card, ("weights_sha256",))
    check_origin(card, described, origin)
    check_weights(weights, described["weights_sha256"], card)
    names = {"card": f"network{number}.json", "weights": f"network{number}.safetensors"}
    shutil.copyfile(card, folder / names["card"])
    shutil.copyfile(weights, folder / names["weights"])
    return names


def _volumes(rows: Sequence[Row], indexes: Mapping[str, Path]) -> Iterator[np.ndarray]:
    """Every volume that trained [slices, rows, columns], from files checked against the index of their patient."""
    for patient, index in indexes.items():
        own = [row for row in rows if row["patient"] == patient]
        raw = index.with_suffix("")
        read_index(index, raw, only={row["image"] for row in own})
        for sequence in dict.fromkeys(row["sequence"] for row in own):
            yield np.stack([read_slice(raw / row["image"]).pixels for row in own if row["sequence"] == sequence])


def _expected(rows: Sequence[Row]) -> dict[str, dict[str, float | int | None]]:
    """By sequence the 3D Dice on patients that no network saw: mean and SD over them, 95 % interval of the mean."""
    scores = scores_of(rows)
    return {sequence: _summary(means) for (sequence, measure), means in scores.items() if measure == "dice_3d"}


def _summary(means: Sequence[float]) -> dict[str, float | int | None]:
    low, high = mean_interval(np.array(means)) or (None, None)
    return {
        "patients": len(means),
        "dice_3d": fmean(means),
        "sd": stdev(means) if len(means) > 1 else None,
        "ci_low": low,
        "ci_high": high,
    }


def _ranges(rows: Sequence[Row], profiles: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The least and the greatest of what the training volumes were like; lengths in mm, greys as shares of white."""
    volumes = Counter((row["patient"], row["sequence"]) for row in rows)
    found: dict[str, list[float]] = {
        "slices": list(volumes.values()),
        **{name: [float(row[name]) for row in rows if row[name]] for name in RANGES},
        **{name: [profile[name] for profile in profiles if name in profile] for name in QUARTILES},
    }
    return {name: [min(values), max(values)] for name, values in found.items() if values}
