"""What several networks gain together, and what they cost: patients that none of them saw, one network against many.

Of a finished study, each patient is segmented by every network that held it out: those of one draw's seeds, and of all
draws. Together they answer by their mean probability, as a pack of several networks does. A row for each patient and
number of networks; `dice_3d` is the mean over the choices of so many networks that were tried (each alone; each draw's
seeds; all), `seconds` the mean of one answer on images in memory.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from own_studies import arguments_of, plan_of, reference_of
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv
from chaosliver.measure.metrics import dice
from chaosliver.measure.patient_statistics import mean_interval
from chaosliver.network.job.predictions import common_recipe
from chaosliver.network.models import load_model
from chaosliver.network.prediction import for_inference, segment_volume
from chaosliver.prepare.samples import list_images
from chaosliver.study.plan import Plan
from chaosliver.study.runs import Run

COLUMNS = ("experiment", "sequence", "patient", "networks", "dice_3d", "seconds")


def main() -> None:
    """Segment, print gain and cost by number of networks, and write a row for each patient to `--output`."""
    arguments = arguments_of(__doc__)
    torch.set_num_threads(arguments.threads)
    plan = plan_of(arguments.configfile)
    rows = list(answered(plan, arguments.experiment or plan.baseline))
    alone = _column(rows, 1, "dice_3d")
    for count in sorted({row["networks"] for row in rows}):
        gain = _column(rows, count, "dice_3d") - alone
        low, high = mean_interval(gain) or (np.nan, np.nan)
        print(
            f"{count} networks: 3D Dice {alone.mean() + gain.mean():.4f}, {gain.mean():+.4f} [{low:+.4f}, {high:+.4f}] "
            f"against one, {statistics.mean(_column(rows, count, 'seconds')):.2f} s a volume"
        )
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def answered(plan: Plan, experiment: str) -> Iterator[dict[str, Any]]:
    """A row for each held-out patient and number of networks."""
    results, settings = Path(plan.results), plan.experiments[experiment]
    sequence, cpu = settings.score_on[0], torch.device("cpu")
    models = {run: load_model(*_files(results, run)) for run in plan.runs_of(experiment)}
    cards = [_files(results, run)[0] for run in models]
    recipe = common_recipe(cards, [facts["recipe"] for _, facts in models.values()])
    ready = {run: for_inference(network, cpu, recipe.precision) for run, (network, _) in models.items()}
    for patient in plan.cohort_patients("development"):
        own = [run for run in models if patient in plan.patients_in(experiment, run.fold, "test")]
        by_fold = [[run for run in own if run.fold == fold] for fold in dict.fromkeys(run.fold for run in own)]
        volume = [
            each.plane() for each in list_images(results / "png" / settings.encoding / sequence / f"{patient}.tsv")
        ]
        truth = reference_of(results, {"organ": settings.organ}, {"sequence": sequence, "patient": patient})
        for choices in ([[run] for run in own], by_fold, [own]):
            scores = []
            started = time.perf_counter()
            for runs in choices:
                mask = segment_volume(
                    [ready[run] for run in runs],
                    volume,
                    recipe,
                    cpu,
                    threshold=settings.threshold,
                    largest_component=settings.largest_component,
                )
                scores.append(dice(truth, mask == 255))
            yield {
                "experiment": experiment,
                "sequence": sequence,
                "patient": patient,
                "networks": len(choices[0]),
                "dice_3d": round(statistics.mean(scores), 6),
                "seconds": round((time.perf_counter() - started) / len(choices), 3),
            }


def _files(results: Path, run: Run) -> tuple[Path, Path]:
    folder = results / "models" / run.experiment / run.name
    return folder / "card.json", folder / "weights.safetensors"


def _column(rows: Sequence[dict[str, Any]], count: int, column: str) -> np.ndarray:
    return np.array([row[column] for row in rows if row["networks"] == count])


if __name__ == "__main__":
    main()
