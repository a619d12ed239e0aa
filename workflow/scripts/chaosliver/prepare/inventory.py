"""What a patient's folder holds, slice by slice, and what is wrong with it, in plain words.

Errors keep a patient out of the study; warnings are shown. The limits of the two plausibility checks were chosen on
14 real patients (T1 in phase and T2-SPIR), where they raise no false alarm.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.columns import AREAS, FINDING_COLUMNS, INVENTORY_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from ..base.indexes import read_index
from ..base.volumes import GAP_LIMIT
from .dicom import Slice, read_slice

Row = dict[str, Any]


# Two phases of one slice lie at the same place up to this share of the slice distance.
SAME_PLACE = 0.1
# A mask that overlaps both neighbours less than this times what they overlap each other is at odds with them.
# On the 14 real patients the lowest value is 1.02; of masks put in from another patient about 3 in 4 lie below 0.9.
NEIGHBOUR_LIMIT = 0.9
# Below this organ area in either neighbour (mm2) their overlap says nothing.
NEIGHBOUR_AREA_MM2 = 3000.0
# How much sharper the image's edges are under the masks' outlines than beside them. On the 14 real patients at least
# 1.14 (T1 in phase) and 1.25 (T2-SPIR); with the masks of another patient at most 1.12, in 9 of 10 cases below 1.05.
OUTLINE_LIMIT = 1.08
OUTLINE_SHIFT_MM = 15.0
# No real image out of phase was at hand to find a limit for that sequence.
OUTLINE_SEQUENCES = ("t1_in_phase", "t2_spir")
REMEDY = "Mend the files, or drop the patient or the sequence from the patient sheet."


@dataclass
class _Image:
    """A slice with its file (relative to the patient's folder) and, once paired, its mask."""

    file: str
    slice: Slice
    ground: str = ""
    mask: np.ndarray | None = None

    @property
    def stem(self) -> str:
        return Path(self.file).stem


@dataclass
class _Patient:
    """Where a patient's files lie, and what was found on the way. Files are read once, whoever asks."""

    root: Path
    patient: str
    findings: list[Row] = field(default_factory=list)
    images: dict[str, list[_Image]] = field(default_factory=dict)
    masks: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def find(self, sequence: str, file: str, severity: str, flag: str, message: str) -> None:
        row = (self.patient, sequence, file, severity, flag, f"{file}: {message}")
        self.findings.append(dict(zip(FINDING_COLUMNS, row, strict=True)))


def take_inventory(raw: Path, patient: str, sequences: list[str], ground_truth: bool) -> tuple[list[Row], list[Row]]:
    """Rows of the slices (INVENTORY_COLUMNS) and of the findings (FINDING_COLUMNS) of one patient.

    `raw` is the patient's folder. Images are paired with their masks by stem; those out of phase by place along z with
    the images in phase, whose ground truth they share. A damaged file is a finding and gives no row.
    """
    known = _Patient(raw, patient)
    wanted = [sequence for sequence in SEQUENCES if sequence in sequences]
    held = [sequence for sequence in wanted if _read_images(known, sequence)]
    swapped = "t1_out_of_phase" in held and not _check_phases(known, wanted[0])
    rows = []
    for sequence in held:
        images = known.images[sequence]
        distance = _check_places(known, sequence, images)
        _check_grids(known, sequence, images)
        # With the phases swapped no T1 image would find its mask, and the cause would drown in the consequences.
        if ground_truth and not (swapped and sequence.startswith("t1_")):
            _pair(known, sequence, images)
            # Both phases share their masks: what is wrong with a mask is said once.
            if sequence != "t1_out_of_phase" or "t1_in_phase" not in held:
                _check_masks(known, sequence, images)
                _check_plausible(known, sequence, images)
        rows += [_slice_row(patient, sequence, image, distance) for image in images]
    return rows, known.findings


def cross_check(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Findings that only the whole cohort shows: one and the same mask in two patients."""
    owners: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row["ground_digest"]:
            owners[row["ground_digest"]].setdefault(row["patient"], row["ground"])
    shared: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for files in owners.values():
        for patient, file in files.items():
            for other, other_file in files.items():
                if other != patient:
                    shared[patient, other].append((file, other_file))
    known = _Patient(Path(), "")
    for (patient, other), files in shared.items():
        known.patient, (file, other_file) = patient, files[0]
        sequence = next(name for name, where in SEQUENCES.items() if file.startswith(f"{where.ground}/"))
        message = f"the mask equals that of patient {other} ({other_file}); {_several(len(files), 'mask')} in common"
        known.find(sequence, file, "error", "mask-of-another-patient", f"{message}: one of the two is misplaced")
    return known.findings


def check_cohort(slices: Several[Path], findings: Several[Path], checked: Path) -> None:
    """Write the list of patients, all of them without errors, and their masks theirs alone.

    Raises InputError that lists every error of every patient, with the file and the remedy.
    """
    rows = [row for path in slices for row in read_tsv(path, INVENTORY_COLUMNS)]
    found = [row for path in findings for row in read_tsv(path, FINDING_COLUMNS)] + cross_check(rows)
    if errors := [finding for finding in found if finding["severity"] == "error"]:
        listed = "".join(f"\n  patient {finding['patient']}: {finding['message']}" for finding in errors)
        raise InputError(f"Nothing is trained while patients have errors:{listed}\n{REMEDY}")
    write_tsv(
        checked, ("patient",), ({"patient": patient} for patient in dict.fromkeys(row["patient"] for row in rows))
    )


def write_inventory(
    raw: Path, raw_index: Path, patient: str, sequences: list[str], ground_truth: bool, slices: Path, findings: Path
) -> None:
    """Check the folder against its index, take the inventory, and write both tables."""
    read_index(raw_index, raw)
    slice_rows, finding_rows = take_inventory(raw, patient, sequences, ground_truth)
    write_tsv(slices, INVENTORY_COLUMNS, slice_rows)
    write_tsv(findings, FINDING_COLUMNS, finding_rows)
    log_findings(finding_rows, logging.INFO)


def write_pairs(slices: Path, findings: Path, pairs: Path) -> None:
    """Write the slices of a patient anew as `pairs`; quality control shows the warnings, here they are only logged.

    Raises InputError that lists every error where there is one.
    """
    rows, found = read_tsv(slices, INVENTORY_COLUMNS), read_tsv(findings, FINDING_COLUMNS)
    log_findings([finding for finding in found if finding["severity"] == "warning"], logging.INFO)
    errors = [finding for finding in found if finding["severity"] == "error"]
    if errors:
        listed = "".join(f"\n  {finding['message']}" for finding in errors)
        count = _several(len(errors), "error")
        raise InputError(f"Patient {errors[0]['patient']} has {count} and is not admitted:{listed}\n{REMEDY}")
    write_tsv(pairs, INVENTORY_COLUMNS, rows)


def log_findings(findings: Iterable[Mapping[str, str]], level: int) -> None:
    """Log each finding with its patient and sequence."""
    for finding in findings:
        title = SEQUENCES[finding["sequence"]].title
        logging.log(level, "patient %s, %s: %s", finding["patient"], title, finding["message"])


def _read_images(known: _Patient, sequence: str) -> list[_Image]:
    """The readable images of a sequence, in order of place and then of name; findings for the others."""
    folder = SEQUENCES[sequence].images
    paths = _files(known.root / folder, ".dcm")
    if not paths:
        known.find(sequence, folder, "error", "no-file", f"there is no DICOM file in it. {REMEDY}")
    images = []
    for path in paths:
        file = f"{folder}/{path.name}"
        try:
            images.append(_Image(file, read_slice(path)))
        except InputError as error:
            known.find(sequence, file, "error", "unreadable", str(error).removeprefix(f"{path}: "))
    known.images[sequence] = sorted(images, key=lambda image: (image.slice.position_mm, image.stem))
    return known.images[sequence]


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() == suffix) if folder.is_dir() else []


def _check_places(known: _Patient, sequence: str, images: list[_Image]) -> float | None:
    """Check order, gaps and doubled places along z; returns the usual distance of neighbouring slices in mm."""
    if len(images) == 1:
        known.find(sequence, images[0].file, "error", "one-slice", "it is the sequence's only readable slice")
        return None
    places = np.array([image.slice.position_mm for image in images])
    steps = np.diff(places)
    usual = float(np.median(steps))
    for (before, after), step in zip(pairwise(images), steps, strict=True):
        if step <= SAME_PLACE * usual or step == 0:
            known.find(sequence, after.file, "error", "same-position", f"lies at the same place as {before.stem}")
        elif step > GAP_LIMIT * usual:
            lacking = _several(round(step / usual) - 1, "slice")
            message = (
                f"gap along z between {before.stem} and {after.stem}: {step:.4g} mm, where the usual distance is "
                f"{usual:.4g} mm; {lacking} missing"
            )
            known.find(sequence, after.file, "warning", "gap", message)
    by_name = np.diff([image.slice.position_mm for image in sorted(images, key=lambda image: image.stem)])
    if (by_name > 0).any() and (by_name < 0).any():
        _tell_disorder(known, sequence, images)
    return usual


def _tell_disorder(known: _Patient, sequence: str, images: list[_Image]) -> None:
    by_name = sorted(images, key=lambda image: image.stem)
    rising = sum(a.slice.position_mm < b.slice.position_mm for a, b in pairwise(by_name)) * 2 >= len(images) - 1
    expected = images if rising else images[::-1]
    apart = [name for name, place in zip(by_name, expected, strict=True) if name is not place]
    message = (
        f"order by name is not order by position: {_listed([image.stem for image in apart])} "
        "lie elsewhere along z than their names say. The position is used"
    )
    known.find(sequence, apart[0].file, "warning", "name-order", message)


def _check_grids(known: _Patient, sequence: str, images: list[_Image]) -> None:
    """All slices of a sequence need one matrix, spacing and orientation to be a volume."""

    def grid(image: _Image) -> tuple[Any, ...]:
        held = image.slice
        return held.pixels.shape, *np.round((*held.spacing, *held.orientation), 3)

    counts: dict[tuple[Any, ...], list[_Image]] = defaultdict(list)
    for image in images:
        counts[grid(image)].append(image)
    usual = max(counts.values(), key=len)
    for group in counts.values():
        if group is not usual:
            message = (
                f"matrix {_size(group[0].slice.pixels)}, spacing {group[0].slice.spacing} mm or orientation differ "
                f"from those of {usual[0].stem} ({_size(usual[0].slice.pixels)}, {usual[0].slice.spacing} mm)"
            )
            known.find(sequence, group[0].file, "error", "mixed-grid", message)


def _phases(known: _Patient) -> tuple[list[_Image], list[_Image]]:
    """Images in and out of phase; those in phase are read for their places even where the study does not use them."""
    if "t1_in_phase" not in known.images:
        silent = _Patient(known.root, known.patient)
        known.images["t1_in_phase"] = (
            _read_images(silent, "t1_in_phase") if _files(known.root / SEQUENCES["t1_in_phase"].images, ".dcm") else []
        )
    return known.images["t1_in_phase"], known.images["t1_out_of_phase"]


def _check_phases(known: _Patient, sequence: str) -> bool:
    """Whether the images in phase have the longer echo time; a finding of `sequence` where they have not."""
    swapped = []
    for image, other in _by_place(*_phases(known)):
        times = image.slice.echo_time_ms, other.slice.echo_time_ms
        if None in times:
            lacking = image if times[0] is None else other
            message = "the DICOM header lacks EchoTime, so the phases cannot be told apart"
            known.find(sequence, lacking.file, "error", "no-echo-time", message)
        elif times[0] <= times[1]:
            swapped.append((image, other))
    if swapped:
        image, other = swapped[0]
        message = (
            f"the phases are swapped: its echo time is {image.slice.echo_time_ms:g} ms, that of {other.file} is "
            f"{other.slice.echo_time_ms:g} ms, and in phase is the longer one; {_several(len(swapped), 'slice')} so"
        )
        known.find(sequence, image.file, "error", "phases-swapped", message)
    return not swapped


def _by_place(images: list[_Image], others: list[_Image]) -> list[tuple[_Image, _Image]]:
    """Pairs of images at the same place along z."""
    if not images or not others:
        return []
    places = np.array([image.slice.position_mm for image in images])
    # A list of one slice has no distance.
    steps = np.diff(np.unique(np.round(places, 3)))
    limit = SAME_PLACE * (float(np.median(steps)) if len(steps) else 1.0)
    nearest = [(np.abs(places - other.slice.position_mm), other) for other in others]
    return [(images[int(away.argmin())], other) for away, other in nearest if away.min() <= limit]


def _pair(known: _Patient, sequence: str, images: list[_Image]) -> None:
    """Give each image its mask, and tell what is left without a partner or does not fit."""
    folder = SEQUENCES[sequence].ground
    masks = _read_masks(known, sequence)
    listed = {path.stem for path in _files(known.root / folder, ".png")}
    if not listed:
        known.find(sequence, folder, "error", "no-ground-truth", f"there is no mask in it. {REMEDY}")
        return
    stems = _ground_stems(known, sequence, images)
    for image in images:
        stem = stems.get(image.stem)
        if stem is None or stem not in listed:
            where = f"{folder}/{stem}.png" if stem else f"{folder}: no image in phase lies at its place"
            known.find(sequence, image.file, "error", "without-partner", f"image without ground truth ({where})")
        elif stem in masks:
            image.ground = f"{folder}/{stem}.png"
            if masks[stem].shape == image.slice.pixels.shape:
                image.mask = masks[stem]
            else:
                sizes = f"is {_size(masks[stem])}, the image {image.file} {_size(image.slice.pixels)}"
                known.find(
                    sequence, image.ground, "error", "matrix", f"the matrix of the mask {sizes} (rows x columns)"
                )
    unreadable = {Path(row["file"]).stem for row in known.findings if row["flag"] == "unreadable"}
    for stem in sorted(listed - set(stems.values())):
        # An image that is there but cannot be read was told of already.
        partner = stem if sequence != "t1_out_of_phase" else _previous(stem)
        if partner not in unreadable:
            message = f"ground truth without an image ({SEQUENCES[sequence].images}/{partner}.dcm)"
            known.find(sequence, f"{folder}/{stem}.png", "error", "without-partner", message)


def _ground_stems(known: _Patient, sequence: str, images: list[_Image]) -> dict[str, str]:
    """The stem of the ground truth by the stem of the image."""
    if sequence != "t1_out_of_phase":
        return {image.stem: image.stem for image in images}
    in_phase, out_of_phase = _phases(known)
    if not in_phase:
        message = "there is no image in phase to pair with by position: paired by stem alone (ground truth minus 1)"
        known.find(sequence, SEQUENCES["t1_in_phase"].images, "warning", "paired-by-stem", message)
        return {image.stem: _shifted(image.stem, 1) for image in images}
    pairs = {other.stem: image.stem for image, other in _by_place(in_phase, out_of_phase)}
    for image in images:
        ground = pairs.get(image.stem)
        if ground and _previous(ground) != image.stem:
            message = f"by position it belongs to {ground}, whose stem minus 1 would be {_previous(ground)}"
            known.find(sequence, image.file, "warning", "phase-stem", f"{message}. The position is used")
    return pairs


def _previous(stem: str) -> str:
    return _shifted(stem, -1)


def _shifted(stem: str, by: int) -> str:
    """The stem whose number is `by` higher, with as many digits."""
    head = stem.rstrip("0123456789")
    digits = stem[len(head) :]
    return f"{head}{int(digits or 0) + by:0{len(digits)}d}"


def _read_masks(known: _Patient, sequence: str) -> dict[str, np.ndarray]:
    """The readable masks by stem, 8-bit [rows, columns]; findings for the others, once per folder."""
    folder = SEQUENCES[sequence].ground
    if folder not in known.masks:
        known.masks[folder] = {}
        for path in _files(known.root / folder, ".png"):
            content = np.frombuffer(path.read_bytes(), np.uint8)
            mask = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if len(content) else None
            if mask is None or mask.ndim != 2 or mask.dtype != np.uint8:
                cause = "the file is empty" if not len(content) else "is not a readable 8-bit grey PNG"
                known.find(sequence, f"{folder}/{path.name}", "error", "unreadable", f"{cause}. {REMEDY}")
            else:
                known.masks[folder][path.stem] = mask
    return known.masks[folder]


def _check_masks(known: _Patient, sequence: str, images: list[_Image]) -> None:
    """Grey levels, masks that occur twice, and whether there is a liver at all."""
    ranges = ", ".join(f"{organ.replace('_', ' ')} {low}-{high}" for organ, (low, high) in ORGANS.items())
    same: dict[str, list[_Image]] = defaultdict(list)
    masked = [image for image in images if image.mask is not None]
    for image in masked:
        unknown = [level for level in _levels(image.mask) if level and not _LABELS[level]]
        if unknown:
            message = f"grey levels outside the known ranges: {_listed(unknown)} (known: 0, {ranges})"
            known.find(sequence, image.ground, "error", "grey-levels", message)
        if image.mask.any():
            same[_digest(image.mask)].append(image)
    groups = [group for group in same.values() if len(group) > 1]
    if groups:
        names = _listed([" = ".join(image.stem for image in group) for group in groups])
        message = f"identical masks in different slices: {names}"
        known.find(sequence, groups[0][1].ground, "warning", "identical-masks", message)
    if masked and not any((_LABELS[image.mask] == 1).any() for image in masked):
        message = f"no mask has any liver (grey levels {ORGANS['liver'][0]}-{ORGANS['liver'][1]})"
        known.find(sequence, SEQUENCES[sequence].ground, "error", "no-liver", message)


def _check_plausible(known: _Patient, sequence: str, images: list[_Image]) -> None:
    """Tell of masks that fit neither the image nor their neighbours: they may be another patient's."""
    masked = [image for image in images if image.mask is not None]
    # Masks on several grids cannot be compared, and are an error already.
    if not masked or len({image.mask.shape for image in masked}) > 1:
        return
    labels = _LABELS[np.stack([image.mask for image in masked])]
    area = float(np.prod(masked[0].slice.spacing)) * np.count_nonzero(labels, axis=(1, 2))
    for number in range(1, len(masked) - 1):
        before, here, after = labels[number - 1], labels[number], labels[number + 1]
        if min(area[number - 1], area[number + 1]) < NEIGHBOUR_AREA_MM2:
            continue
        nearer = max(_overlap(before, here), _overlap(here, after))
        if nearer < NEIGHBOUR_LIMIT * _overlap(before, after):
            names = f"{masked[number - 1].stem} and {masked[number + 1].stem}"
            message = f"the mask is at odds with its neighbours {names}, which agree with each other"
            known.find(sequence, masked[number].ground, "warning", "mask-against-neighbours", message)
    if sequence in OUTLINE_SEQUENCES:
        volume = np.stack([image.slice.pixels for image in masked])
        sharpness = outline_sharpness(volume, labels > 0, masked[0].slice.spacing)
        if sharpness is not None and sharpness < OUTLINE_LIMIT:
            message = (
                "the organs' outlines do not lie on the images' edges: the masks may be another patient's or shifted "
                f"(edges {sharpness:.2f} times as sharp as {OUTLINE_SHIFT_MM:g} mm beside; usual: 1.14 or more)"
            )
            known.find(sequence, SEQUENCES[sequence].ground, "warning", "mask-off-organ", message)


def outline_sharpness(volume: np.ndarray, mask: np.ndarray, spacing: tuple[float, float]) -> float | None:
    """How much stronger the image's edges are under the mask's outline than under the same outline shifted.

    Arrays are [slices, rows, columns], spacing is (row, column) in mm. Edges are gradients g of the smoothed slices as
    g / (g + median of g), so that neither fat nor air outweighs the rest. The outline is shifted by OUTLINE_SHIFT_MM in
    eight directions. About 1 where mask and image have nothing to do with each other; None for an empty mask.
    """
    outline = np.nonzero(mask & ~ndimage.binary_erosion(mask, np.ones((1, 3, 3), bool)))
    if not len(outline[0]):
        return None
    smooth = ndimage.gaussian_filter(volume.astype(np.float32), (0, 1, 1))
    gradient = np.hypot(ndimage.sobel(smooth, 1), ndimage.sobel(smooth, 2))
    body = volume > 0.1 * np.percentile(volume, 99)
    typical = float(np.median(gradient[body])) if body.any() else 0.0
    edges = gradient / (gradient + max(typical, 1e-6))
    down, right = (round(OUTLINE_SHIFT_MM / length) for length in spacing)
    slices, rows, columns = outline

    def strength(row_shift: int, column_shift: int) -> float:
        shifted_rows = np.clip(rows + row_shift, 0, mask.shape[1] - 1)
        shifted_columns = np.clip(columns + column_shift, 0, mask.shape[2] - 1)
        return float(edges[slices, shifted_rows, shifted_columns].mean())

    shifts = [(i * down, j * right) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    beside = float(np.mean([strength(*shift) for shift in shifts]))
    return strength(0, 0) / beside if beside else None


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Dice over all organs at once, of label images that bear the organ's number."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero((first == second) & (first > 0)) / total if total else 0.0


def _label_table() -> np.ndarray:
    """Number of the organ (1 is the liver) by grey level, 0 for none; shape (256,)."""
    table = np.zeros(256, np.uint8)
    for number, (low, high) in enumerate(ORGANS.values(), start=1):
        table[low : high + 1] = number
    return table


_LABELS = _label_table()


def _slice_row(patient: str, sequence: str, image: _Image, distance: float | None) -> Row:
    held, mask = image.slice, image.mask
    row = dict.fromkeys(INVENTORY_COLUMNS)
    row |= {"patient": patient, "sequence": sequence, "stem": image.stem, "image": image.file, "ground": image.ground}
    row |= {"instance_number": held.instance_number, "position_mm": held.position_mm, "slice_distance_mm": distance}
    row |= {"row_spacing_mm": held.spacing[0], "column_spacing_mm": held.spacing[1], "echo_time_ms": held.echo_time_ms}
    row |= {"rows": held.pixels.shape[0], "columns": held.pixels.shape[1]}
    row |= {
        "minimum": int(held.pixels.min()),
        "maximum": int(held.pixels.max()),
        "grey_levels": "",
        "ground_digest": "",
    }
    if mask is not None:
        row["grey_levels"] = " ".join(map(str, _levels(mask)))
        row["ground_digest"] = _digest(mask) if mask.any() else ""
        counts = np.bincount(_LABELS[mask].ravel(), minlength=len(ORGANS) + 1)[1:]
        row |= dict(zip(AREAS, (float(count) * float(np.prod(held.spacing)) for count in counts), strict=True))
    return row


def _levels(mask: np.ndarray) -> list[int]:
    return np.nonzero(np.bincount(mask.ravel(), minlength=256))[0].tolist()


def _digest(mask: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(mask)).hexdigest()


def _size(image: np.ndarray) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(things: Several[Any], most: int = 6) -> str:
    """The first few by name, the rest as a number."""
    rest = len(things) - most
    return ", ".join(map(str, things[:most])) + (f" and {rest} more" if rest > 0 else "")
