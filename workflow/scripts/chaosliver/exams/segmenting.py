"""Exams, one after another, through one pack of networks: from their files to masks, pictures and a table."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..base.columns import EXAM_COLUMNS
from ..base.errors import InputError
from ..base.files import sha256_of, write_text, write_tsv
from ..base.nifti import EXAM_IMAGE, EXAM_MASK
from ..base.packfiles import Pack, open_pack
from ..base.planes import Plane
from ..base.png import to_8bit
from ..base.settings import from_mapping
from ..figures.exam_sheets import draw_exam
from ..network.answers import Answer
from ..network.job.segmenting import networks_of
from ..prepare.fingerprints import fingerprint_of
from ..prepare.images import Encoding, window_of
from .flags import Flag, flags_of
from .opening import files_of_exam, is_nifti
from .outputs import write_nifti, write_seg
from .scoring import NOT_SCORED, read_truth, refuse_seen, scores_of
from .series import choose_series, find_series
from .volumes import Axial, Volume, axial, planes_of, read_nifti, read_series, refuse_blank

REPORT, PROBABILITY, SEG, SHEET = "report.json", "probability.nii.gz", "mask.dcm", "slices.png"
SHEET_PERCENTILES = (0.5, 99.5)

progress = logging.getLogger("progress")
Segment = Callable[[Sequence[Plane]], Answer]


@dataclass(frozen=True)
class Exam:
    """A study of one's own: its name, its folder or file, which of its series (None: the only one), and its truth.

    That is the file of its ground truth; None where it has none.
    """

    name: str
    path: str
    series: int | str | None
    truth: str | None = None


def segment_exams(
    *,
    exams: list[Any],
    pack: Path,
    folder: Path,
    anonymise: bool,
    tolerance_mm: float,
    threads: int,
    code: str,
    table: Path,
) -> None:
    """Segment `exams` with the networks of `pack`, write `folder`/<name>/ for each, and a row for each into `table`.

    An exam that was segmented before, from the same files with the same pack, settings and `code`, is left as it is.
    One with a ground truth is scored, by a surface Dice of `tolerance_mm`, unless the networks learned from it.
    Exams that cannot be segmented do not keep the others from it. Raises InputError that names each of them, with the
    cause and the remedy.
    """
    opened = open_pack(pack)
    rows, faults = [], []
    with ExitStack() as stack:
        # The networks are loaded for the first exam that needs them.
        segment = cache(lambda: stack.enter_context(networks_of(opened, threads)))
        for exam in (from_mapping(Exam, each) for each in exams):
            try:
                signed = {"pack": opened.digest, "anonymise": anonymise, "code": code, "tolerance_mm": tolerance_mm}
                report = _segment_exam(exam, opened, folder / exam.name, signed, segment)
                rows.append({**report["row"], "flags": "; ".join(flag["name"] for flag in report["flags"])})
                progress.info("%s", _in_a_line(report, folder / exam.name))
            except InputError as fault:
                faults.append(str(fault))
    if faults:
        kept = f"\nNot segmented: {len(faults)} of {len(exams)} studies. The others are kept." if rows else ""
        raise InputError("\n".join(faults) + kept)
    write_tsv(table, EXAM_COLUMNS, rows)


def _segment_exam(
    exam: Exam, pack: Pack, folder: Path, signed: Mapping[str, Any], segment: Callable[[], Segment]
) -> dict[str, Any]:
    """The report of an exam: as it was written before, or of a segmentation made now."""
    started, path = time.perf_counter(), Path(exam.path).expanduser()
    with files_of_exam(path) as files:
        whose = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        truth = Path(exam.truth).expanduser() if exam.truth else None
        told = {"series": exam.series, "truth": truth and truth.is_file() and sha256_of(truth)}
        signature = {**signed, **told, "path": whose, "files": _digest_of(files)}
        before = _report_of(folder)
        if before and before["signature"]["path"] != whose:
            raise InputError(
                f"{folder}: holds the mask of another study than {path}. Name this one otherwise (--config name=...), "
                "or delete that folder"
            )
        if before and before["signature"] == signature and _whole(folder, before):
            return before
        volume = _read(path, files, exam.series)
        view = axial(volume)
        known = _known(view, pack)
        if truth:
            refuse_seen(path, known, len(view.greys))
        reference = read_truth(truth, volume) if truth else None
        answer = segment()(planes_of(view, from_mapping(Encoding, pack.described["encoding"])))
        flags = flags_of(pack.described, volume, view, answer, known)
        row = _row(exam.name, pack, volume.voxel_ml, view, answer, known)
        if reference is not None:
            row |= scores_of(reference, answer.mask, view, volume.voxel_ml, signed["tolerance_mm"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT).unlink(missing_ok=True)
        _write(folder, pack, volume, view, answer, row, flags, anonymise=signed["anonymise"])
    report = {
        "row": {**row, "seconds": round(time.perf_counter() - started, 2)},
        "flags": [flag._asdict() for flag in flags],
        "series": None if volume.series is None else str(volume.series),
        "expected": pack.described["expected"],
        "networks": len(pack.cards),
        "agreement": answer.agreement,
        "files": {name.name: sha256_of(name) for name in sorted(folder.iterdir())},
        "signature": signature,
    }
    write_text(folder / REPORT, json.dumps(report, indent=2, sort_keys=True) + "\n")
    return report


def _read(path: Path, files: Sequence[Path], wanted: int | str | None) -> Volume:
    if len(files) == 1 and is_nifti(files[0]):
        volume = read_nifti(files[0])
    else:
        volume = read_series(choose_series(path, *find_series(files), wanted))
    refuse_blank(path, volume)
    return volume


def _digest_of(files: Sequence[Path]) -> str:
    """SHA-256 over the content of files in the order of their names."""
    return hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()


def _known(view: Axial, pack: Pack) -> int:
    """How many slices the pack's networks learned from, told by their pixels."""
    return sum(fingerprint_of(np.rint(plane).astype(np.int32)) in pack.training_slices for plane in view.greys)


def _row(name: str, pack: Pack, voxel_ml: float, view: Axial, answer: Answer, known: int) -> dict[str, Any]:
    head_foot, front_back, left_right = _extent_mm(answer.mask, (view.slice_mm, view.row_mm, view.column_mm))
    return {
        "exam": name,
        "organ": pack.described["organ"],
        "volume_ml": float(answer.mask.sum()) * voxel_ml,
        "slices": len(view.greys),
        "slices_with_organ": int(answer.mask.any(axis=(1, 2)).sum()),
        "left_right_mm": left_right,
        "front_back_mm": front_back,
        "head_foot_mm": head_foot,
        "trained_on_slices": known,
        **NOT_SCORED,
        "experiment": pack.described["experiment"],
        "pack": pack.digest,
    }


def _extent_mm(mask: np.ndarray, voxel_mm: Sequence[float]) -> list[float]:
    """The length of the box around a mask along each axis; 0 for an empty one."""
    lengths = []
    for axis, step in enumerate(voxel_mm):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        lengths.append(float(filled[-1] - filled[0] + 1) * step if filled.size else 0.0)
    return lengths


def _write(
    folder: Path,
    pack: Pack,
    volume: Volume,
    view: Axial,
    answer: Answer,
    row: Mapping[str, Any],
    flags: Sequence[Flag],
    *,
    anonymise: bool,
) -> None:
    """Write everything but the report: image, masks and probability on the exam's own grid, and the picture."""
    mask, organ = view.restore(answer.mask), pack.described["organ"]
    # Compressing leaves the interpreter to the SEG and the picture meanwhile.
    with ThreadPoolExecutor(1) as pool:
        packed = [
            pool.submit(write_nifti, folder / PROBABILITY, view.restore(answer.probability), volume),
            pool.submit(write_nifti, folder / EXAM_IMAGE, volume.greys, volume, np.uint16),
            pool.submit(write_nifti, folder / EXAM_MASK, mask.astype(np.uint8), volume),
        ]
        if volume.series is not None:
            network = f"chaos-liver {pack.described['experiment']}"
            write_seg(folder / SEG, mask, volume, organ, network, pack.digest[:16], anonymise=anonymise)
        draw_exam(
            grey=to_8bit(view.greys, window_of(view.greys, SHEET_PERCENTILES)),
            mask=answer.mask,
            positions_mm=view.positions_mm,
            pixel_mm=(view.row_mm, view.column_mm),
            title=f"{row['exam']}: {organ.replace('_', ' ')} of {row['volume_ml']:.0f} mL, by {row['experiment']}",
            remarks=[flag.sentence for flag in flags],
            picture=folder / SHEET,
        )
        for each in packed:
            each.result()


def _report_of(folder: Path) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return report if {"signature", "files", "row", "flags"} <= report.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _whole(folder: Path, report: Mapping[str, Any]) -> bool:
    """Whether the files that a report lists are still as they were written."""
    return all((folder / name).is_file() and sha256_of(folder / name) == told for name, told in report["files"].items())


def _in_a_line(report: Mapping[str, Any], folder: Path) -> str:
    row, flags = report["row"], [flag["name"] for flag in report["flags"]]
    doubts = f" Look twice: {', '.join(flags)}." if flags else ""
    return f"{row['exam']}: {row['organ'].replace('_', ' ')} of {row['volume_ml']:.0f} mL, in {folder}.{doubts}"
