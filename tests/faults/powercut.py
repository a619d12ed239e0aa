"""What a power cut leaves of a folder: all that was not forced to disk may be lost, or not, file by file."""

import json
import random
from pathlib import Path


def lose_unsynced(journal: Path, chance: random.Random) -> list[str]:
    """Do to the files that a journal of the shim tells of what a power cut may do to them; returns what was lost.

    A file whose bytes were not forced to disk becomes empty, zeros or half of itself, and one whose name in its folder
    was not may be gone: journalling file systems keep names and lose bytes as readily as the reverse.
    """
    bytes_at_risk, names_at_risk = _at_risk(journal)
    lost = []
    for path in sorted(bytes_at_risk | names_at_risk):
        if not path.is_file():
            continue
        size = path.stat().st_size
        if path in names_at_risk and chance.random() < 0.5:
            path.unlink()
            lost.append(f"{path}: gone")
        elif path in bytes_at_risk and size:
            left = chance.choice([b"", bytes(size), path.read_bytes()[: size // 2]])
            path.write_bytes(left)
            lost.append(f"{path}: {len(left)} of {size} bytes")
    return lost


def _at_risk(journal: Path) -> tuple[set[Path], set[Path]]:
    """Files whose bytes, and files whose names, were not forced to disk after their last change."""
    unsynced: set[Path] = set()
    unnamed: set[Path] = set()
    for line in journal.read_text(encoding="utf-8").splitlines():
        kind, *names = json.loads(line)
        paths = [Path(name) for name in names if name]
        if kind == "w":
            unsynced.add(paths[0])
            unnamed.add(paths[0])
        elif kind == "s":
            unsynced.discard(paths[0])
            unnamed -= {path for path in unnamed if path.parent == paths[0]}
        elif kind == "r":
            source, target = paths[0], paths[-1]
            for risks in (unsynced, unnamed):
                moved = {path for path in risks if path == source or source in path.parents}
                risks -= moved
                risks |= {target / path.relative_to(source) for path in moved}
            unnamed.add(target)
        else:
            gone = paths[0]
            unsynced = {path for path in unsynced if path != gone and gone not in path.parents}
            unnamed = {path for path in unnamed if path != gone and gone not in path.parents}
    return unsynced, unnamed
