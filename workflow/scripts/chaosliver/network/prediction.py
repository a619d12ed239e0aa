"""Segmenting patients with one network, or with several by their mean probability."""

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..base.columns import PREDICTION_COLUMNS
from ..base.errors import InputError
from ..base.indexes import write_index
from ..base.planes import Plane
from ..base.png import write_png
from ..prepare.samples import list_images
from .devices import claimed_device, memory_advice, numerics_for
from .grids import neighbours_of, off_grid, see_volume
from .models import load_model

Networks = Sequence[nn.Module]
Volume = Sequence[Plane]
Activation = Callable[[torch.Tensor], torch.Tensor]


def predict_patients(
    cards: Sequence[Path],
    weights: Sequence[Path],
    images: Sequence[Path],
    *,
    threshold: float,
    largest_component: bool,
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write `folder`/<sequence>/<patient>/<stem>.png, 0 or 255 on each image's own grid, and their index.

    `images` are the indexes <encoding>/<sequence>/<patient>.tsv. A pixel is of the organ where the networks' mean
    probability is at least `threshold` and, if asked for, in the volume's largest connected component.
    """

    def draw(networks: Networks, volume: Volume, recipe: Mapping[str, Any], device: torch.device) -> np.ndarray:
        organ = segment_volume(networks, volume, recipe, threshold, device)
        organ = keep_largest(organ) if largest_component else organ
        return np.where(organ, 255, 0)

    _predict(draw, cards, weights, images, threads, cohort, folder, index)


def predict_logits(
    cards: Sequence[Path],
    weights: Sequence[Path],
    images: Sequence[Path],
    *,
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write what the original study took for its predictions: logits times 255, cut to 8 bit, in place of masks.

    Files and arguments are those of `predict_patients`; the logits are the networks' mean.
    """

    def draw(networks: Networks, volume: Volume, recipe: Mapping[str, Any], device: torch.device) -> np.ndarray:
        return np.clip(255 * np.stack(_on_own_grid(networks, volume, recipe, device, nn.Identity())), 0, 255)

    _predict(draw, cards, weights, images, threads, cohort, folder, index)


def _predict(
    draw: Callable[[Networks, Volume, Mapping[str, Any], torch.device], np.ndarray],
    cards: Sequence[Path],
    weights: Sequence[Path],
    images: Sequence[Path],
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write what `draw` makes of each volume, [slices, rows, columns] from 0 to 255, and the index of all."""
    torch.set_num_threads(threads)
    models = [load_model(card, path) for card, path in zip(cards, weights, strict=True)]
    recipe = _common_recipe([facts["recipe"] for _, facts in models], cards)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    size = (recipe["batch_size"], recipe["grid"]["rows"], recipe["grid"]["columns"])
    with claimed_device() as device, memory_advice(*size):
        networks = [for_inference(network, device, recipe["precision"]) for network, _ in models]
        for image_index in images:
            volume = list_images(image_index)
            drawn = draw(networks, [sample.plane() for sample in volume], recipe, device)
            for sample, pixels in zip(volume, drawn, strict=True):
                name = f"{sample.sequence}/{sample.patient}/{sample.stem}.png"
                write_png(folder / name, np.rint(pixels).astype(np.uint8))
                listed.append({**sample._asdict(), "file": name, "cohort": cohort})
    write_index(index, folder, listed, PREDICTION_COLUMNS)


def segment_volume(
    networks: Networks,
    volume: Volume,
    recipe: Mapping[str, Any],
    threshold: float,
    device: torch.device,
) -> np.ndarray:
    """Mask of the organ, bool [slices, rows, columns] on the image's own grid."""
    return np.stack(_on_own_grid(networks, volume, recipe, device, torch.sigmoid)) >= threshold


def _on_own_grid(
    networks: Networks,
    volume: Volume,
    recipe: Mapping[str, Any],
    device: torch.device,
    activation: Activation,
) -> list[np.ndarray]:
    """The networks' mean answer for the first organ, a float32 plane on each image's own grid."""
    seen, grid = see_volume(volume, recipe)
    together = neighbours_of([plane.position_mm for plane in volume], recipe["context"])
    answers = answers_of(networks, seen[together], recipe, device, activation)
    return [off_grid(plane, grid, own.own_shape) for plane, own in zip(answers, volume, strict=True)]


def keep_largest(mask: np.ndarray) -> np.ndarray:
    """The largest component of a mask [slices, rows, columns], connected over faces; an empty mask as it is."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax()


def answers_of(
    networks: Networks,
    inputs: np.ndarray,
    recipe: Mapping[str, Any],
    device: torch.device,
    activation: Activation = torch.sigmoid,
) -> np.ndarray:
    """Mean over the networks of the first organ's activated logits, float32 [slices, rows, columns].

    `inputs` are float32 [slices, channels, rows, columns]; by default the answers are probabilities.
    """
    # On a processor the activations of one slice just stay within its caches.
    batch_size = 1 if device.type == "cpu" else recipe["batch_size"]
    numerics = numerics_for(device, recipe["precision"])
    means, layout = [], numerics.layout_of(networks[0])
    with torch.inference_mode(), numerics.autocast():
        for batch in np.array_split(inputs, -(-len(inputs) // batch_size)):
            planes = torch.from_numpy(batch).to(device, memory_format=layout)
            mean = sum(activation(network(planes)[:, 0].float()) for network in networks) / len(networks)
            means.append(mean.cpu().numpy())
    return np.concatenate(means)


def for_inference(network: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """A copy of a network in evaluation mode, on the device, with all done that else each batch would repeat.

    BatchNorm is folded into the convolution before it, and convolutions hold weights of the type they compute in.
    """
    network = copy.deepcopy(network).eval()
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            _fold_normalisation(block)
    numerics = numerics_for(device, precision)
    network.to(device, memory_format=numerics.layout_of(network))
    for layer in network.modules():
        if numerics.lowered and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.to(numerics.lowered)
    return network


def _fold_normalisation(block: nn.Sequential) -> None:
    for number, (layer, following) in enumerate(pairwise(list(block))):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            block[number] = fuse_conv_bn_eval(layer, following)
            block[number + 1] = nn.Identity()


def _common_recipe(recipes: Sequence[dict[str, Any]], cards: Sequence[Path]) -> dict[str, Any]:
    if any(recipe != recipes[0] for recipe in recipes):
        raise InputError(f"{cards[0]} and its fellows were trained by different recipes: retrain them together")
    return recipes[0]
