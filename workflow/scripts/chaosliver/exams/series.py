"""Which images make a volume: series told apart by their headers, never by the names of files or series."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from ..base.volumes import GAP_LIMIT
from ..base.wording import counted, shown, size_of
from ..prepare.dicom import normal_of
from ..prepare.limits import SLICE_DISTANCE, SLICES
from .frames import DAMAGED, Frame, Unfit, frames_of

# A localiser has three or so.
FEWEST_SLICES = int(SLICES.least_possible)
# As shares of the distance between slices: how unevenly they may lie, and how many may be missing.
UNEVEN, MISSING_AT_MOST = 0.1, 0.5
# A slice may lie so many mm beside the line on which the others are stacked.
BESIDE_MM = 1.0
PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True)
class Series:
    """Images that make a volume, in order along their normal; `places` are their numbers on an even lattice.

    `distance_mm` is that between neighbours of the lattice. Places are missing from it where slices are missing.
    """

    frames: tuple[Frame, ...]
    places: tuple[int, ...]
    distance_mm: float

    @property
    def plane(self) -> str:
        """The plane of the body that the slices lie nearest to."""
        return plane_across(normal_of(self.frames[0].orientation))

    def __str__(self) -> str:
        """What a person chooses by. No name or description, since these may tell who the patient is."""
        first = self.frames[0]
        echo = "" if first.echo_time_ms is None else f", echo time {first.echo_time_ms:g} ms"
        number = "" if first.series_number is None else f", series number {first.series_number}"
        kind = f", {' '.join(first.kind)}" if first.kind else ""
        return (
            f"{counted(len(self.frames), 'slice')}, {self.plane}, {size_of(first.shape)} pixels of "
            f"{first.spacing[0]:.3g} x {first.spacing[1]:.3g} mm, {self.distance_mm:.3g} mm apart{echo}{number}{kind}"
        )


def plane_across(normal: np.ndarray) -> str:
    """The plane of the body that lies nearest to slices with this normal."""
    return PLANES[int(np.abs(normal).argmax())]


def find_series(files: Sequence[Path]) -> tuple[list[Series], Counter[str]]:
    """The volumes among DICOM files, by series number and echo time, and how many files or images are in none, by why.

    Files that are not DICOM are left out, and so are copies of an image that came before. Raises InputError for a DICOM
    file with a damaged header, which may be a slice.
    """
    frames: dict[tuple[str, int], Frame] = {}
    unfit: Counter[str] = Counter()
    for file in files:
        found = frames_of(file)
        if isinstance(found, Unfit):
            if found.reason == DAMAGED:
                raise InputError(
                    f"{shown(str(file))}: has a damaged DICOM header, and may be a slice. Copy it anew, or remove it"
                )
            unfit[found.reason] += 1
        else:
            for frame in found or ():
                frames.setdefault((frame.instance, frame.number), frame)
    series = []
    for group in _groups(list(frames.values())):
        made = _series_of(group)
        if isinstance(made, Series):
            series.append(made)
        else:
            unfit[made] += len(group)
    return sorted(series, key=_order), unfit


def choose_series(path: Path, series: Sequence[Series], unfit: Counter[str], wanted: int | str | None) -> Series:
    """The one series, or the `wanted` one: its number in the list, from 1, or its SeriesInstanceUID.

    Raises InputError that lists what there is where there is none, or more than one and none is named, and where the
    series lies in several files of several frames, to which a DICOM SEG cannot refer.
    """
    chosen = _chosen(path, series, unfit, wanted)
    files = {frame.file for frame in chosen.frames}
    if len(files) > 1 and any(frame.number for frame in chosen.frames):
        raise InputError(f"{min(files)}: the series lies in several files of several frames. Export it as one file")
    return chosen


def _chosen(path: Path, series: Sequence[Series], unfit: Counter[str], wanted: int | str | None) -> Series:
    if not series:
        held = "; ".join(f"{reason} ({count})" for reason, count in unfit.most_common()) or "no DICOM file"
        raise InputError(f"{path}: holds no series of MR slices to segment: {held}. Name the folder of an MR study")
    listed = "".join(f"\n  {number}: {each}" for number, each in enumerate(series, 1))
    if wanted is None:
        if len(series) > 1:
            raise InputError(f"{path}: holds {len(series)} series. Choose one with --config series=NUMBER:{listed}")
        return series[0]
    matching = [each for number, each in enumerate(series, 1) if str(wanted) in (str(number), each.frames[0].series)]
    if len(matching) != 1:
        raise InputError(f"{path}: series={wanted} names {len(matching)} of its series. There are:{listed}")
    return matching[0]


def _order(series: Series) -> tuple[int, float, str, str]:
    first = series.frames[0]
    return (first.series_number or 0, first.echo_time_ms or 0.0, first.series, first.instance)


def _groups(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Images of one series and patient, matrix, spacing, orientation, kind and echo time; repeated ones told apart."""
    groups: list[list[Frame]] = []
    for frame in frames:
        own = next((group for group in groups if _belongs(frame, group[0])), None)
        if own is None:
            groups.append([frame])
        else:
            own.append(frame)
    for group in groups:
        if _repeated(group) and len(parts := _by_repeat(group)) > 1:
            yield from parts
        else:
            yield group


def _belongs(frame: Frame, other: Frame) -> bool:
    same = ("series", "identifiers", "shape", "kind")
    return all(getattr(frame, name) == getattr(other, name) for name in same) and bool(
        np.allclose(frame.orientation, other.orientation, atol=1e-3)
        and np.allclose(frame.spacing, other.spacing, rtol=1e-3)
        and np.isclose(frame.echo_time_ms or 0, other.echo_time_ms or 0, atol=0.05)
    )


def _repeated(group: Sequence[Frame]) -> bool:
    return len({np.round(frame.position, 2).tobytes() for frame in group}) < len(group)


def _by_repeat(group: Sequence[Frame]) -> list[list[Frame]]:
    parts: dict[tuple[str, ...], list[Frame]] = {}
    for frame in group:
        parts.setdefault(frame.repeat, []).append(frame)
    return list(parts.values())


def _series_of(group: Sequence[Frame]) -> Series | str:
    """The series of a group in order of place, or why it is none."""
    if len(group) < FEWEST_SLICES:
        return f"series of fewer than {FEWEST_SLICES} slices"
    if _repeated(group):
        return "several images at one place"
    normal = normal_of(group[0].orientation)
    frames = sorted(group, key=lambda frame: float(np.dot(frame.position, normal)))
    positions = np.array([frame.position for frame in frames])
    along = positions @ normal
    beside = (positions - positions[0]) - np.outer(along - along[0], normal)
    if np.linalg.norm(beside, axis=1).max() > BESIDE_MM:
        return "slices shifted against each other"
    apart = np.diff(along)
    # Where slices are missing, only the shorter distances are those of neighbours.
    steps = apart / np.median(apart[apart < GAP_LIMIT * apart.min()])
    whole = np.rint(steps)
    # Each step by itself: over many slices the median's own error would add up.
    if whole.min() < 1 or np.abs(steps - whole).max() > UNEVEN * whole.max():
        return "slices at uneven distances"
    places = np.concatenate([[0], np.cumsum(whole)]).astype(int)
    if len(frames) < (1 - MISSING_AT_MOST) * (places[-1] + 1):
        return f"series of which more than {MISSING_AT_MOST:.0%} of the slices are missing"
    distance = float(along[-1] - along[0]) / int(places[-1])
    if not SLICE_DISTANCE.possible(distance):
        return f"slices {distance:.3g} mm apart"
    return Series(tuple(frames), tuple(places.tolist()), distance)
