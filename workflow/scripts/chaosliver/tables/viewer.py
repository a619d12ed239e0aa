"""The viewer: a folder with a page on which volumes are looked through, with ground truth and predictions over them."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.columns import PATIENT_COLUMNS, PREDICTION_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, whole_folder, write_text
from ..base.indexes import read_index
from ..base.nifti import EXAM_IMAGE, EXAM_MASK
from ..base.patient_order import natural
from ..base.settings import from_mapping
from ..base.volumes import VolumeId
from ..measure.metrics import dice
from ..study.runs import EVERYONE, TEST_COHORT, Run
from .printed import title_of
from .viewer_volumes import Lattice, read_image, read_mask, write_script, write_volume

PAGE, DATA = "index.html", "data.js"
SOURCES = {
    "phantom": "The images show a phantom that the workflow drew, and no patient.",
    "chaos": (
        "Images of patients: CHAOS challenge, doi 10.5281/zenodo.3431873, licence CC BY-NC-SA 4.0. Cite it wherever "
        "they are shown."
    ),
}
# The tables keep six significant digits.
DICE_TOLERANCE = 1e-5

progress = logging.getLogger("progress")
Row = Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """An experiment of the page: its name, the organ that it segments, and what its Dice is of (`mask` or `logits`)."""

    name: str
    organ: str
    scores: str


def write_viewer(
    *,
    page: list[Path],
    niivue: Path,
    patients_table: Path | None,
    prediction_indexes: list[Path],
    mask_indexes: list[Path],
    pairs: list[Path],
    raw_indexes: list[Path],
    reports: list[Path],
    experiments: list[Any],
    name: str,
    source: str,
    viewer: Path,
) -> None:
    """Write the folder `viewer`: the files of the `page`, NiiVue, a script for each volume, and `data.js`.

    A patient's prediction by an experiment is that of the first run (seed, draw) that has one. `prediction_indexes` are
    <experiment>/<run>.tsv, `mask_indexes` <organ>/<sequence>/<patient>.tsv, `pairs` and `raw_indexes` those of each
    patient, `reports` those of studies of one's own. Raises InputError where files are missing or do not fit.
    """
    shown = [from_mapping(Shown, each) for each in experiments]
    rows = read_tsv(patients_table, PATIENT_COLUMNS) if patients_table else []
    with whole_folder(viewer) as partial:
        files, folder = _Files(prediction_indexes, mask_indexes, pairs, raw_indexes), partial / "volumes"
        volumes = [_write_patient(volume, own, shown, files, folder) for volume, own in by_volume(rows, shown).items()]
        data = {
            "name": name,
            "source": SOURCES[source] if volumes else "",
            "experiments": [
                each.name for each in shown if any(each.name in volume["predictions"] for volume in volumes)
            ],
            "cohorts": list(dict.fromkeys(volume["cohort"] for volume in volumes)),
            "volumes": volumes,
            "exams": [_write_exam(report, folder) for report in reports],
        }
        write_text(partial / DATA, f"const STUDY = {json.dumps(data, indent=1)};\n")
        shutil.copyfile(niivue, partial / niivue.name)
        # The page itself comes last.
        for path in sorted(page, key=lambda path: path.name == PAGE):
            shutil.copyfile(path, partial / path.name)
    progress.info("Open %s in a browser, or serve it: python -m http.server --directory %s", viewer / PAGE, viewer)


def by_volume(rows: Sequence[Row], shown: Sequence[Shown]) -> dict[VolumeId, dict[str, list[Row]]]:
    """The rows of the table of patients by volume, patient by patient, and then by experiment."""
    found: dict[VolumeId, dict[str, list[Row]]] = {}
    names = [each.name for each in shown]
    for row in sorted(rows, key=lambda row: natural(row["patient"])):
        if row["experiment"] in names:
            own = found.setdefault(VolumeId(row["sequence"], row["patient"]), {})
            own.setdefault(row["experiment"], []).append(row)
    return found


class _Files:
    """Where the files of volumes lie. A run's index is read once."""

    def __init__(
        self, predictions: Sequence[Path], masks: Sequence[Path], pairs: Sequence[Path], raw_indexes: Sequence[Path]
    ) -> None:
        self._predictions = {(index.parent.name, index.stem): index for index in predictions}
        self._masks = {(index.parents[1].name, VolumeId.of_index(index)): index for index in masks}
        self._pairs = {path.name.removesuffix(".pairs.tsv"): path for path in pairs}
        self._raw = {path.stem: path for path in raw_indexes}
        self._checked: set[Path] = set()

    def image(self, volume: VolumeId) -> tuple[Lattice, np.ndarray]:
        return read_image(volume, self._pairs[volume.patient], self._raw[volume.patient])

    def reference(self, organ: str, volume: VolumeId, lattice: Lattice) -> np.ndarray | None:
        """The ground truth of an organ; None where there is none."""
        if (organ, volume) not in self._masks:
            return None
        index = self._masks[organ, volume]
        read_index(index, index.with_suffix(""))
        return read_mask(index.with_suffix(""), lattice)

    def prediction(self, experiment: str, run: str, volume: VolumeId, lattice: Lattice) -> np.ndarray:
        index = self._predictions[experiment, run]
        if index not in self._checked:
            read_index(index, index.with_suffix(""), PREDICTION_COLUMNS)
            self._checked.add(index)
        return read_mask(volume.folder(index.with_suffix("")), lattice)


def _write_patient(
    volume: VolumeId, rows: Mapping[str, Sequence[Row]], shown: Sequence[Shown], files: _Files, scripts: Path
) -> dict[str, Any]:
    """Write a patient's volumes, and return what the page says of them."""
    folder = str(volume)
    lattice, greys = files.image(volume)
    write_volume(scripts, f"{folder}/image", greys, lattice.to_patient)
    references: dict[str, np.ndarray] = {}
    predictions = {}
    for each in shown:
        if each.name not in rows:
            continue
        if each.organ not in references and (mask := files.reference(each.organ, volume, lattice)) is not None:
            references[each.organ] = mask
            write_volume(scripts, f"{folder}/reference_{each.organ}", mask, lattice.to_patient)
        first = rows[each.name][0]
        prediction = files.prediction(each.name, _run_of(first), volume, lattice)
        if each.scores == "mask" and each.organ in references:
            _check_dice(first, references[each.organ], prediction)
        write_volume(scripts, f"{folder}/prediction_{each.name}", prediction, lattice.to_patient)
        predictions[each.name] = _described(each, rows[each.name])
    return {
        "patient": volume.patient,
        "title": title_of(volume.sequence),
        "cohort": next(iter(rows.values()))[0]["cohort"],
        "folder": folder,
        "image": True,
        "missing": [place + 1 for place in lattice.missing],
        "references": list(references),
        "predictions": predictions,
        "flags": [],
    }


def _described(shown: Shown, rows: Sequence[Row]) -> dict[str, Any]:
    """What the page says of a prediction, from the rows of all runs of which it is the first."""
    numbers = {
        name: float(rows[0][name]) if rows[0][name] else None for name in ("dice_3d", "reference_ml", "predicted_ml")
    }
    run = _run_of(rows[0])
    whose = "by all networks together" if run == TEST_COHORT else f"by the network of {run}"
    others = f", the first of {len(rows)} that segmented this patient" if len(rows) > 1 else ""
    return {"organ": shown.organ, "by": whose + others, **numbers}


def _run_of(row: Row) -> str:
    return TEST_COHORT if row["fold"] == EVERYONE else Run(row["experiment"], row["fold"], row["seed"]).name


def _check_dice(row: Row, reference: np.ndarray, prediction: np.ndarray) -> None:
    """So that no page can show one patient's mask over another's image."""
    found = dice(reference > 0, prediction > 0)
    if abs(found - float(row["dice_3d"])) > DICE_TOLERANCE:
        raise InputError(
            f"patient {row['patient']}, {row['sequence']}: the masks of {row['experiment']} ({_run_of(row)}) give "
            f"a 3D Dice of {found:.6g}, but the table of patients says {row['dice_3d']}. "
            "They are not of one run: evaluate anew"
        )


def _write_exam(report: Path, scripts: Path) -> dict[str, Any]:
    """Write the volumes of a study of one's own, and return what the page says of it."""
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
        row, flags = told["row"], told["flags"]
        name, experiment, organ = row["exam"], row["experiment"], row["organ"]
        mask = (report.parent / EXAM_MASK).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{report}: is no report of a segmented study ({error}). Delete its folder") from None
    folder, image = f"exams/{name}", report.parent / EXAM_IMAGE
    if image.is_file():
        write_script(scripts, f"{folder}/image", image.read_bytes())
        write_script(scripts, f"{folder}/prediction_{experiment}", mask)
    return {
        "name": name,
        "folder": folder,
        "image": image.is_file(),
        "missing": [],
        "references": [],
        "predictions": {
            experiment: {
                "organ": organ,
                "by": f"by {experiment}",
                "dice_3d": None,
                "reference_ml": None,
                "predicted_ml": row["volume_ml"],
            }
        },
        "flags": flags,
    }
