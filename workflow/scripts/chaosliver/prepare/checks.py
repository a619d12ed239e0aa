"""Checks of a sequence's images and masks that need no limit chosen by looking at patients."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.volumes import GAP_LIMIT, VolumeId
from ..base.wording import counted, first_few, size_of
from .findings import Finding, error, warning
from .slices import SAME_PLACE, Image, digest_of_mask, grey_levels, organ_numbers, same_place, usual_distance_mm

PHASES_SWAPPED = "phases-swapped"
LIVER = list(ORGANS).index("liver") + 1


def check_places(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on slices that share a place, leave a gap, or lie in another order than their names say.

    `images` are in order of place.
    """
    usual = usual_distance_mm(images)
    if usual is None:
        yield error(volume, images[0].file, "one-slice", "it is the sequence's only readable slice")
        return
    for before, after in pairwise(images):
        step = after.position_mm - before.position_mm
        if step <= SAME_PLACE * usual:
            yield error(volume, after.file, "same-position", f"lies at the same place as {before.stem}")
        elif step > GAP_LIMIT * usual:
            message = (
                f"gap along z between {before.stem} and {after.stem}: {step:.4g} mm, where the usual distance is "
                f"{usual:.4g} mm; {counted(round(step / usual) - 1, 'slice')} missing"
            )
            yield warning(volume, after.file, "gap", message)
    yield from _check_order(volume, images)


def _check_order(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding where the places neither rise nor fall with the names."""
    by_name = sorted(images, key=lambda image: image.stem)
    steps = np.diff([image.position_mm for image in by_name])
    if (steps >= 0).all() or (steps <= 0).all():
        return
    mostly_rising = np.count_nonzero(steps > 0) * 2 >= len(steps)
    expected = images if mostly_rising else images[::-1]
    apart = [image for image, other in zip(by_name, expected, strict=True) if image is not other]
    message = (
        f"order by name is not order by position: {first_few([image.stem for image in apart])} lie elsewhere along z "
        "than their names say. The position is used"
    )
    yield warning(volume, apart[0].file, "name-order", message)


def check_grids(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding for each grid other than the most frequent one: a volume has one matrix, spacing and orientation."""
    groups: dict[tuple[float, ...], list[Image]] = defaultdict(list)
    for image in images:
        held = image.slice
        groups[(*held.pixels.shape, *np.round((*held.spacing, *held.orientation), 3))].append(image)
    usual = max(groups.values(), key=len)
    for group in groups.values():
        if group is not usual:
            message = (
                f"matrix {size_of(group[0].slice.pixels.shape)}, spacing {group[0].slice.spacing} mm or orientation "
                f"differ from those of {usual[0].stem} ({size_of(usual[0].slice.pixels.shape)}, "
                f"{usual[0].slice.spacing} mm)"
            )
            yield error(volume, group[0].file, "mixed-grid", message)


def check_phases(volume: VolumeId, in_phase: list[Image], out_of_phase: list[Image]) -> Iterator[Finding]:
    """Findings where an echo time is missing, or where the images in phase do not have the longer one.

    `volume` is the one that the findings are told of.
    """
    swapped = []
    for image, other in same_place(in_phase, out_of_phase):
        longer, shorter = image.slice.echo_time_ms, other.slice.echo_time_ms
        if longer is None or shorter is None:
            file = (image if longer is None else other).file
            message = "the DICOM header lacks EchoTime, so the phases cannot be told apart"
            yield error(volume, file, "no-echo-time", message)
        elif longer <= shorter:
            message = (
                f"the phases are swapped: its echo time is {longer:g} ms, that of {other.file} is {shorter:g} ms, and "
                "in phase is the longer one"
            )
            swapped.append((image.file, message))
    if swapped:
        file, message = swapped[0]
        yield error(volume, file, PHASES_SWAPPED, f"{message}; {counted(len(swapped), 'slice')} so")


def check_masks(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on unknown grey levels, on masks that occur twice, and on a patient without any liver."""
    known = ", ".join(f"{organ.replace('_', ' ')} {low}-{high}" for organ, (low, high) in ORGANS.items())
    by_digest: dict[str, list[Image]] = defaultdict(list)
    masked, has_liver = False, False
    for image in images:
        if image.mask is None:
            continue
        masked = True
        organs = organ_numbers(image.mask)
        has_liver |= bool((organs == LIVER).any())
        if unknown := grey_levels(image.mask[(organs == 0) & (image.mask > 0)]):
            message = f"grey levels outside the known ranges: {first_few(unknown)} (known: 0, {known})"
            yield error(volume, image.ground, "grey-levels", message)
        if image.mask.any():
            by_digest[digest_of_mask(image.mask)].append(image)
    yield from _check_repeats(volume, images, [group for group in by_digest.values() if len(group) > 1])
    if masked and not has_liver:
        low, high = ORGANS["liver"]
        message = f"no mask has any liver (grey levels {low}-{high})"
        yield error(volume, SEQUENCES[volume.sequence].ground, "no-liver", message)


def _check_repeats(volume: VolumeId, images: list[Image], groups: list[list[Image]]) -> Iterator[Finding]:
    """A finding that names all slices whose masks are the same, where there are any.

    Two slices that lie side by side may share a mask where a volume was resampled along z, as the sample's T2-SPIR was;
    more of them, or slices further apart, never do.
    """
    if not groups:
        return
    names = first_few([first_few([image.stem for image in group]).replace(", ", " = ") for group in groups])
    message = f"identical masks in different slices: {names}"
    place = {image.stem: number for number, image in enumerate(images)}
    apart = [group for group in groups if len(group) > 2 or place[group[1].stem] - place[group[0].stem] > 1]
    if apart:
        yield error(volume, apart[0][1].ground, "identical-masks", message)
    else:
        yield warning(volume, groups[0][1].ground, "identical-masks", message)
