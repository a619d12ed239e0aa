"""Accuracy of other packages on the sample in the same minutes: nnU-Net v2 (2D) and MONAI's BasicUNet.

Each is installed into a folder of its own, never among the project's dependencies. It uses its own preprocessing,
augmentation, optimiser and loss, and a learning rate that reaches its end with the given minutes. Both are trained on
the same patients and scored on the held-out ones with the project's metrics. Only training counts as time.
"""

import argparse
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, prepare

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.acquire.archive import open_archive, sequences_by_patient
from chaosliver.base.anatomy import ORGANS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.png import read_png
from chaosliver.measure.metrics import dice
from chaosliver.prepare.dicom import read_slice
from chaosliver.prepare.masks import binary_mask

ORGAN, SEQUENCE = "liver", "t1_in_phase"
HELD_OUT = ("13", "33", "39")
# nnU-Net's own dependencies would bring other versions of ours: these are the ones still missing, without torchvision.
PACKAGES = {
    "nnunet": (
        *("nnunetv2==2.8.1", "acvl-utils==0.2.6", "dynamic-network-architectures==0.4.4", "batchgenerators==0.25.5"),
        *("batchgeneratorsv2==0.3.6", "einops==0.8.2", "fft-conv-pytorch==1.2.0", "blosc2==4.14.1", "ndindex==1.10.1"),
        *("msgpack==1.2.4", "numexpr==2.14.2", "py-cpuinfo==9.0.0", "httpx==0.28.1", "dicom2nifti==2.6.2"),
        *("yacs==0.1.8", "graphviz==0.21", "tifffile==2026.3.3", "imagecodecs==2026.3.6", "nibabel==5.4.2"),
        *("connected-components-3d==4.1.1", "fastremap==1.21.0", "scikit-image==0.26.0", "lazy-loader==0.6"),
        *("scikit-learn==1.9.1", "joblib==1.6.0", "threadpoolctl==3.8.0", "cloudpickle==3.1.2", "narwhals==2.29.0"),
    ),
    "monai": ("monai==1.6.1",),
}
DATASET, CASE_ENDING = "Dataset001_CHAOS", ".nii.gz"


def main() -> None:
    """Install, prepare, train and score; or, in the package's own process, train and predict."""
    arguments = _arguments()
    if arguments.worker:
        clock = time.process_time if arguments.processor_time else time.perf_counter
        WORKERS[arguments.worker](arguments.work, time_shares(arguments.minutes, clock), arguments.threads)
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            write_volumes(arguments.archive, folder)
        except InputError as error:
            sys.exit(str(error))
        for peer in arguments.peers:
            install(peer, arguments.packages / peer)
            run_worker(peer, folder, arguments)
            rows += scores_of(peer, folder)
    common = {"minutes": arguments.minutes, "threads": arguments.threads, **circumstances()}
    for row in rows:
        print("  ".join(f"{value:.3f}" if isinstance(value, float) else f"{value:>8}" for value in row.values()))
    if arguments.output:
        write_tsv(arguments.output, (*rows[0], *common), [{**row, **common} for row in rows])


def write_volumes(archive: Path, folder: Path) -> None:
    """Each patient's volume, liver and geometry as `folder`/train/<patient>.npz or `folder`/held_out/<patient>.npz."""
    with open_archive(archive) as opened:
        patients = sequences_by_patient(opened)
    for patient in patients:
        prepared, _ = prepare(archive, patient, SEQUENCE, folder / "unpacked" / patient)
        rows = read_tsv(prepared.pairs)
        grounds = [binary_mask(read_png(ground), ORGANS[ORGAN]) > 0 for _, _, ground in prepared.slices]
        place = folder / ("held_out" if patient in HELD_OUT else "train") / f"{patient}.npz"
        place.parent.mkdir(exist_ok=True)
        np.savez(
            place,
            images=np.stack([read_slice(image).pixels for _, image, _ in prepared.slices]).astype(np.float32),
            liver=np.stack(grounds),
            positions_mm=[float(row["position_mm"]) for row in rows],
            spacing_mm=[float(rows[0][key]) for key in ("slice_distance_mm", "row_spacing_mm", "column_spacing_mm")],
        )


def install(peer: str, folder: Path) -> None:
    """Install the package into its own folder, once."""
    if not folder.is_dir():
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES[peer]])


def run_worker(peer: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Train and predict in a process that can import the installed packages."""
    schedule = ["--minutes", str(arguments.minutes), "--threads", str(arguments.threads)]
    if arguments.processor_time:
        schedule.append("--processor-time")
    environment = {
        **os.environ,
        "PYTHONPATH": str(arguments.packages / peer),
        "OMP_NUM_THREADS": str(arguments.threads),
        **{f"nnUNet_{name}": str(folder / "nnunet" / name) for name in ("raw", "preprocessed", "results")},
        # Compiling takes minutes.
        "nnUNet_compile": "f",
    }
    _run([sys.executable, __file__, "--worker", peer, "--work", str(folder), *schedule], environment)


def scores_of(peer: str, folder: Path) -> list[dict[str, Any]]:
    """One row per held-out patient, and their means."""
    steps = json.loads((folder / peer / "steps.json").read_text(encoding="utf-8"))
    rows = []
    for path in sorted((folder / "held_out").glob("*.npz")):
        volume = np.load(path)
        predicted = np.load(folder / peer / f"{path.stem}.npy")
        pairs = list(zip(volume["liver"], predicted, strict=True))
        rows.append(
            {
                "peer": peer,
                "patient": path.stem,
                "steps": steps,
                "dice_3d": dice(volume["liver"], predicted),
                "dice_all_slices": statistics.mean(dice(*pair) for pair in pairs),
                "dice_slices_with_liver": statistics.mean(dice(*pair) for pair in pairs if pair[0].any()),
            }
        )
    figures = [key for key in rows[0] if key.startswith("dice")]
    mean = {key: statistics.mean(row[key] for row in rows) for key in figures}
    return [*rows, {"peer": peer, "patient": "mean", "steps": steps, **mean}]


def train_nnunet(folder: Path, shares: Iterator[float], threads: int) -> None:
    """nnU-Net v2's own plan, preprocessing, augmentation, loss and optimiser; the learning rate falls with the time."""
    import torch
    from batchgenerators.utilities.file_and_folder_operations import load_json
    from nnunetv2.experiment_planning import plan_and_preprocess_api as planning
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    _write_nnunet_dataset(folder, folder / "nnunet" / "raw" / DATASET)
    planning.extract_fingerprints([1], num_processes=1)
    planning.plan_experiments([1])
    planning.preprocess([1], configurations=["2d"], num_processes=[1])
    # Its augmentation processes would take cores away from the training. Planning does not work without them.
    os.environ["nnUNet_n_proc_DA"] = "0"  # noqa: SIM112
    torch.set_num_threads(threads)
    plans = load_json(str(folder / "nnunet" / "preprocessed" / DATASET / "nnUNetPlans.json"))
    facts = load_json(str(folder / "nnunet" / "raw" / DATASET / "dataset.json"))
    device = torch.device("cpu")
    # None of the eleven patients is left out for validation: nothing is chosen by it, and the last weights are used.
    trainer = nnUNetTrainer({**plans, "continue_training": False}, "2d", "all", facts, device)
    trainer.on_train_start()
    trainer.network.train()
    steps = 0
    for share in shares:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - share) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        steps += 1
    _write_steps(folder / "nnunet", steps)
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(perform_everything_on_device=False, device=device, allow_tqdm=False)
    managers = trainer.plans_manager, trainer.configuration_manager
    weights, axes = [trainer.network.state_dict()], trainer.inference_allowed_mirroring_axes
    predictor.manual_initialization(trainer.network, *managers, weights, facts, "nnUNetTrainer", axes)
    for path in sorted((folder / "held_out").glob("*.npz")):
        image = folder / "nnunet" / "raw" / DATASET / "imagesTs" / f"{path.stem}_0000{CASE_ENDING}"
        found = predictor.predict_single_npy_array(*SimpleITKIO().read_images([str(image)]))
        np.save(folder / "nnunet" / f"{path.stem}.npy", found > 0)


def _write_nnunet_dataset(folder: Path, raw: Path) -> None:
    import SimpleITK

    for kind in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / kind).mkdir(parents=True)
    count = 0
    for path, kind in _volumes(folder):
        volume = np.load(path)
        targets = {f"images{kind}/{path.stem}_0000": volume["images"]}
        if kind == "Tr":
            count += 1
            targets[f"labelsTr/{path.stem}"] = volume["liver"].astype(np.uint8)
        for name, voxels in targets.items():
            image = SimpleITK.GetImageFromArray(voxels)
            image.SetSpacing([float(length) for length in volume["spacing_mm"][::-1]])
            SimpleITK.WriteImage(image, str(raw / f"{name}{CASE_ENDING}"))
    facts = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, ORGAN: 1},
        "numTraining": count,
        "file_ending": CASE_ENDING,
    }
    (raw / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")


def _volumes(folder: Path) -> Iterator[tuple[Path, str]]:
    for place, kind in (("train", "Tr"), ("held_out", "Ts")):
        yield from ((path, kind) for path in sorted((folder / place).glob("*.npz")))


def train_monai(folder: Path, shares: Iterator[float], threads: int) -> None:
    """MONAI's BasicUNet by its 2D segmentation tutorial: crops of 96 x 96, Dice loss, Adam, sliding windows."""
    import torch
    from monai.data import DataLoader, Dataset
    from monai.inferers import sliding_window_inference
    from monai.losses import DiceLoss
    from monai.networks.nets import BasicUNet
    from monai.transforms import Compose, RandCropByPosNegLabeld, RandRotate90d, ScaleIntensity, ScaleIntensityd
    from monai.utils import set_determinism

    set_determinism(1)
    torch.set_num_threads(threads)
    (folder / "monai").mkdir()
    keys, window = ["image", "label"], (96, 96)
    augment = Compose(
        [
            ScaleIntensityd(keys="image"),
            RandCropByPosNegLabeld(keys, label_key="label", spatial_size=window, pos=1, neg=1, num_samples=4),
            RandRotate90d(keys, prob=0.5, spatial_axes=(0, 1)),
        ]
    )
    volumes = [np.load(path) for path in sorted((folder / "train").glob("*.npz"))]
    slices = [
        {"image": image[None], "label": liver[None].astype(np.float32)}
        for volume in volumes
        for image, liver in zip(volume["images"], volume["liver"], strict=True)
    ]
    batches = _endless(DataLoader(Dataset(slices, augment), batch_size=2, shuffle=True))
    network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=1)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    loss_of = DiceLoss(sigmoid=True)
    steps = 0
    for share in shares:
        optimiser.param_groups[0]["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * share))
        batch = next(batches)
        optimiser.zero_grad()
        loss_of(network(batch["image"].as_tensor()), batch["label"].as_tensor()).backward()
        optimiser.step()
        steps += 1
    _write_steps(folder / "monai", steps)
    network.eval()
    scale = ScaleIntensity()
    for path in sorted((folder / "held_out").glob("*.npz")):
        inputs = torch.stack([torch.as_tensor(scale(image[None])) for image in np.load(path)["images"]])
        with torch.no_grad():
            logits = sliding_window_inference(inputs, window, 4, network)
        np.save(folder / "monai" / f"{path.stem}.npy", (logits[:, 0] > 0).numpy())


WORKERS = {"nnunet": train_nnunet, "monai": train_monai}


def time_shares(minutes: float, clock: Callable[[], float]) -> Iterator[float]:
    """The elapsed share of the minutes, counted from the first call, as long as some are left."""
    start = clock()
    while (share := (clock() - start) / (60 * minutes)) < 1:
        yield share


def _endless(batches: Any) -> Iterator[Any]:
    while True:
        yield from batches


def _write_steps(folder: Path, steps: int) -> None:
    (folder / "steps.json").write_text(json.dumps(steps), encoding="utf-8")


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    print("+", shlex.join(command), flush=True)
    subprocess.run(command, env=environment, check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the 14 patients, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("--peers", nargs="+", choices=list(WORKERS), default=list(WORKERS))
    parser.add_argument("--minutes", type=float, default=20, help="of training; default: %(default)s")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores (%(default)s)")
    parser.add_argument(
        "--processor-time", action="store_true", help="count the minutes of --threads 1 in processor time"
    )
    parser.add_argument(
        "--packages",
        type=Path,
        default=Path(tempfile.gettempdir()) / "chaos-liver-peers",
        help="where the peers are installed, and kept for the next run; default: %(default)s",
    )
    parser.add_argument("--output", type=Path, help="a TSV to write")
    parser.add_argument("--worker", choices=list(WORKERS), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.processor_time and arguments.threads != 1:
        parser.error("--processor-time goes with --threads 1: threads that wait for one another use it up as well")
    if not arguments.worker and arguments.archive is None:
        parser.error(f"name the archive, or set ${ENVIRONMENT}")
    return arguments


if __name__ == "__main__":
    main()
