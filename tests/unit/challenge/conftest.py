"""Two small test patients: tables, DICOM files by name, and masks in which each slice shows its own number."""

from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, PREDICTION_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.challenge.entry import make_submission

T1, T2 = "t1_in_phase", "t2_spir"
# By patient and sequence: the stems from feet to head, rows and columns, the distances of rows, columns and slices.
# In 4 the names fall with the position, and as text IMG-10 comes before IMG-9.
VOLUMES = {
    ("4", T1): (["IMG-11", "IMG-10", "IMG-9"], (3, 5), (1.5, 2.0, 5.0)),
    ("4", T2): (["IMG-0002-00001", "IMG-0002-00002"], (4, 2), (1.0, 1.0, 8.0)),
    ("26", T1): (["IMG-0004-00002", "IMG-0004-00004", "IMG-0004-00008"], (2, 6), (1.0, 1.25, 4.0)),
    ("26", T2): (["IMG-0002-00001", "IMG-0002-00002"], (5, 3), (1.0, 2.0, 10.0)),
}


class Cohort:
    """The files of a study's test cohort, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stems = {volume: list(stems) for volume, (stems, *_) in VOLUMES.items()}
        self.areas = {volume: range(1, len(stems) + 1) for volume, stems in self.stems.items()}
        self.findings: list[dict[str, str]] = []
        self.patients = ["4", "26"]
        self.archive, self.contents = folder / "submission/chaos.zip", folder / "submission/contents.tsv"

    def mask(self, volume, stem):
        """As many pixels of the last row, from the right, as the slice's place from the feet says."""
        mask = np.zeros(VOLUMES[volume][1], np.uint8)
        area = self.areas[volume][VOLUMES[volume][0].index(stem)]
        mask[-1, mask.shape[1] - min(area, mask.shape[1]) :] = 255 if area else 0
        return mask

    def predict(self, experiment, sequence):
        """The index of an experiment's masks of one sequence, in order of position."""
        index = self.folder / f"predictions/{experiment}/test_cohort.tsv"
        listed = []
        for patient in self.patients:
            for stem in self.stems[patient, sequence]:
                name = f"{sequence}/{patient}/{stem}.png"
                write_png(index.with_suffix("") / name, self.mask((patient, sequence), stem))
                listed.append({"file": name, "cohort": "test", "patient": patient, "sequence": sequence, "stem": stem})
        write_index(index, index.with_suffix(""), listed, PREDICTION_COLUMNS)
        return index

    def tables(self):
        """The tables of slices, of findings and of the archive's files, one of each by patient."""
        pairs, findings, raw = [], [], []
        for patient in self.patients:
            slices = [
                self.row(patient, sequence, stem) for sequence in (T1, T2) for stem in VOLUMES[patient, sequence][0]
            ]
            pairs.append(self.folder / f"inventory/{patient}.pairs.tsv")
            write_tsv(pairs[-1], INVENTORY_COLUMNS, slices)
            findings.append(self.folder / f"inventory/{patient}.findings.tsv")
            write_tsv(findings[-1], FINDING_COLUMNS, [row for row in self.findings if row["patient"] == patient])
            files = [*(row["image"] for row in slices), f"{SEQUENCES[T2].images}/notes.txt"]
            raw.append(self.folder / f"raw/{patient}.tsv")
            write_tsv(raw[-1], ("file", "sha256"), [{"file": file, "sha256": ""} for file in files])
        return {"pairs": pairs, "findings": findings, "raw_indexes": raw}

    def row(self, patient, sequence, stem):
        _, (rows, columns), (row_mm, column_mm, distance_mm) = VOLUMES[patient, sequence]
        return dict.fromkeys(INVENTORY_COLUMNS) | {
            "patient": patient,
            "sequence": sequence,
            "stem": stem,
            # Some archives have capitals.
            "image": f"{SEQUENCES[sequence].images}/{stem}.{'DCM' if patient == '4' else 'dcm'}",
            "rows": rows,
            "columns": columns,
            "row_spacing_mm": row_mm,
            "column_spacing_mm": column_mm,
            "slice_distance_mm": distance_mm,
        }

    def submit(self, experiments=(("T1DUAL", "of_t1", T1), ("T2SPIR", "of_t2", T2))):
        """Make the zip of these folders, experiments and sequences."""
        make_submission(
            predictions=[self.predict(experiment, sequence) for _, experiment, sequence in experiments],
            folders=[folder for folder, *_ in experiments],
            archive=self.archive,
            contents=self.contents,
            **self.tables(),
        )


@pytest.fixture
def cohort(tmp_path):
    return Cohort(tmp_path)
