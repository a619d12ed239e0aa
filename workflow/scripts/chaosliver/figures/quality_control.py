"""Quality control of the whole cohort: a table per patient and sequence, all findings, and a picture of both."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # No display is needed, and none may be there.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.columns import AREAS, FINDING_COLUMNS, INVENTORY_COLUMNS, VOLUME_COLUMNS
from ..base.files import read_tsv, write_atomically, write_tsv
from ..base.patient_order import natural
from ..base.volumes import GAP_LIMIT
from ..prepare.admission import cross_check
from ..prepare.findings import log_findings

Row = Mapping[str, str]
Key = tuple[str, str]

# Colours that people with any colour vision tell apart (Okabe and Ito), and shapes that need no colour.
LIVER, EMPTY, GAP, ERROR = "#0072B2", "#999999", "#E69F00", "#D55E00"
MARKS = {"error": ("X", ERROR), "warning": ("v", GAP)}
ROW_INCHES = 0.42


def quality_control(
    slices: list[Path], findings: list[Path], patients_table: Path, findings_table: Path, picture: Path
) -> None:
    """Gather the inventories of all patients into two tables and a picture, and log every finding."""
    slice_rows = [row for path in slices for row in read_tsv(path, INVENTORY_COLUMNS)]
    finding_rows = [row for path in findings for row in read_tsv(path, FINDING_COLUMNS)] + cross_check(slice_rows)
    write_tsv(patients_table, VOLUME_COLUMNS, summarise(slice_rows, finding_rows))
    write_tsv(findings_table, FINDING_COLUMNS, finding_rows)
    draw_overview(slice_rows, finding_rows, picture)
    log_findings(finding_rows, logging.WARNING)


def summarise(slices: Iterable[Row], findings: Iterable[Row]) -> list[dict[str, Any]]:
    """One row (VOLUME_COLUMNS) per patient and sequence, also where no slice could be read.

    Volumes are the organ areas times the usual slice distance, in mL; gaps are not filled.
    """
    held, found = _by_key(slices), _by_key(findings)
    return [_summary(key, held[key], found[key]) for key in _ordered({*held, *found})]


def _by_key(rows: Iterable[Row]) -> defaultdict[Key, list[Row]]:
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["patient"], row["sequence"]].append(row)
    return groups


def _ordered(keys: Iterable[Key]) -> list[Key]:
    order = list(SEQUENCES)
    return sorted(keys, key=lambda key: (natural(key[0]), order.index(key[1])))


def _summary(key: Key, slices: list[Row], findings: list[Row]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(VOLUME_COLUMNS)
    row |= {"patient": key[0], "sequence": key[1], "slices": len(slices)}
    for severity in MARKS:
        row[f"{severity}s"] = sum(finding["severity"] == severity for finding in findings)
    if not slices:
        return row
    first = slices[0]
    for column in ("rows", "columns", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "echo_time_ms"):
        row[column] = first[column]
    row["minimum"] = min(int(each["minimum"]) for each in slices)
    row["maximum"] = max(int(each["maximum"]) for each in slices)
    masked = [each for each in slices if each["liver_mm2"]]
    if masked:
        row["slices_with_liver"] = sum(float(each["liver_mm2"]) > 0 for each in masked)
        distance = float(first["slice_distance_mm"] or 0)
        for organ, area in zip(ORGANS, AREAS, strict=True):
            row[f"{organ}_ml"] = sum(float(each[area]) for each in masked) * distance / 1000
    return row


def draw_overview(slices: list[Row], findings: list[Row], picture: Path) -> None:
    """Draw a strip of slices along z per patient and sequence: liver area as height, gaps and findings marked."""
    held, found = _by_key(slices), _by_key(findings)
    keys = _ordered({*held, *found})
    patients = list(dict.fromkeys(patient for patient, _ in keys))
    sequences = [name for name in SEQUENCES if any(key[1] == name for key in keys)]
    tallest = max((float(row["liver_mm2"] or 0) for row in slices), default=0) or 1.0
    longest = max((_places(rows)[-1] for rows in held.values() if rows), default=100.0)
    figure, axes = plt.subplots(
        1,
        max(len(sequences), 1),
        figsize=(1 + 5.2 * max(len(sequences), 1), 1.9 + ROW_INCHES * len(patients)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, sequence in zip(axes[0], sequences, strict=False):
        for number, patient in enumerate(patients):
            key = patient, sequence
            if key in held or key in found:
                _draw_strip(ax, number, held[key], found[key], 0.78 / tallest, longest)
        ax.set_title(SEQUENCES[sequence].title, loc="left", fontweight="bold")
        _dress(ax, patients, longest)
    axes[0][0].set_ylabel("patient")
    figure.supxlabel("distance from the lowest slice along z (mm)", fontsize="medium")
    _explain(figure, tallest)
    write_atomically(picture, lambda partial: figure.savefig(partial, dpi=150))
    plt.close(figure)


def _places(rows: list[Row]) -> np.ndarray:
    """Distances from the lowest slice in mm."""
    places = np.array([float(row["position_mm"]) for row in rows])
    return places - places.min()


def _draw_strip(ax: Axes, number: int, rows: list[Row], findings: list[Row], scale: float, longest: float) -> None:
    """One patient's slices: the strip stands on y = number + 0.4, heights grow upwards (the axis is inverted)."""
    base = number + 0.4
    tops = {}
    if rows:
        along = _places(rows)
        usual = float(rows[0]["slice_distance_mm"] or 5)
        liver = np.array([float(row["liver_mm2"] or 0) for row in rows])
        # A liver of a few pixels stays visible.
        heights = np.where(liver > 0, np.maximum(liver * scale, 0.05), 0.1)
        ax.bar(along, -heights, 0.86 * usual, base, color=np.where(liver > 0, LIVER, EMPTY), linewidth=0)
        gaps = [(left, step) for left, step in zip(along, np.diff(along), strict=False) if step > GAP_LIMIT * usual]
        for left, step in gaps:
            style = {"facecolor": "none", "edgecolor": GAP, "hatch": "////", "linewidth": 1}
            ax.bar(left + step / 2, -0.78, step - usual, base, **style)
        for row, place, height in zip(rows, along, heights, strict=True):
            tops |= dict.fromkeys((row["image"], row["ground"]), (place, base - height - 0.12))
    _mark(ax, findings, tops, beside=(-0.035 * longest, base - 0.15))
    ax.text(longest * 1.05, number + 0.08, _words(rows, findings), va="center", fontsize=7, linespacing=1.1)


def _mark(ax: Axes, findings: list[Row], tops: dict[str, tuple[float, float]], beside: tuple[float, float]) -> None:
    """A sign above the slice that a finding names, or `beside` the strip where it names none."""
    for severity in ("warning", "error"):
        marker, colour = MARKS[severity]
        places = [tops.get(finding["file"], beside) for finding in findings if finding["severity"] == severity]
        if places:
            ax.scatter(
                *zip(*places, strict=True), 26, colour, marker=marker, edgecolors="black", linewidths=0.5, zorder=3
            )


def _words(rows: list[Row], findings: list[Row]) -> str:
    """Size of the strip, and the flags that it carries."""
    if rows:
        distance = float(rows[0]["slice_distance_mm"] or 0)
        size = f"{len(rows)} slices, {rows[0]['rows']} x {rows[0]['columns']}, {distance:.3g} mm"
    else:
        size = "no readable slice"
    flags = list(dict.fromkeys(finding["flag"] for finding in findings))
    more = f" and {len(flags) - 2} more" if len(flags) > 2 else ""
    return f"{size}\n{', '.join(flags[:2])}{more}" if flags else size


def _dress(ax: Axes, patients: list[str], longest: float) -> None:
    ax.set_xlim(-0.07 * longest, longest * 1.55)
    ax.set_ylim(len(patients) - 0.45, -0.65)
    ax.set_yticks(range(len(patients)), patients)
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= longest])
    ax.tick_params(left=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.hlines(np.arange(len(patients)) + 0.4, 0, longest, color="#dddddd", linewidth=0.6, zorder=0)


def _explain(figure: plt.Figure, tallest: float) -> None:
    handles = [
        Patch(color=LIVER, label=f"slice with liver (height: its area, at most {tallest / 100:.0f} cm²)"),
        Patch(color=EMPTY, label="slice without liver or without ground truth"),
        Patch(facecolor="none", edgecolor=GAP, hatch="////", label="gap along z"),
    ]
    for severity, (marker, colour) in MARKS.items():
        handles.append(Line2D([], [], ls="", marker=marker, color=colour, mec="black", mew=0.5, label=severity))
    figure.legend(handles=handles, loc="outside upper left", ncols=5, frameon=False, fontsize=8)
