"""Slices and masks counted from the archive to the tables: none is lost on the way, or the files are named."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ..acquire.places import LEFT_OUT, UNPACKED
from ..base.anatomy import SEQUENCES
from ..base.columns import COUNT_COLUMNS, INDEX_COLUMNS, INVENTORY_COLUMNS, LISTED_COLUMNS, RUN, SLICE_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from ..base.volumes import VolumeId
from ..base.wording import counted, first_few
from .inventories import Row, by_volume, in_order

REMEDY = "Delete the later of the two, and run the same command again: it is made anew"

logger = logging.getLogger(__name__)


class Stage(NamedTuple):
    """The slices of a volume, by their stems, as one step has them: `of` is the column, `where` they were read."""

    of: str
    where: str
    stems: frozenset[str]


def count_slices(
    *,
    listed: list[Path],
    slices: list[Path],
    image_indexes: list[Path],
    mask_indexes: list[Path],
    slices_table: Path,
    counts_table: Path,
) -> None:
    """Write how many slices and masks of each patient's sequence every step has, from the archive to the scores.

    Raises InputError that names the slices by which two steps in turn differ.
    """
    archived = {path.name.removesuffix(".listed.tsv"): read_tsv(path, LISTED_COLUMNS) for path in listed}
    inventory = by_volume(row for path in slices for row in read_tsv(path, INVENTORY_COLUMNS))
    scored = by_volume(read_tsv(slices_table, SLICE_COLUMNS))
    images, masks = _indexed(image_indexes, "png_images"), _indexed(mask_indexes, "binary_masks")
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for volume in in_order(inventory):
        files, found = archived[volume.patient], inventory[volume]
        chains = [
            [*_images(files, volume, found), *images[volume], *_scored(slices_table, scored[volume])],
            _masks(files, volume, found),
            [*_outlined(found), *masks[volume]],
        ]
        title = SEQUENCES[volume.sequence].title
        faults += [f"patient {volume.patient}, {title}: {fault}" for chain in chains for fault in _differences(chain)]
        counts = {stage.of: len(stage.stems) for chain in chains for stage in chain}
        rows.append({**dict.fromkeys(COUNT_COLUMNS), **volume._asdict(), **counts, "left_out": _left(files, volume)})
    if faults:
        listing = "".join(f"\n  {fault}" for fault in faults)
        raise InputError(f"Slices were lost between the archive and the tables:{listing}\n{REMEDY}")
    write_tsv(counts_table, COUNT_COLUMNS, rows)
    logger.info("%s", in_words(rows))


def in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """The counts (COUNT_COLUMNS) of all volumes as a sentence."""
    images, masks, scored = (sum(row[of] or 0 for row in rows) for of in ("listed_images", "paired_masks", "scored"))
    return (
        f"{counted(len(rows), 'volume')} with {counted(images, 'slice')} in the archive: all were read, {masks} with "
        f"their mask, and {scored} are scored in the tables; none was lost on the way"
    )


def _images(files: Sequence[Row], volume: VolumeId, found: Iterable[Row]) -> list[Stage]:
    read = frozenset(row["stem"] for row in found)
    return [*_archived(files, SEQUENCES[volume.sequence].images, "images"), Stage("read_images", "the inventory", read)]


def _masks(files: Sequence[Row], volume: VolumeId, found: Iterable[Row]) -> list[Stage]:
    """By the masks' own stems; nothing where the volume has no ground truth."""
    paired = frozenset(Path(row["ground"]).stem for row in found if row["ground"])
    if not paired:
        return []
    return [*_archived(files, SEQUENCES[volume.sequence].ground, "masks"), Stage("paired_masks", "the pairs", paired)]


def _outlined(found: Iterable[Row]) -> list[Stage]:
    """By the images' stems, as the masks are called that are made of the ground truth."""
    stems = frozenset(row["stem"] for row in found if row["ground"])
    return [Stage("paired_masks", "the pairs", stems)] if stems else []


def _archived(files: Iterable[Row], folder: str, what: str) -> Iterator[Stage]:
    within = [row for row in files if row["file"].rpartition("/")[0] == folder and row["state"] != LEFT_OUT]
    for of, rows in (("listed", within), ("unpacked", [row for row in within if row["state"] == UNPACKED])):
        yield Stage(f"{of}_{what}", f"the files {of}", frozenset(Path(row["file"]).stem for row in rows))


def _indexed(indexes: Iterable[Path], of: str) -> defaultdict[VolumeId, list[Stage]]:
    stages: defaultdict[VolumeId, list[Stage]] = defaultdict(list)
    for index in indexes:
        stems = frozenset(Path(row["file"]).stem for row in read_tsv(index, INDEX_COLUMNS))
        stages[VolumeId.of_index(index)].append(Stage(of, str(index), stems))
    return stages


def _scored(table: Path, rows: Iterable[Row]) -> list[Stage]:
    """A stage for each run that scores the volume."""
    runs: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        runs[tuple(row[key] for key in RUN)].add(row["stem"])
    return [Stage("scored", f"{table} ({' '.join(run)})", frozenset(stems)) for run, stems in runs.items()]


def _left(files: Iterable[Row], volume: VolumeId) -> int:
    """How many files in the folders of a volume are no slices, and were left out."""
    folders = SEQUENCES[volume.sequence][:2]
    return sum(row["state"] == LEFT_OUT and row["file"].rpartition("/")[0] in folders for row in files)


def _differences(chain: Sequence[Stage]) -> Iterator[str]:
    for before, after in pairwise(chain):
        if odd := sorted(before.stems ^ after.stems):
            counts = f"{counted(len(before.stems), 'slice')} in {before.where}, {len(after.stems)} in {after.where}"
            yield f"{counts}: {first_few(odd)}"
