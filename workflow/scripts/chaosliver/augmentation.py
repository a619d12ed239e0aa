"""Augmentation on disk with Augmentor's own operations, as the original study did, image and mask in lock-step.

Augmentor's pipeline cannot be used as it is: it interpolates masks bicubically into grey, names files by uuid4,
rounds probabilities up, and Pillow wrecks 16-bit pixels in its mode I;16. Its operations, called one by one on
images of Pillow's mode F, do none of that.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from Augmentor.Operations import Flip, Operation, RotateRange, ZoomRandom
from PIL import Image

from .indexes import write_index
from .png import read_png, write_png
from .samples import GEOMETRY, OWNER, Sample


def operations_of(settings: Mapping[str, Any]) -> list[tuple[float, Operation]]:
    """Augmentor's operations with their probabilities, from `rotate`, `mirror` and `zoom` of the settings.

    An operation is made with probability 1: whether it is applied is drawn here.
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
    are set. Bicubic interpolation overshoots: the image is rounded and clipped to its type, the mask made binary again,
    or left with `grey_masks` as the original study left it.
    """
    random.seed(seed)
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
    pair = [Image.fromarray(pixels.astype(np.float32)) for pixels in (image, mask)]
    for probability, operation in operations:
        if random.random() < probability:
            pair = operation.perform_operation(pair)
    grey, label = (np.asarray(picture) for picture in pair)
    label = label if grey_masks else np.where(label >= 127.5, 255, 0)
    return _rounded(grey, image.dtype), _rounded(label, np.dtype(np.uint8))


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
        image, mask = read_png(original.image), read_png(original.masks[0])
        seed = f"{settings['seed']}/{number}"
        variant = augment_pair(image, mask, operations, seed, settings.get("grey_masks", False))
        name = f"{original.patient}_{original.sequence}_{original.stem}_{number:05d}.png"
        for kind, pixels in zip(("images", "masks"), variant, strict=True):
            write_png(folder / kind / name, pixels)
            listed.append({**original._asdict(), "file": f"{kind}/{name}"})
    write_index(index, folder, listed, (*OWNER, *GEOMETRY))


def _rounded(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.rint(np.clip(pixels, limits.min, limits.max)).astype(dtype)
