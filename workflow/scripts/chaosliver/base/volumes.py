"""Which volume: one sequence of one patient, and where its slices lie in each tree of folders."""

from pathlib import Path
from typing import NamedTuple

# Neighbouring slices further apart than this times the usual distance have a gap between them.
GAP_LIMIT = 1.5


class VolumeId(NamedTuple):
    """One sequence of one patient. As text it is `<sequence>/<patient>`."""

    sequence: str
    patient: str

    def __str__(self) -> str:
        return f"{self.sequence}/{self.patient}"

    @classmethod
    def parse(cls, text: str) -> "VolumeId":
        """The volume that `<sequence>/<patient>` names. Raises ValueError for any other text."""
        sequence, patient = text.split("/")
        return cls(sequence, patient)

    @classmethod
    def of_index(cls, index: Path) -> "VolumeId":
        """The volume whose slices the index <tree>/<sequence>/<patient>.tsv lists."""
        return cls(index.parent.name, index.stem)

    def folder(self, tree: Path) -> Path:
        """Where the volume's slices lie below a tree, such as one encoding's images or one organ's masks."""
        return tree / self.sequence / self.patient

    # A tuple of two names is never searched, so its own `index` is not missed.
    def index(self, tree: Path) -> Path:  # type: ignore[override]
        """The index of that folder."""
        return tree / self.sequence / f"{self.patient}.tsv"
