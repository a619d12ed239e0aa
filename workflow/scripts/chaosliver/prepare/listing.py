"""Files of a patient that no one would read: not unpacked, of another ending, or two of one name."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ..acquire.places import LOST
from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId
from .findings import Finding, error


def check_listed(volumes: Sequence[VolumeId], listed: Iterable[Mapping[str, str]]) -> Iterator[Finding]:
    """An error for each file (columns.LISTED_COLUMNS) that is a slice or may be one, and was not unpacked."""
    for row in listed:
        if row["state"] == LOST:
            message = f"the archive has it, but {row['why']}"
            yield error(_volume_of(volumes, row["file"]), row["file"], "not-unpacked", message)


def check_names(raw: Path, volumes: Sequence[VolumeId], ground_truth: bool) -> Iterator[Finding]:
    """An error for each file in the folders of `volumes` that is read by no one, or of which another has the name.

    `raw` is the patient's folder. Without `ground_truth` only the images' folders are looked into.
    """
    endings: dict[str, tuple[str, VolumeId]] = {}
    for volume in volumes:
        sequence = SEQUENCES[volume.sequence]
        endings[sequence.images] = (".dcm", volume)
        if ground_truth:
            endings.setdefault(sequence.ground, (".png", volume))
    for folder, (ending, volume) in endings.items():
        names = sorted(path.name for path in (raw / folder).glob("*"))
        for name in names:
            if Path(name).suffix.lower() != ending:
                message = f"is not read, since its name does not end in {ending}. Rename it if it is a slice"
                yield error(volume, f"{folder}/{name}", "other-ending", message)
        yield from _check_same(volume, folder, [name for name in names if Path(name).suffix.lower() == ending])


def _check_same(volume: VolumeId, folder: str, names: Iterable[str]) -> Iterator[Finding]:
    """An error for each file whose name is another's but for capitals: both would become one PNG."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[Path(name).stem.casefold()].append(name)
    for first, *others in alike.values():
        for other in others:
            message = f"has the name of {first} but for capitals, so both would become one file. Rename or remove one"
            yield error(volume, f"{folder}/{other}", "same-name", message)


def _volume_of(volumes: Sequence[VolumeId], file: str) -> VolumeId:
    """The volume to which a file belongs by its folder, or by the first folder on its way."""

    def likeness(volume: VolumeId) -> int:
        places = SEQUENCES[volume.sequence]
        if file.startswith((f"{places.images}/", f"{places.ground}/")):
            return 2
        return int(file.split("/")[0].casefold() == places.images.split("/")[0].casefold())

    return max(volumes, key=likeness)
