"""What else was tried on our own recipe: each variant beside a control, cross-validated over the sample's 14 patients.

Prepares the sample by the workflow. Then each variant of the speedrun's recipe is trained on the same folds, one thread
each, and the held-out patients are scored on their images' own pixels. Trainings that are in `--output` are not run
again, so that a run can be stopped and continued.
"""

import argparse
import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import yaml
from accuracy import run_sample
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, parse_with_archive
from scipy import stats
from torch import nn
from training_step import configured

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.png import read_png
from chaosliver.base.settings import from_mapping
from chaosliver.measure.metrics import dice
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.batches import SliceSet, load_slices
from chaosliver.network.losses import LOSSES, bce_dice
from chaosliver.network.prediction import for_inference, segment_volume
from chaosliver.network.recipe import TrainingSettings
from chaosliver.network.training import Callbacks, State, train_network
from chaosliver.prepare.samples import Sample, list_samples
from chaosliver.study import inputs
from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import merge
from chaosliver.study.plan import Plan

RESULTS, CONTROL, SEEDS = "results/tried", "control", (1, 2, 3)
COLUMNS = (
    *("variant", "fold", "seed", "patient", "dice_3d", "mean_dice_organ_slices", "processor_seconds"),
    *("command", "date", "commit", "machine"),
)
MEMORY = 8 << 30
BOUNDARY_WEIGHT = 0.02
FINE = {"rows": 160, "columns": 224, "spacing_mm": 1.8}
COARSE_START = {"share": 0.75, "grid": {"rows": 96, "columns": 128, "spacing_mm": 3.0}}
# Slices at the liver's ends, so many within and one beyond, are passed so many times as often as the others.
ENDS_WITHIN, ENDS_TIMES = 2, 3


@dataclass(frozen=True)
class Variant:
    """How a variant differs from the control: in settings of the experiment, and in what a function does."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    alter: Callable[["Training", SliceSet], SliceSet] | None = None
    needs_control: bool = False


class Training(NamedTuple):
    """One training of a variant: who learns and who is held out, and the finished networks of the control."""

    variant: str
    fold: int
    seed: int
    learned: list[Sample]
    held_out: list[Sample]
    settings: TrainingSettings


def distilled(training: Training, slices: SliceSet) -> SliceSet:
    """Targets halfway between the masks and the mean probability of the control's networks of three seeds."""
    each = [answers(network_of(training, seed), slices) for seed in SEEDS]
    return slices._replace(masks=(0.5 * slices.masks + 0.5 * np.mean(each, axis=0)).astype(np.float32))


def pseudo_labelled(training: Training, slices: SliceSet) -> SliceSet:
    """The held-out patients' images as well, with what the control's network says of them as masks."""
    more = sliced(training.held_out, training.settings)
    guessed = (answers(network_of(training, training.seed), more) >= 0.5).astype(np.uint8)
    return SliceSet(
        np.concatenate([slices.images, more.images]),
        np.concatenate([slices.masks, guessed]),
        np.concatenate([slices.patients, more.patients]),
        np.concatenate([slices.sequences, more.sequences]),
        np.concatenate([slices.neighbours, more.neighbours + len(slices.images)]),
    )


def ends_more_often(training: Training, slices: SliceSet) -> SliceSet:
    """Slices at both ends of each liver several times."""
    rows = np.arange(len(slices.patients))
    ends = []
    for patient in np.unique(slices.patients):
        own = rows[slices.patients == patient]
        liver = np.flatnonzero(slices.masks[own, 0].any(axis=(1, 2)))
        for first, last in ((liver[0] - 1, liver[0] + ENDS_WITHIN), (liver[-1] - ENDS_WITHIN + 1, liver[-1] + 2)):
            ends.append(own[max(first, 0) : last])
    chosen = np.concatenate([rows, *(ENDS_TIMES - 1) * ends])
    of = {name: getattr(slices, name)[chosen] for name in ("masks", "patients", "sequences", "neighbours")}
    return slices._replace(**of)


def liver_alone(training: Training, slices: SliceSet) -> SliceSet:
    """No other organ to learn."""
    return slices._replace(masks=slices.masks[:, :1])


VARIANTS = {
    CONTROL: Variant(),
    "five neighbouring slices": Variant({"recipe": {"context": 2}}),
    "the liver alone": Variant(alter=liver_alone),
    "strong transforms": Variant({"recipe": {"transforms": "strong"}}),
    "parts of other patients (mixing: 0.5)": Variant({"recipe": {"mixing": 0.5}}),
    "end slices more often": Variant(alter=ends_more_often),
    "boundary loss": Variant({"recipe": {"loss": "bce_dice_boundary"}}),
    "finer pixels late": Variant({"recipe": {"grid": FINE, "coarse_start": COARSE_START}}),
    "twice the epochs": Variant({"recipe": {"epochs": 64}}),
    "twice the channels and the epochs": Variant({"network": {"channels": 32}, "recipe": {"epochs": 64}}),
    "distilled from three networks": Variant(alter=distilled, needs_control=True),
    "pseudo-labels of the held-out images": Variant(alter=pseudo_labelled, needs_control=True),
}


def main() -> None:
    """Train what is not in `--output` yet, add it there, and print a table of all."""
    arguments = _arguments()
    overlay = overlay_of()
    run_sample({**overlay, "training": {"threads": 1}}, arguments.archive, arguments.processes, ["prepared"])
    common = circumstances()
    rows = read_tsv(arguments.output, COLUMNS) if arguments.output.exists() else []
    done = {(row["variant"], int(row["fold"]), int(row["seed"])) for row in rows}
    wanted = [
        (variant, fold, seed)
        for seed in SEEDS
        for variant in arguments.variants
        for fold in range(3)
        # The control of every seed, since some variants learn from it.
        if seed in arguments.seeds or variant == CONTROL
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, spawn, max_tasks_per_child=1) as pool:
        for later in (False, True):
            due = [key for key in wanted if key not in done and VARIANTS[key[0]].needs_control == later]
            for finished in as_completed([pool.submit(train_and_score, *key) for key in due]):
                rows += [{**row, **common} for row in finished.result()]
                write_tsv(arguments.output, COLUMNS, rows)
                print("  ".join(str(rows[-1][column]) for column in COLUMNS[:3]), flush=True)
    for line in summary(rows):
        print(line)


def overlay_of() -> dict[str, Any]:
    """The control as an experiment of a study of its own: the speedrun's entry, in three folds."""
    entry = yaml.safe_load((ROOT / "benchmarks/speedruns/ours.yaml").read_text(encoding="utf-8"))
    return {
        "results": RESULTS,
        "experiments": {CONTROL: {**entry, "split": "three_fold", "seeds": list(SEEDS)}},
        "study": [CONTROL],
    }


def train_and_score(name: str, fold: int, seed: int) -> list[dict[str, Any]]:
    """Train one network of a variant, and score it on each held-out patient."""
    torch.set_num_threads(1)
    variant, training = VARIANTS[name], training_of(name, fold, seed)
    started = time.process_time()
    network, settings = trained(variant, training)
    seconds = round(time.process_time() - started, 1)
    torch.save(network.state_dict(), weights_file(name, fold, seed))
    rows = []
    for patient in dict.fromkeys(sample.patient for sample in training.held_out):
        volume = [sample for sample in training.held_out if sample.patient == patient]
        labels = {"variant": name, "fold": fold, "seed": seed, "patient": patient}
        rows.append({**labels, **scores(network, volume, settings), "processor_seconds": seconds})
    return rows


def training_of(name: str, fold: int, seed: int) -> Training:
    """What a training needs, from the plan of the prepared study."""
    config = merge(configured("config.yaml", "sample.yaml"), overlay_of())
    config["experiments"][CONTROL] = merge(config["experiments"][CONTROL], VARIANTS[name].settings)
    if config["experiments"][CONTROL]["recipe"].get("loss") in OWN_LOSSES:
        LOSSES.update(OWN_LOSSES)
        config["experiments"][CONTROL]["recipe"].pop("loss")
    config["patients"] = str(ROOT / config["patients"])
    plan = Plan.of(config, read_schema(ROOT / "workflow/schemas/config.schema.yaml"))
    plain = {**plan.training_settings(CONTROL, str(fold), str(seed)), "threads": 1, "code": ""}
    settings = from_mapping(TrainingSettings, plain)
    if loss := VARIANTS[name].settings.get("recipe", {}).get("loss"):
        settings = replace(settings, recipe=replace(settings.recipe, loss=loss))
    read = inputs.train(plan, CONTROL, str(fold))
    held_out = inputs.draw_triplets(plan, CONTROL, f"fold{fold}_seed{seed}")
    return Training(
        *(name, fold, seed),
        list_samples(_below(read["train_images"]), _below(read["train_masks"])),
        list_samples(_below(held_out["image_indexes"]), _below(held_out["mask_indexes"])),
        settings,
    )


def trained(variant: Variant, training: Training) -> tuple[nn.Module, TrainingSettings]:
    """The network, and the settings by which it sees images."""
    settings, device = training.settings, torch.device("cpu")
    slices = sliced(training.learned, settings)
    number = len(slices.patients)
    if variant.alter:
        slices = variant.alter(training, slices)
        # As many steps as the control has.
        settings = replace(settings, recipe=replace(settings.recipe, samples_per_epoch=number))
    start, coarse = settings.recipe.coarse_start, None
    if start:
        coarse = sliced(training.learned, replace(settings, recipe=replace(settings.recipe, grid=start.grid)))
    state = train_network(settings, slices, None, device, Callbacks(), coarse=coarse)
    return ready(state, slices.organs, settings), settings


def ready(state: State, organs: int, settings: TrainingSettings) -> nn.Module:
    """A trained network."""
    network = empty(organs, settings)
    network.load_state_dict(state.best)
    return network.eval()


def empty(organs: int, settings: TrainingSettings) -> nn.Module:
    """A network without its weights."""
    return build_network({**settings.network, "inputs": 2 * settings.recipe.context + 1, "outputs": organs})


def network_of(training: Training, seed: int) -> nn.Module:
    """The control's network of the same fold."""
    weights = torch.load(weights_file(CONTROL, training.fold, seed), weights_only=True)
    network = empty(len(training.learned[0].masks), training.settings)
    network.load_state_dict(weights)
    return network.eval()


def weights_file(name: str, fold: int, seed: int) -> Path:
    """Where a network is kept for the variants that learn from it."""
    folder = ROOT / RESULTS / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name.replace(' ', '_').replace(':', '')}_{fold}_{seed}.pt"


def sliced(samples: Sequence[Sample], settings: TrainingSettings) -> SliceSet:
    """Slices in memory as the network sees them."""
    slices = load_slices(samples, settings.recipe, MEMORY, 1)
    if not isinstance(slices, SliceSet):
        raise TypeError("the slices do not fit into memory")
    return slices


@torch.inference_mode()
def answers(network: nn.Module, slices: SliceSet) -> np.ndarray:
    """Probabilities of all organs [slices, organs, rows, columns]."""
    batches = np.array_split(np.arange(len(slices.patients)), max(len(slices.patients) // 8, 1))
    return np.concatenate([torch.sigmoid(network(torch.from_numpy(of))).numpy() for of, _ in slices.read(batches)])


def scores(network: nn.Module, volume: Sequence[Sample], settings: TrainingSettings) -> dict[str, float]:
    """3D Dice, and the mean over slices with liver, of the largest component on the image's own pixels."""
    device = torch.device("cpu")
    networks = [for_inference(network, device, settings.recipe.precision)]
    planes = [sample.plane() for sample in volume]
    drawn = segment_volume(networks, planes, settings.recipe, device, threshold=0.5, largest_component=True) > 0
    truth = np.stack([read_png(sample.masks[0]) > 0 for sample in volume])
    sliced_dice = [dice(own, guess) for own, guess in zip(truth, drawn, strict=True) if own.any()]
    return {"dice_3d": dice(truth, drawn), "mean_dice_organ_slices": float(np.mean(sliced_dice))}


def bce_dice_boundary(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """BCE and Dice, and the boundary loss of Kervadec et al. (MIDL 2019): probability times signed distance."""
    flat = (masks > 0.5).flatten(0, 1).numpy().astype(np.uint8)
    distances = torch.from_numpy(np.stack([signed_distance(mask) for mask in flat])).reshape(masks.shape)
    return bce_dice(logits, masks) + BOUNDARY_WEIGHT * (torch.sigmoid(logits) * distances).mean((0, 2, 3))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Pixels to the edge of a mask, negative within; 0 everywhere where there is none."""
    if not mask.any() or mask.all():
        return np.zeros(mask.shape, np.float32)
    outside, inside = (cv2.distanceTransform(of, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for of in (1 - mask, mask))
    return np.where(mask > 0, 1 - inside, outside).astype(np.float32)


OWN_LOSSES = {"bce_dice_boundary": bce_dice_boundary}


def summary(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """For each variant its means, the paired difference from the control with a 95 % interval, and its time.

    Over patients; with the control of the same seeds, whose mean is each patient's value.
    """
    values: dict[str, dict[tuple[str, str], tuple[float, float]]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        key = (str(row["patient"]), str(row["seed"]))
        values[str(row["variant"])][key] = (float(row["dice_3d"]), float(row["mean_dice_organ_slices"]))
        seconds[str(row["variant"])].append(float(row["processor_seconds"]))
    for variant, own in values.items():
        patients = sorted({patient for patient, _ in own})
        seeds = sorted({seed for _, seed in own})
        paired = [by_patient(of, patients, seeds) for of in (own, values[CONTROL])]
        told = [f"{mean:.3f}" for mean in paired[0].mean(axis=0)]
        for number in range(2):
            difference = paired[0][:, number] - paired[1][:, number]
            if difference.any():
                low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
                told.append(f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
        yield f"{variant}: {', '.join(told)}; {np.mean(seconds[variant]):.0f} s, seeds {' '.join(seeds)}"


def by_patient(
    values: Mapping[tuple[str, str], tuple[float, float]], patients: Sequence[str], seeds: Sequence[str]
) -> np.ndarray:
    """Means over seeds [patients, 2]."""
    return np.array([np.mean([values[patient, seed] for seed in seeds], axis=0) for patient in patients])


def _below(paths: Iterable[str]) -> list[Path]:
    return [ROOT / path for path in paths]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the 14 patients, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], choices=SEEDS, help="default: 1")
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time; default: 2")
    parser.add_argument("--output", type=Path, required=True, help="a TSV with what was trained, which is added to")
    return parse_with_archive(parser)


if __name__ == "__main__":
    main()
