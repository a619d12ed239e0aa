"""Segmenting volumes with one network, or with several by their mean probability."""

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..base.planes import Plane
from .grids import Grid, neighbours_of, normalise_volume, off_grid
from .numerics import numerics_for
from .recipe import Recipe

Networks = Sequence[nn.Module]
Volume = Sequence[Plane]
Activation = Callable[[torch.Tensor], torch.Tensor]
# What is made of a volume: uint8 [slices, rows, columns] on the image's own grid.
Draw = Callable[[Networks, Volume, Recipe, torch.device], np.ndarray]


def segment_volume(
    networks: Networks,
    volume: Volume,
    recipe: Recipe,
    device: torch.device,
    *,
    threshold: float,
    largest_component: bool,
) -> np.ndarray:
    """Mask of the organ, uint8 of 0 and 255 [slices, rows, columns] on the image's own grid.

    A pixel is of the organ where the networks' mean probability is at least `threshold` and, if asked for, in the
    volume's largest connected component.
    """
    organ = probability_of_volume(networks, volume, recipe, device)[0] >= threshold
    organ = keep_largest(organ) if largest_component else organ
    return np.where(organ, 255, 0).astype(np.uint8)


def probability_of_volume(
    networks: Networks, volume: Volume, recipe: Recipe, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """The networks' mean probability, float32 [slices, rows, columns] on the image's own grid, and each network's own.

    The latter is float32 [networks, slices, rows, columns] on the network's grid.
    """
    each, grid = _answers_to(networks, volume, recipe, device, torch.sigmoid)
    return _on_own_grid(_mean(each), grid, volume), each


def logits_of_volume(networks: Networks, volume: Volume, recipe: Recipe, device: torch.device) -> np.ndarray:
    """What the original study took for its predictions, uint8 [slices, rows, columns] on the image's own grid.

    It is the networks' mean logit times 255, cut to 8 bit.
    """
    each, grid = _answers_to(networks, volume, recipe, device, nn.Identity())
    logits = _on_own_grid(_mean(each), grid, volume)
    return np.rint(np.clip(255 * logits, 0, 255)).astype(np.uint8)


def _answers_to(
    networks: Networks,
    volume: Volume,
    recipe: Recipe,
    device: torch.device,
    activation: Activation,
) -> tuple[np.ndarray, Grid]:
    """Each network's answers for the first organ, as `answers_of_each` gives them, and the grid that they lie on."""
    seen, grid = normalise_volume(volume, recipe)
    together = neighbours_of([plane.position_mm for plane in volume], recipe.context)
    return answers_of_each(networks, seen[together], recipe, device, activation), grid


def _on_own_grid(answers: np.ndarray, grid: Grid, volume: Volume) -> np.ndarray:
    return np.stack([off_grid(plane, grid, own.own_shape) for plane, own in zip(answers, volume, strict=True)])


def keep_largest(mask: np.ndarray) -> np.ndarray:
    """The largest component of a mask [slices, rows, columns], connected over faces; an empty mask as it is."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax()


def answers_of(
    networks: Networks,
    inputs: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    activation: Activation = torch.sigmoid,
) -> np.ndarray:
    """Mean over the networks of the first organ's activated logits, float32 [slices, rows, columns].

    `inputs` are float32 [slices, channels, rows, columns]; by default the answers are probabilities.
    """
    return _mean(answers_of_each(networks, inputs, recipe, device, activation))


def answers_of_each(
    networks: Networks,
    inputs: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    activation: Activation = torch.sigmoid,
) -> np.ndarray:
    """Each network's activated logits of the first organ, float32 [networks, slices, rows, columns]."""
    # On a CPU the activations of one slice just stay within its caches.
    batch_size = 1 if device.type == "cpu" else recipe.batch_size
    numerics = numerics_for(device, recipe.precision)
    answers, layout = [], numerics.layout_of(networks[0])
    with torch.inference_mode(), numerics.autocast():
        for batch in np.array_split(inputs, -(-len(inputs) // batch_size)):
            planes = torch.from_numpy(batch).to(device, memory_format=layout)
            each = torch.stack([activation(network(planes)[:, 0].float()) for network in networks])
            answers.append(each.cpu().numpy())
    return np.concatenate(answers, axis=1)


def _mean(each: np.ndarray) -> np.ndarray:
    mean: np.ndarray = each.sum(axis=0) / np.float32(len(each))
    return mean


def for_inference(network: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """A copy of a network for predicting on the device, in evaluation mode, prepared once for all batches.

    BatchNorm is folded into the convolution before it, and convolutions keep their weights in the type they compute in.
    """
    network = copy.deepcopy(network).eval()
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            _fold_normalisation(block)
    numerics = numerics_for(device, precision)
    network.to(device, memory_format=numerics.layout_of(network))  # type: ignore[call-overload]
    for layer in network.modules():
        if numerics.autocast_dtype and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.to(numerics.autocast_dtype)
    return network


def _fold_normalisation(block: nn.Sequential) -> None:
    for number, (layer, following) in enumerate(pairwise(list(block))):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            block[number] = fuse_conv_bn_eval(layer, following)
            block[number + 1] = nn.Identity()
