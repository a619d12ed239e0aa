"""Quality control of all patients in one picture, beside a table of their sequences and one of all findings."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..base.anatomy import SEQUENCES
from ..base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, VOLUME_COLUMNS
from ..base.files import read_tsv, write_tsv
from ..base.volumes import GAP_LIMIT, VolumeId
from ..prepare.admission import cross_check
from ..prepare.findings import ACCEPTED, accept, log_findings, with_severity
from ..tables.inventories import Row, by_volume, in_order, summarise_inventories
from .style import MOST_ONE_BY_ONE, save

# Colours that people with any colour vision tell apart (Okabe and Ito), and shapes that need no colour.
LIVER, EMPTY, GAP, ERROR = "#0072B2", "#999999", "#E69F00", "#D55E00"
MARKS = {"error": ("X", ERROR), "warning": ("v", GAP), ACCEPTED: ("o", EMPTY)}
# Patients are 1 apart on the y axis, which points down: a strip stands this far below its patient's place.
STRIP_BASE, STRIP_HEIGHT = 0.4, 0.78
PANEL_INCHES, ROW_INCHES = 5.2, 0.42

Place = tuple[float, float]


def quality_control(
    *,
    slices: list[Path],
    findings: list[Path],
    accepted: Mapping[str, Collection[str]],
    patients_table: Path,
    findings_table: Path,
    picture: Path,
) -> None:
    """Gather the inventories of all patients into two tables and a picture, and log every finding.

    `accepted` are flags by patient; one that accepts nothing is logged too, since it may hide what is found later.
    Masks that two patients share are found here, and join the findings. Nothing stops here, whatever is found: that
    is the task of `check_cohort`.
    """
    slice_rows = [row for path in slices for row in read_tsv(path, INVENTORY_COLUMNS)]
    found = [row for path in findings for row in read_tsv(path, FINDING_COLUMNS)] + cross_check(slice_rows)
    finding_rows = accept(found, accepted)
    write_tsv(patients_table, VOLUME_COLUMNS, summarise_inventories(slice_rows, finding_rows))
    write_tsv(findings_table, FINDING_COLUMNS, finding_rows)
    draw_overview(slice_rows, finding_rows, picture)
    log_findings([row for row in finding_rows if row["severity"] != ACCEPTED], logging.WARNING)
    _log_accepted(finding_rows, accepted)


def _log_accepted(findings: Sequence[Row], accepted: Mapping[str, Collection[str]]) -> None:
    """Log what was accepted, and what the configuration accepts although it was not found."""
    log_findings(with_severity(ACCEPTED, findings), logging.INFO)
    found = {(row["patient"], row["flag"]) for row in findings}
    for patient, flags in accepted.items():
        for flag in flags:
            if (patient, flag) not in found:
                logging.warning("accept_findings: patient %s has no finding %s. Drop it from the config", patient, flag)


def draw_overview(slices: Sequence[Row], findings: Sequence[Row], picture: Path) -> None:
    """Draw a strip of slices along z per patient and sequence: liver area as height, gaps and findings marked.

    Of more than a hundred patients those with findings come first, and no more than a hundred are shown.

    `slices` are rows of inventories, each volume's from its lowest slice upwards.
    """
    slices_of, findings_of = by_volume(slices), by_volume(findings)
    volumes = in_order({*slices_of, *findings_of})
    everyone = list(dict.fromkeys(volume.patient for volume in volumes))
    patients = _shown(everyone, findings)
    sequences = [name for name in SEQUENCES if any(volume.sequence == name for volume in volumes)]
    largest = max((float(row["liver_mm2"] or 0) for row in slices), default=0) or 1.0
    longest = max((_heights_mm(rows)[-1] for rows in slices_of.values()), default=100.0)
    figure, panels = _panels(len(sequences), len(patients))
    for axes, sequence in zip(panels, sequences, strict=False):
        for number, patient in enumerate(patients):
            volume = VolumeId(sequence, patient)
            if volume in volumes:
                base = number + STRIP_BASE
                _draw_strip(axes, base, slices_of[volume], findings_of[volume], STRIP_HEIGHT / largest, longest)
        axes.set_title(SEQUENCES[sequence].title, loc="left", fontweight="bold")
        _set_axes(axes, patients, longest)
    some = f" ({len(patients)} of {len(everyone):,}: those with findings first)" if patients != everyone else ""
    panels[0].set_ylabel(f"patient{some}")
    figure.supxlabel("distance from the lowest slice along z (mm)", fontsize="medium")
    columns = 3 * min(len(panels), 2)
    figure.legend(handles=_legend(largest), loc="outside upper left", ncols=columns, frameon=False, fontsize=8)
    save(figure, [picture])


def _shown(patients: Sequence[str], findings: Sequence[Row]) -> list[str]:
    """The patients of the picture, in their order: of a large cohort those with errors, then warnings, then others."""
    gravity = dict.fromkeys(patients, len(MARKS))
    for rank, severity in reversed(list(enumerate(MARKS))):
        gravity |= {finding["patient"]: rank for finding in with_severity(severity, findings)}
    chosen = set(sorted(patients, key=gravity.__getitem__)[:MOST_ONE_BY_ONE])
    return [patient for patient in patients if patient in chosen]


def _panels(sequences: int, patients: int) -> tuple[Figure, np.ndarray]:
    """A figure with a panel per sequence, as high as its patients need; without sequences there is an empty panel."""
    count = max(sequences, 1)
    size = 1 + PANEL_INCHES * count, 1.9 + ROW_INCHES * patients
    figure, panels = plt.subplots(1, count, figsize=size, sharey=True, squeeze=False, layout="constrained", dpi=150)
    return figure, panels[0]


def _heights_mm(slices: Sequence[Row]) -> np.ndarray:
    """Distances from the lowest slice in mm."""
    positions = np.array([float(row["position_mm"]) for row in slices])
    return positions - positions.min()


def _draw_strip(
    axes: Axes, base: float, slices: Sequence[Row], findings: Sequence[Row], scale: float, longest: float
) -> None:
    """Draw one volume standing on y = `base`; `scale` makes heights of liver areas in mm², `longest` is in mm."""
    tops = _draw_slices(axes, base, slices, scale) if slices else {}
    _mark(axes, findings, tops, beside=(-0.035 * longest, base - 0.15))
    text = _described(slices, findings)
    axes.text(longest * 1.05, base - 0.32, text, va="center", fontsize=7, linespacing=1.1)


def _draw_slices(axes: Axes, base: float, slices: Sequence[Row], scale: float) -> dict[str, Place]:
    """Draw a bar per slice and the gaps between them, and return the place above each slice, by its files."""
    along = _heights_mm(slices)
    usual = float(slices[0]["slice_distance_mm"] or 5)
    liver = np.array([float(row["liver_mm2"] or 0) for row in slices])
    # A liver of a few pixels stays visible.
    heights = np.where(liver > 0, np.maximum(liver * scale, 0.05), 0.1)
    axes.bar(along, -heights, 0.86 * usual, base, color=np.where(liver > 0, LIVER, EMPTY), linewidth=0)
    for lower, step in zip(along, np.diff(along), strict=False):
        if step > GAP_LIMIT * usual:
            style = {"facecolor": "none", "edgecolor": GAP, "hatch": "////", "linewidth": 1}
            axes.bar(lower + step / 2, -STRIP_HEIGHT, step - usual, base, **style)
    return {
        file: (place, base - height - 0.12)
        for row, place, height in zip(slices, along, heights, strict=True)
        for file in (row["image"], row["ground"])
    }


def _mark(axes: Axes, findings: Sequence[Row], tops: dict[str, Place], beside: Place) -> None:
    """Put a mark above the slice that a finding names, or `beside` the strip where it names none.

    Errors come last, above what is accepted and the warnings.
    """
    for severity, (marker, colour) in reversed(MARKS.items()):
        places = [tops.get(finding["file"], beside) for finding in with_severity(severity, findings)]
        if places:
            style = {"marker": marker, "edgecolors": "black", "linewidths": 0.5, "zorder": 3}
            axes.scatter(*zip(*places, strict=True), 26, colour, **style)


def _described(slices: Sequence[Row], findings: Sequence[Row]) -> str:
    """Number, matrix and distance of the slices, and the first two flags of the findings."""
    if slices:
        distance = float(slices[0]["slice_distance_mm"] or 0)
        size = f"{len(slices)} slices, {slices[0]['rows']} x {slices[0]['columns']}, {distance:.3g} mm"
    else:
        size = "no readable slice"
    flags = list(dict.fromkeys(finding["flag"] for finding in findings))
    more = f" and {len(flags) - 2} more" if len(flags) > 2 else ""
    return f"{size}\n{', '.join(flags[:2])}{more}" if flags else size


def _set_axes(axes: Axes, patients: Sequence[str], longest: float) -> None:
    axes.set_xlim(-0.07 * longest, longest * 1.55)
    axes.set_ylim(len(patients) - 0.45, -0.65)
    axes.set_yticks(range(len(patients)), patients)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= longest])
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.hlines(np.arange(len(patients)) + STRIP_BASE, 0, longest, color="#dddddd", linewidth=0.6, zorder=0)


def _legend(largest: float) -> list[Patch | Line2D]:
    """What colours and marks mean; `largest` is the area in mm² of the highest bar."""
    return [
        Patch(color=LIVER, label=f"slice with liver (height: its area, at most {largest / 100:.0f} cm²)"),
        Patch(color=EMPTY, label="slice without liver or without ground truth"),
        Patch(facecolor="none", edgecolor=GAP, hatch="////", label="gap along z"),
        *(
            Line2D([], [], ls="", marker=marker, color=colour, mec="black", mew=0.5, label=severity)
            for severity, (marker, colour) in MARKS.items()
        ),
    ]
