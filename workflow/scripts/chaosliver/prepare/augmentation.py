"""Augmentation on disk with Augmentor's own operations, as the original study did, image and mask in lock-step.

Augmentor's pipeline cannot be used as it is: it names files by uuid4, and Pillow destroys 16-bit pixels in its mode
I;16. So its operations are called one by one: on 8 bit as the pipeline calls them, on 16 bit in Pillow's mode F.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from Augmentor.Operations import Flip, Operation, RotateRange, ZoomRandom
from PIL import Image

from ..base.columns import OWNER, PLACE
from ..base.indexes import write_index
from ..base.png import read_png, squeeze, write_png
from .samples import Leaks, Sample, leaked, list_samples

# Half of a mask's 255: what interpolation leaves at least so bright belongs to the organ.
HALF = 127.5


@dataclass(frozen=True)
class Rotation:
    """A turn by at most so many degrees to either side."""

    probability: float
    degrees: int


@dataclass(frozen=True)
class Mirroring:
    """Left and right exchanged."""

    probability: float


@dataclass(frozen=True)
class Zoom:
    """A part of the image, `area` of its width and height at a random place, enlarged to the whole."""

    probability: float
    area: float


@dataclass(frozen=True)
class Augmentation:
    """How many samples are drawn, and how.

    `grey_masks` leaves the masks as grey as interpolation makes them, as the original study did.
    """

    samples: int
    seed: int
    rotate: Rotation
    mirror: Mirroring
    zoom: Zoom
    grey_masks: bool = False


def augment(
    *,
    images: list[Path],
    masks: list[Path],
    held_out_images: list[Path],
    held_out_masks: list[Path],
    settings: Augmentation,
    leaks: Leaks,
    folder: Path,
    index: Path,
) -> None:
    """Draw augmented samples of a fold's training slices, and write images, masks and their index.

    The paths are indexes of images and of masks. Raises InputError that names an image without mask or a file that is
    missing or altered.
    """
    held_out = list_samples(held_out_images, held_out_masks)
    originals, _ = leaked(list_samples(images, masks), held_out, leaks)
    augment_on_disk(originals, settings, folder, index)


def augment_on_disk(originals: Sequence[Sample], settings: Augmentation, folder: Path, index: Path) -> None:
    """Draw `settings.samples` variants of slices chosen at random, and write images, masks and their index.

    Each lies at `folder`/images/<patient>_<sequence>_<stem>_<number>.png and below masks/ under the same name. Pixels,
    choice and names depend on `settings.seed` and the originals alone.
    """
    operations = operations_of(settings)
    choose = random.Random(settings.seed)
    listed = []
    for number in range(settings.samples):
        original = choose.choice(originals)
        image = read_png(original.image)
        # A drawn image has other pixels than its mask.
        mask = squeeze(read_png(original.masks[0]), image.shape)
        variant = augment_pair(image, mask, operations, f"{settings.seed}/{number}", settings.grey_masks)
        name = f"{original.patient}_{original.sequence}_{original.stem}_{number:05d}.png"
        for kind, pixels in zip(("images", "masks"), variant, strict=True):
            write_png(folder / kind / name, pixels)
            listed.append({**original._asdict(), "file": f"{kind}/{name}"})
    write_index(index, folder, listed, (*OWNER, *PLACE))


def operations_of(settings: Augmentation) -> list[tuple[float, Operation]]:
    """Augmentor's operations with their probabilities, in the order in which they are applied.

    An operation is made with probability 1: whether it is applied is drawn here, without the rounding by which the
    pipeline makes 0.85 of 0.8.
    """
    degrees = settings.rotate.degrees
    return [
        (settings.rotate.probability, RotateRange(1, max_left_rotation=degrees, max_right_rotation=degrees)),
        (settings.mirror.probability, Flip(1, top_bottom_left_right="LEFT_RIGHT")),
        (settings.zoom.probability, ZoomRandom(1, percentage_area=settings.zoom.area, randomise=False)),
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
    are set. Interpolation makes masks grey: they are made binary again, or left so with `grey_masks`.
    """
    random.seed(seed)
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
    grey, label = perform([picture_of(image), Image.fromarray(mask)], operations)
    labels = np.asarray(label)
    labels = labels if grey_masks else np.where(labels >= HALF, 255, 0).astype(np.uint8)
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


def _pixels_of(picture: Image.Image, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return np.asarray(picture.convert("L"))
    # Bicubic interpolation of floating point overshoots.
    limits = np.iinfo(dtype)
    return np.rint(np.clip(np.asarray(picture), limits.min, limits.max)).astype(dtype)
