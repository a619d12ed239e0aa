"""What a patient's folder holds, slice by slice, and what is wrong with it."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..base.anatomy import SEQUENCES
from ..base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, LISTED_COLUMNS
from ..base.files import read_tsv, write_tsv
from ..base.indexes import read_index
from ..base.volumes import VolumeId
from .bodies import check_body, check_organs
from .checks import PHASES_SWAPPED, check_grids, check_masks, check_phases, check_places
from .contents import check_blank_masks, check_contents
from .findings import Finding, log_findings
from .listing import check_listed, check_names
from .pairing import OUT_OF_PHASE, pair
from .plausibility import check_plausible
from .slices import Ground, Image, describe_slice, read_ground, read_images, usual_distance_mm
from .strangers import check_identifiers, check_strangers

IN_PHASE = "t1_in_phase"


def inventory_patient(
    *,
    raw_index: Path,
    listed: Path,
    patient: str,
    sequences: list[str],
    ground_truth: bool,
    slices: Path,
    findings: Path,
) -> None:
    """Check the patient's folder, which lies beside its index, and write the tables of slices and findings.

    `listed` is the table of what the archive has of the patient.
    Both are written where there are errors too: those keep the patient out later. Raises InputError where the folder
    is not as its index says.
    """
    raw = raw_index.with_suffix("")
    read_index(raw_index, raw)
    in_archive = read_tsv(listed, LISTED_COLUMNS)
    slice_rows, finding_rows = take_inventory(raw, patient, sequences, ground_truth, in_archive)
    write_tsv(slices, INVENTORY_COLUMNS, slice_rows)
    write_tsv(findings, FINDING_COLUMNS, finding_rows)
    log_findings(finding_rows, logging.INFO)


def take_inventory(
    raw: Path, patient: str, sequences: list[str], ground_truth: bool, listed: Iterable[Mapping[str, str]] = ()
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the slices (INVENTORY_COLUMNS) and of the findings (FINDING_COLUMNS) of one patient.

    `raw` is the patient's folder, `listed` what the archive has of it (LISTED_COLUMNS). Images are paired with their
    masks by stem; those out of phase by place along z with the images in phase, whose ground truth they share. A
    damaged file is a finding and gives no row.
    """
    found = _Inventory(raw, [VolumeId(sequence, patient) for sequence in SEQUENCES if sequence in sequences])
    found.check_files(listed, ground_truth)
    found.read_images()
    found.check_phases()
    for volume in found.images:
        found.check_images(volume)
        if ground_truth:
            found.add_masks(volume)
    return found.rows(), [finding._asdict() for finding in found.findings]


class _Inventory:
    """What was read of a patient's `volumes`, in their order, and what was found wrong so far."""

    def __init__(self, raw: Path, volumes: list[VolumeId]) -> None:
        self.findings: list[Finding] = []
        # By place along z; a volume without a readable image is not among them.
        self.images: dict[VolumeId, list[Image]] = {}
        self._raw, self._volumes = raw, volumes
        self._grounds: dict[str, Ground] = {}
        self._in_phase: list[Image] = []
        self._phases_swapped = False
        # Those whose images no scanner gives.
        self._impossible: set[VolumeId] = set()

    def check_files(self, listed: Iterable[Mapping[str, str]], ground_truth: bool) -> None:
        self.findings += check_listed(self._volumes, listed)
        self.findings += check_names(self._raw, self._volumes, ground_truth)

    def read_images(self) -> None:
        for volume in self._volumes:
            images, findings = read_images(self._raw, volume)
            self.findings += findings
            if images:
                self.images[volume] = images

    def check_phases(self) -> None:
        out_of_phase = self._images_of(OUT_OF_PHASE)
        if not out_of_phase:
            return
        self._in_phase = self._images_of(IN_PHASE)
        if not any(volume.sequence == IN_PHASE for volume in self._volumes):
            # The study does not use them, so what is wrong with them is not told.
            self._in_phase, _ = read_images(self._raw, self._volumes[0]._replace(sequence=IN_PHASE))
        findings = list(check_phases(self._volumes[0], self._in_phase, out_of_phase))
        self._phases_swapped = any(finding.flag == PHASES_SWAPPED for finding in findings)
        self.findings += findings

    def check_images(self, volume: VolumeId) -> None:
        images = self.images[volume]
        found = [*check_places(volume, images), *check_grids(volume, images), *check_identifiers(volume, images)]
        found += [*check_body(volume, images), *check_contents(volume, images)]
        # What is impossible already would only be told again as slices unlike their neighbours.
        if any(finding.severity == "error" for finding in found):
            self._impossible.add(volume)
        else:
            found += check_strangers(volume, images)
        self.findings += found

    def add_masks(self, volume: VolumeId) -> None:
        # With the phases swapped no T1 image would find its mask, and the cause would drown in the consequences.
        if self._phases_swapped and volume.sequence in (IN_PHASE, OUT_OF_PHASE):
            return
        ground = self._ground_of(volume)
        unreadable = {Path(finding.file).stem for finding in self.findings if finding.flag == "unreadable"}
        images, findings = pair(volume, self.images[volume], ground, self._in_phase, unreadable)
        self.images[volume] = images
        self.findings += findings
        # Both phases share their masks: what is wrong with a mask is said once.
        if volume.sequence != OUT_OF_PHASE or not self._images_of(IN_PHASE):
            self.findings += check_masks(volume, images)
            self.findings += check_organs(volume, images)
            self.findings += check_blank_masks(volume, images)
            # Nor can masks lie on organs that the images do not show.
            if volume not in self._impossible:
                self.findings += check_plausible(volume, images)

    def rows(self) -> list[dict[str, Any]]:
        rows = []
        for volume, images in self.images.items():
            distance_mm = usual_distance_mm(images)
            rows += [describe_slice(volume, image, distance_mm) for image in images]
        return rows

    def _images_of(self, sequence: str) -> list[Image]:
        return next((images for volume, images in self.images.items() if volume.sequence == sequence), [])

    def _ground_of(self, volume: VolumeId) -> Ground:
        """The volume's ground truth, which two sequences may share: it is read once."""
        folder = SEQUENCES[volume.sequence].ground
        if folder not in self._grounds:
            self._grounds[folder], findings = read_ground(self._raw, volume)
            self.findings += findings
        return self._grounds[folder]
