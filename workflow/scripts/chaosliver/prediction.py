"""Segmenting patients with one network, or with several by their mean probability."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .batches import network_input, resize
from .devices import autocast, choose_device
from .errors import InputError
from .indexes import read_index, write_index
from .models import load_model
from .png import read_png, write_png

COLUMNS = ("cohort", "patient", "sequence", "stem")


def predict_patients(
    cards: Sequence[Path],
    weights: Sequence[Path],
    images: Sequence[Path],
    *,
    threshold: float,
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write `folder`/<sequence>/<patient>/<stem>.png, 0 or 255 on each image's own grid, and their index.

    `images` are the indexes <encoding>/<sequence>/<patient>.tsv. A pixel is of the organ where the networks' mean
    probability is at least `threshold`.
    """
    torch.set_num_threads(threads)
    device = choose_device()
    models = [load_model(card, path) for card, path in zip(cards, weights, strict=True)]
    networks = [network.to(device, memory_format=torch.channels_last) for network, _ in models]
    recipe = _common_recipe([facts["recipe"] for _, facts in models], cards)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for image_index in images:
        patient, sequence = image_index.stem, image_index.parent.name
        rows = read_index(image_index, image_index.with_suffix(""), ("low", "high"))
        planes = [read_png(image_index.with_suffix("") / row["file"]) for row in rows]
        inputs = np.stack(
            [
                network_input(plane, float(row["low"]), float(row["high"]), recipe["image_size"])
                for plane, row in zip(planes, rows, strict=True)
            ]
        )
        for row, plane, probability in zip(rows, planes, probabilities(networks, inputs, recipe, device), strict=True):
            name = f"{sequence}/{patient}/{row['file']}"
            organ = resize(probability, plane.shape) >= threshold
            write_png(folder / name, np.where(organ, 255, 0).astype(np.uint8))
            listed.append(
                {"file": name, "cohort": cohort, "patient": patient, "sequence": sequence, "stem": Path(name).stem}
            )
    write_index(index, folder, listed, COLUMNS)


def probabilities(
    networks: Sequence[nn.Module], inputs: np.ndarray, recipe: dict[str, Any], device: torch.device
) -> np.ndarray:
    """Mean probability over the networks, float32 [slices, size, size], of inputs of that shape."""
    means = []
    with torch.inference_mode(), autocast(device, recipe["precision"]):
        for batch in np.array_split(inputs, -(-len(inputs) // recipe["batch_size"])):
            planes = torch.from_numpy(batch).unsqueeze(1).to(device, memory_format=torch.channels_last)
            mean = sum(torch.sigmoid(network(planes).float()) for network in networks) / len(networks)
            means.append(mean.squeeze(1).cpu().numpy())
    return np.concatenate(means)


def _common_recipe(recipes: Sequence[dict[str, Any]], cards: Sequence[Path]) -> dict[str, Any]:
    if len({recipe["image_size"] for recipe in recipes}) > 1:
        raise InputError(f"{cards[0]} and its fellows were trained at different image sizes: retrain them together")
    return recipes[0]
