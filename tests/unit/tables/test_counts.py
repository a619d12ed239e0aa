"""A study of two volumes counted from the archive to its tables, and each step at which a slice may be lost."""

import pytest

from chaosliver.base.columns import COUNT_COLUMNS, INVENTORY_COLUMNS, LISTED_COLUMNS, SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_text, write_tsv
from chaosliver.tables.counts import count_slices

IN, GROUND = ["IMG-0004-00002", "IMG-0004-00004", "IMG-0004-00006"], "T1DUAL/Ground"
OUT = ["IMG-0004-00001", "IMG-0004-00003", "IMG-0004-00005"]
T2 = ["a", "b"]
LISTED = [
    *({"file": f"T1DUAL/DICOM_anon/InPhase/{stem}.dcm", "state": "unpacked"} for stem in IN),
    *({"file": f"T1DUAL/DICOM_anon/OutPhase/{stem}.dcm", "state": "unpacked"} for stem in OUT),
    *({"file": f"{GROUND}/{stem}.PNG", "state": "unpacked"} for stem in IN),
    {"file": f"{GROUND}/Thumbs.db", "state": "left out"},
    {"file": "T1DUAL/notes.txt", "state": "left out"},
]


class Study:
    """The files of patient 1 with ground truth, both phases, and of patient 2 of the test cohort without, T2."""

    def __init__(self, folder):
        self.folder = folder
        self.listed = {
            "1": LISTED,
            "2": [{"file": f"T2SPIR/DICOM_anon/{stem}.dcm", "state": "unpacked"} for stem in T2],
        }
        self.slices = {
            "1": [
                *(row("1", "t1_in_phase", stem, stem) for stem in IN),
                *(row("1", "t1_out_of_phase", stem, ground) for stem, ground in zip(OUT, IN, strict=True)),
            ],
            "2": [row("2", "t2_spir", stem) for stem in T2],
        }
        self.indexes = {
            "png/8bit/t1_in_phase/1": IN,
            "png/16bit/t1_in_phase/1": IN,
            "png/8bit/t2_spir/2": T2,
            "masks/liver/t1_in_phase/1": IN,
            "masks/liver/t1_out_of_phase/1": OUT,
        }
        self.scored = [
            *(scored("0", "1", "t1_in_phase", stem) for stem in IN),
            *(scored("1", "1", "t1_in_phase", stem) for stem in IN),
            *(scored("0", "2", "t2_spir", stem) for stem in T2),
        ]

    def count(self):
        files = {"listed": [], "slices": [], "image_indexes": [], "mask_indexes": []}
        for patient in self.listed:
            files["listed"].append(self.folder / f"raw/{patient}.listed.tsv")
            rows = ({**each, "why": ""} for each in self.listed[patient])
            write_tsv(files["listed"][-1], LISTED_COLUMNS, rows)
            files["slices"].append(self.folder / f"inventory/{patient}.slices.tsv")
            write_tsv(files["slices"][-1], INVENTORY_COLUMNS, self.slices[patient])
        for name, stems in self.indexes.items():
            index = self.folder / f"{name}.tsv"
            write_text(index, "file\tsha256\n" + "".join(f"{stem}.png\t0\n" for stem in stems))
            files["image_indexes" if name.startswith("png") else "mask_indexes"].append(index)
        table = self.folder / "tables/slices.tsv"
        write_tsv(table, SLICE_COLUMNS, self.scored)
        count_slices(**files, slices_table=table, counts_table=self.folder / "tables/counts.tsv")
        return read_tsv(self.folder / "tables/counts.tsv")


def row(patient, sequence, stem, ground=""):
    named = {"patient": patient, "sequence": sequence, "stem": stem, "ground": ground and f"{GROUND}/{ground}.PNG"}
    return {**dict.fromkeys(INVENTORY_COLUMNS), **named}


def scored(fold, patient, sequence, stem):
    named = {"experiment": "small", "fold": fold, "seed": "1", "patient": patient, "sequence": sequence, "stem": stem}
    return {**dict.fromkeys(SLICE_COLUMNS), **named}


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_each_volume_has_a_row_and_all_of_them_a_sentence(study, caplog):
    caplog.set_level("INFO")
    rows = study.count()
    assert [tuple(row) for row in rows] == [COUNT_COLUMNS] * 3
    assert [" ".join(row.values()) for row in rows] == [
        "1 t1_in_phase 3 3 3 3 3 3 3 3 3 1",
        # Of images that no network saw there are no PNG and no scores.
        "1 t1_out_of_phase 3 3 3   3 3 3 3 1",
        "2 t2_spir 2 2 2 2 2     0",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "3 volumes with 8 slices in the archive: all were read, 6 with their mask, and 5 are scored in the tables; "
        "none was lost on the way"
    ]


def lose(study, step):
    """Drop the last slice at one step; what the message says of both steps."""
    if step == "unpacked image":
        study.listed["1"] = [LISTED[0], LISTED[1], {**LISTED[2], "state": "lost"}, *LISTED[3:]]
        return "3 slices in the files listed, 2 in the files unpacked: IMG-0004-00006"
    if step == "unpacked mask":
        study.listed["1"] = [*LISTED[:8], {**LISTED[8], "state": "lost"}]
        return "3 slices in the files listed, 2 in the files unpacked: IMG-0004-00006"
    if step == "read image":
        del study.slices["1"][2]
        return "3 slices in the files unpacked, 2 in the inventory: IMG-0004-00006"
    if step == "paired mask":
        study.slices["1"][2] = row("1", "t1_in_phase", IN[2])
        return "3 slices in the files unpacked, 2 in the pairs: IMG-0004-00006"
    if step == "scored slice":
        del study.scored[5]
        return r"3 slices in .*slices.tsv \(small 0 1\), 2 in .*slices.tsv \(small 1 1\): IMG-0004-00006"
    name = {"image": "png/16bit/t1_in_phase/1", "mask": "masks/liver/t1_out_of_phase/1"}[step.split()[1]]
    study.indexes[name] = study.indexes[name][:2]
    lost = "IMG-0004-00005" if "mask" in step else "IMG-0004-00006"
    return rf"3 slices in .*, 2 in .*{name}\.tsv: {lost}"


STEPS = [
    "unpacked image",
    "unpacked mask",
    "read image",
    "paired mask",
    "written image",
    "written mask",
    "scored slice",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_slice_that_is_lost_at_a_step_is_named_with_both_steps(study, step):
    words = lose(study, step)
    with pytest.raises(InputError, match=rf"were lost .*\n(.*\n)*  patient 1, T1 .*phase: {words}\n(.*\n)*Delete"):
        study.count()
    assert not (study.folder / "tables/counts.tsv").exists()


def test_a_slice_in_anothers_place_is_lost_though_the_number_is_right(study):
    study.indexes["png/8bit/t2_spir/2"] = ["a", "c"]
    with pytest.raises(InputError, match=r"patient 2, T2-SPIR: 2 slices in the inventory, 2 in .*2\.tsv: b, c"):
        study.count()
