"""Augmentation on disk with Augmentor's own operations, as the original study did, image and mask in lock-step.

Augmentor's pipeline cannot be used as it is: it names files by uuid4, and Pillow wrecks 16-bit pixels in its mode
I;16. So its operations are called one by one: on 8 bit as the pipeline calls them, on 16 bit in Pillow's mode F.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from Augmentor.Operations import Flip, Operation, RotateRange, ZoomRandom
from PIL import Image

from ..base.columns import OWNER, PLACE
from ..base.indexes import write_index
from ..base.png import read_png, squeeze, write_png
from .samples import Sample


def operations_of(settings: Mapping[str, Any]) -> list[tuple[float, Operation]]:
    """Augmentor's operations with their probabilities, from `rotate`, `mirror` and `zoom` of the settings.

    An operation is made with probability 1: whether it is applied is drawn here, without the rounding by which the
    pipeline makes 0.85 of 0.8.
    """
    rotate, mirror, zoom = settings["rotate"], settings["mirror"], settings["zoom"]
    return [
        (
            rotate["probability"],
            RotateRange(1, max_left_rotation=rotate["degrees"], max_right_rotation=rotate["degrees"]),
        ),
        (mirror["probability"], Flip(1, top_bottom_left_right="LEFT_RIGHT")),
        (zoom["probability"], ZoomRandom(1, percentage_area=zoom["area"], randomise=False)),
    ]


def augment_pair(
    image: np.ndarray,
    mask: np.ndarray,
    operations: Sequence[tuple[float, Operation]],
    seed: str,
    grey_masks: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """One random variant of an image (uint8 or uint16) and its mask (0 or 255), both [rows, columns].

    The same seed gives the same variant. Augmentor draws from the global generators of `random` and `numpy`, so both
    are set. Interpolation makes masks grey: they are made binary again, or left so with `grey_masks` as the original
    study left them.
    """
    random.seed(seed)
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
    grey, label = perform([picture_of(image), Image.fromarray(mask)], operations)
    labels = np.asarray(label)
    labels = labels if grey_masks else np.where(labels >= 127.5, 255, 0).astype(np.uint8)
    return _pixels_of(grey, image.dtype), labels


def picture_of(image: np.ndarray) -> Image.Image:
    """The picture that Augmentor's operations take of an image, uint8 or uint16 [rows, columns].

    8 bit has an opacity, as matplotlib gave to the pictures of the original study: at the edges of a rotated image it
    decides what interpolation sees beyond them.
    """
    if image.dtype == np.uint8:
        return Image.fromarray(image).convert("RGBA")
    return Image.fromarray(image.astype(np.float32))


def perform(pictures: list[Image.Image], operations: Sequence[tuple[float, Operation]]) -> list[Image.Image]:
    """The pictures after one draw of the operations, which all of them undergo alike."""
    for probability, operation in operations:
        if random.random() < probability:
            pictures = operation.perform_operation(pictures)
    return pictures


def augment_on_disk(originals: Sequence[Sample], settings: Mapping[str, Any], folder: Path, index: Path) -> None:
    """Draw `settings["samples"]` variants of slices chosen at random, and write images, masks and their index.

    Each lies at `folder`/images/<patient>_<sequence>_<stem>_<number>.png and below masks/ under the same name. Pixels,
    choice and names depend on `settings["seed"]` and the originals alone.
    """
    operations = operations_of(settings)
    choose = random.Random(settings["seed"])
    listed = []
    for number in range(settings["samples"]):
        original = choose.choice(originals)
        image = read_png(original.image)
        # A drawn image has other pixels than its mask.
        mask = squeeze(read_png(original.masks[0]), image.shape)
        seed = f"{settings['seed']}/{number}"
        variant = augment_pair(image, mask, operations, seed, settings.get("grey_masks", False))
        name = f"{original.patient}_{original.sequence}_{original.stem}_{number:05d}.png"
        for kind, pixels in zip(("images", "masks"), variant, strict=True):
            write_png(folder / kind / name, pixels)
            listed.append({**original._asdict(), "file": f"{kind}/{name}"})
    write_index(index, folder, listed, (*OWNER, *PLACE))


def _pixels_of(picture: Image.Image, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return np.asarray(picture.convert("L"))
    # Bicubic interpolation of floating point overshoots.
    limits = np.iinfo(dtype)
    return np.rint(np.clip(np.asarray(picture), limits.min, limits.max)).astype(dtype)
