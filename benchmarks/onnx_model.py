"""The ONNX file's masks of held-out patients against those of torch, in float32 and in the precision of this machine.

Of a finished study, each network of the first draw and seed becomes a pack and an ONNX file, which segment the patients
that it never saw from their raw DICOM files. Both read the same grey values; seconds are of the answer alone.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import torch
from own_studies import arguments_of, first_draw, pack_of, plan_of, raw_of
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.packfiles import Pack, open_pack
from chaosliver.base.settings import from_mapping
from chaosliver.exams.opening import files_of_exam
from chaosliver.exams.series import choose_series, find_series
from chaosliver.exams.volumes import Axial, axial, planes_of, read_series
from chaosliver.measure.metrics import dice
from chaosliver.network.answers import Answer, answer_to
from chaosliver.network.job.exporting import export_pack
from chaosliver.network.job.predictions import common_recipe
from chaosliver.network.models import load_model
from chaosliver.network.prediction import for_inference
from chaosliver.prepare.images import Encoding
from chaosliver.study.plan import Plan
from chaosliver.study.runs import Run

COLUMNS = (
    *("experiment", "fold", "seed", "patient", "sequence", "dice_with_float32", "dice_with_own_precision"),
    *("seconds_onnx", "seconds_torch"),
)


def main() -> None:
    """Compare, print the lowest Dice and the ratio of seconds, and write a row for each patient to `--output`."""
    arguments = arguments_of(__doc__)
    torch.set_num_threads(arguments.threads)
    plan = plan_of(arguments.configfile)
    name = arguments.experiment or plan.baseline
    sequence = plan.experiments[name].score_on[0]
    rows = [row for run in first_draw(plan, name) for row in compared(plan, run, sequence, arguments.threads)]
    for column in ("dice_with_float32", "dice_with_own_precision"):
        print(f"{column}: lowest of {len(rows)} patients {min(row[column] for row in rows):.6f}")
    ratio = statistics.median(row["seconds_onnx"] / row["seconds_torch"] for row in rows)
    print(f"onnxruntime takes {ratio:.2f} times as long as torch (median)")
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def compared(plan: Plan, run: Run, sequence: str, threads: int) -> Iterator[dict[str, Any]]:
    """A row for each patient that a network never saw."""
    results = Path(plan.results)
    scored = read_tsv(results / f"volumes/{run.experiment}/{run.name}.tsv")
    with TemporaryDirectory() as name:
        folder, model = Path(name, "pack"), Path(name, "model.onnx")
        pack_of(plan, run, folder)
        export_pack(pack=folder, model=model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model, options)
        for row in (row for row in scored if row["sequence"] == sequence):
            with files_of_exam(raw_of(results, row)) as files:
                view = axial(read_series(choose_series(raw_of(results, row), *find_series(files), None)))
            seconds, mask = _timed(lambda view=view: session.run(None, _inputs(view))[0].astype(bool))
            exact, own = (torch_answers(open_pack(folder), view, precision) for precision in ("float32", None))
            yield {
                **{key: row[key] for key in ("experiment", "fold", "seed", "patient", "sequence")},
                "dice_with_float32": dice(exact[1].mask, mask),
                "dice_with_own_precision": dice(own[1].mask, mask),
                "seconds_onnx": round(seconds, 3),
                "seconds_torch": round(exact[0], 3),
            }


def torch_answers(pack: Pack, view: Axial, precision: str | None) -> tuple[float, Answer]:
    """Seconds and answer of the pack's networks, in another precision than that of their recipe if one is given."""
    models = [load_model(card, weights) for card, weights in zip(pack.cards, pack.weights, strict=True)]
    recipe = common_recipe(pack.cards, [facts["recipe"] for _, facts in models])
    recipe = dataclasses.replace(recipe, precision=precision) if precision else recipe
    cpu = torch.device("cpu")
    networks = [for_inference(network, cpu, recipe.precision) for network, _ in models]
    settings = {key: pack.described[key] for key in ("threshold", "largest_component")}
    encoding = from_mapping(Encoding, pack.described["encoding"])
    return _timed(
        lambda: answer_to(planes_of(view, encoding), networks=networks, recipe=recipe, device=cpu, **settings)
    )


def _inputs(view: Axial) -> dict[str, np.ndarray]:
    return {
        "greys": view.greys.astype(np.float32),
        "spacing_mm": np.array([view.row_mm, view.column_mm], np.float32),
        "positions_mm": np.array(view.positions_mm, np.float32),
    }


def _timed(answer: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    found = answer()
    return time.perf_counter() - started, found


if __name__ == "__main__":
    main()
