"""Held-out patients given as raw DICOM, as if they were one's own studies: the workflow's Dice again, and the flags.

Of a finished study, each network of the first draw and seed becomes a pack that knows only the patients which trained
it, and segments those that it never saw. A flag on them is a false alarm, or a mask that deserves a second look: the
Dice beside it says which.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import yaml
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import read_index
from chaosliver.base.png import read_png
from chaosliver.exams.opening import files_of_exam
from chaosliver.exams.segmenting import segment_exams
from chaosliver.exams.series import choose_series, find_series
from chaosliver.measure.metrics import dice
from chaosliver.study.configuration import check_config, read_schema
from chaosliver.study.experiments import merge
from chaosliver.study.plan import Plan
from chaosliver.study.runs import Run
from chaosliver.tables.packs import make_pack

COLUMNS = (
    *("experiment", "fold", "seed", "patient", "sequence", "dice_3d", "dice_3d_of_own_study", "flags", "seconds"),
)


def main() -> None:
    """Segment, print how many have flags and how far the Dice differs, and write a row for each to `--output`."""
    arguments = arguments_of(__doc__)
    plan = plan_of(arguments.configfile)
    name = arguments.experiment or plan.baseline
    sequence = plan.experiments[name].score_on[0]
    rows = [row for run in first_draw(plan, name) for row in own_studies(plan, run, sequence, arguments.threads)]
    apart = max(abs(row["dice_3d"] - row["dice_3d_of_own_study"]) for row in rows)
    flagged = [row for row in rows if row["flags"]]
    print(f"{len(rows)} patients, {sequence}: the Dice differs by {apart:.1e} at most; {len(flagged)} have a flag")
    for row in flagged:
        print(f"patient {row['patient']}, 3D Dice {row['dice_3d']:.3f}: {row['flags']}")
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def plan_of(overlays: list[Path]) -> Plan:
    """The plan of the workflow's configuration under overlays."""
    config: dict[str, Any] = {}
    for path in (ROOT / "config/config.yaml", *overlays):
        config = merge(config, yaml.safe_load(path.read_text(encoding="utf-8")))
    schema = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    check_config(config, schema)
    return Plan.of(config, schema)


def first_draw(plan: Plan, experiment: str) -> list[Run]:
    """The networks of the first seed that hold each patient out once."""
    runs = plan.runs_of(experiment)
    return [run for run in runs if run.seed == runs[0].seed][: plan.folds_per_draw()[experiment]]


def own_studies(plan: Plan, run: Run, sequence: str, threads: int) -> Iterator[dict[str, Any]]:
    """A row for each patient that a network never saw."""
    results, settings = Path(plan.results), pack_settings(plan, run)
    with TemporaryDirectory() as name:
        pack, folder = Path(name, "pack"), Path(name, "segmented")
        pack_of(plan, run, pack)
        scored = read_tsv(results / f"volumes/{run.experiment}/{run.name}.tsv")
        held_out = [row for row in scored if row["sequence"] == sequence]
        exams = [{"name": row["patient"], "path": str(raw_of(results, row)), "series": None} for row in held_out]
        segment_exams(
            exams=exams,
            pack=pack,
            folder=folder,
            anonymise=True,
            tolerance_mm=plan.config["surface_tolerance_mm"],
            threads=threads,
            code="",
            table=Path(name, "table.tsv"),
        )
        for row, found in zip(held_out, read_tsv(Path(name, "table.tsv")), strict=True):
            yield {
                **{key: row[key] for key in ("experiment", "fold", "seed", "patient", "sequence")},
                "dice_3d": float(row["dice_3d"]),
                "dice_3d_of_own_study": round(
                    dice(reference_of(results, settings, row), mask_of(folder, results, row)), 6
                ),
                "flags": found["flags"],
                "seconds": float(found["seconds"]),
            }


def pack_settings(plan: Plan, run: Run) -> dict[str, Any]:
    """What a pack says of a network besides the network."""
    return {
        "experiment": run.experiment,
        "networks": "folds",
        "sequences": list(plan.experiments[run.experiment].train_on),
        **plan.model_settings(run.experiment),
    }


def pack_of(plan: Plan, run: Run, folder: Path) -> None:
    """A pack of one network of a finished study, that knows only the patients which trained it."""
    results = Path(plan.results)
    model, trained = results / "models" / run.experiment / run.name, plan.patients_in(run.experiment, run.fold, "train")
    make_pack(
        cards=[model / "card.json"],
        weights=[model / "weights.safetensors"],
        scores=[results / "volumes" / run.experiment / f"{run.name}.tsv"],
        pairs=[results / "inventory" / f"{patient}.pairs.tsv" for patient in trained],
        raw_indexes=[results / "raw" / f"{patient}.tsv" for patient in trained],
        trained_as=[plan.origin_of(run)],
        settings=pack_settings(plan, run),
        source=plan.source,
        folder=folder,
    )


def raw_of(results: Path, row: dict[str, str]) -> Path:
    """The folder of a patient's DICOM files."""
    return results / "raw" / row["patient"] / SEQUENCES[row["sequence"]].images


def reference_of(results: Path, settings: dict[str, Any], row: dict[str, str]) -> np.ndarray:
    """The ground truth [slices, rows, columns], in the order of the slices' places."""
    folder = results / "masks" / settings["organ"] / row["sequence"] / row["patient"]
    files = [each["file"] for each in read_index(folder.with_name(f"{folder.name}.tsv"), folder)]
    return np.stack([read_png(folder / file) for file in files]) == 255


def mask_of(folder: Path, results: Path, row: dict[str, str]) -> np.ndarray:
    """The mask [slices, rows, columns] of the slices that there are."""
    raw = raw_of(results, row)
    with files_of_exam(raw) as files:
        places = choose_series(raw, *find_series(files), None).places
    mask = np.asarray(nibabel.load(folder / row["patient"] / "mask.nii.gz").dataobj).transpose(2, 1, 0)
    return mask[list(places)] == 1


def arguments_of(description: str) -> argparse.Namespace:
    """What the command line says of a finished study, for this and other benchmarks of one."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--configfile", type=Path, nargs="+", required=True, help="the finished study's overlays")
    parser.add_argument("--experiment", help="by default the study's first")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
