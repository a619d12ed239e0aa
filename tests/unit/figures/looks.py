"""A figure in words: every text, line, area and image with its place, colour and size, to compare with a kept file.

A picture's bytes depend on fonts and on how curves are drawn; these words depend on the figure alone, and a change of
a colour or a width can be read in them.
"""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text

KEPT = Path(__file__).parent / "looks"
TEXT = ("color", "fontsize", "fontweight", "ha", "va", "rotation")
LINE = ("color", "linestyle", "linewidth", "marker", "markersize")
AREA = ("facecolor", "edgecolor", "linewidth", "linestyle", "hatch")


def assert_looks_as_kept(figure: Figure, name: str) -> None:
    """Compare a figure's words with `looks/<name>.txt`. A file that is missing is written, to be read and kept."""
    path = KEPT / f"{name}.txt"
    found = "\n".join(words_of(figure)) + "\n"
    if not path.exists():
        path.write_text(found, encoding="utf-8")
        raise AssertionError(f"{path} was missing and is written now: read it, and keep it")
    kept = path.read_text(encoding="utf-8")
    differences = difflib.unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", lineterm="", n=0)
    assert found == kept, "\n".join(differences)


def words_of(figure: Figure) -> Iterator[str]:
    """The figure, a line for each thing in it."""
    yield f"figure {_number(figure.get_size_inches())} inches, {_number(figure.dpi)} dots per inch"
    yield from map(_text, _shown(figure.texts))
    for legend in figure.legends:
        yield f"legend {legend._outside_loc} in {legend._ncols} columns, frame {legend.get_frame_on()}"
        yield from map(_text, legend.get_texts())
        yield from map(_words, legend.legend_handles)
    for number, axes in enumerate(figure.axes):
        yield f"panel {number} from {_number(axes.get_position().bounds)}"
        yield from _panel(axes)


def _panel(axes: Axes) -> Iterator[str]:
    if axes.axison:
        yield from _ticks(axes)
        spines = [side for side, spine in axes.spines.items() if spine.get_visible()]
        grid = [_properties(line, LINE[:3]) for line in axes.xaxis.get_gridlines()[:1] if line.get_visible()]
        yield f"  spines {' '.join(spines)}, grid {' '.join(grid) or 'none'}, below {axes.get_axisbelow()}"
    yield f"  limits {_number([*axes.get_xlim(), *axes.get_ylim()])}"
    titles = [axes.title, axes._left_title, axes._right_title, axes.xaxis.label, axes.yaxis.label]
    yield from (f"  {_text(title)}" for title in _shown(titles))
    for artist in axes.get_children():
        if isinstance(artist, Line2D | Collection | AxesImage) or artist in axes.patches:
            yield f"  {_words(artist)}, in units of {_units(artist, axes)}"
    yield from (f"  {_text(text)}, in units of {_units(text, axes)}" for text in _shown(axes.texts))


def _units(artist: Artist, axes: Axes) -> str:
    """Whether an artist's places are shares of the panel, values of its axes, or else."""
    known = {id(axes.transAxes): "the panel", id(axes.transData): "the axes"}
    return known.get(id(artist.get_transform()), type(artist.get_transform()).__name__)


def _ticks(axes: Axes) -> Iterator[str]:
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        labels = [label.get_text().replace("\n", " / ") for label in axis.get_ticklabels()]
        sizes = [
            f"{_number([tick.label1.get_fontsize(), tick.tick1line.get_markersize()])} {tick.tick1line.get_visible()}"
            for tick in axis.get_major_ticks()[:1]
        ]
        sides = " ".join(label.get_ha() for label in axis.get_ticklabels())
        yield f"  ticks {name} {_number(axis.get_ticklocs())} {labels} {' '.join(sizes)} {sides}"


def _words(artist: Artist) -> str:
    kind = type(artist).__name__
    if isinstance(artist, Line2D):
        marks = f"filled {_colour(artist.get_mfc())} edge {_colour(artist.get_mec())} {_number(artist.get_mew())}"
        shown = f"{_properties(artist, LINE)} {marks} at {_points(artist.get_xydata())}"
    elif isinstance(artist, AxesImage):
        pixels = np.asarray(artist.get_array(), dtype=float)
        summed = f"{pixels.shape} mean {_number(np.nanmean(pixels)) if np.isfinite(pixels).any() else 'none'}"
        shown = f"{artist.get_cmap().name} {_number(artist.get_clim())} {summed} to {_number(artist.get_extent())}"
    elif isinstance(artist, Collection):
        places = _points(artist.get_offsets()) if len(artist.get_offsets()) else "none"
        outlines = " ".join(_points(path.vertices) for path in artist.get_paths())
        sizes = _number(artist.get_sizes()) if hasattr(artist, "get_sizes") else ""
        shown = f"{_properties(artist, AREA)} {sizes} at {places} outline {outlines}"
    else:
        corners = artist.get_patch_transform().transform(artist.get_path().vertices)
        shown = f"{_properties(artist, AREA)} corners {_points(corners)}"
    return (
        f"{kind} {shown}, alpha {artist.get_alpha()}, order {_number(artist.get_zorder())}, clip {artist.get_clip_on()}"
    )


def _text(text: Text) -> str:
    box = text.get_bbox_patch()
    framed = (
        "" if box is None else f", box {_properties(box, AREA)} alpha {box.get_alpha()} pad {box.get_boxstyle().pad}"
    )
    shown = text.get_text().replace("\n", " / ")
    return f"text '{shown}' at {_number(text.get_position())} {_properties(text, TEXT)} {text._linespacing}{framed}"


def _shown(texts: Iterable[Text]) -> list[Text]:
    return [text for text in texts if text.get_text()]


def _properties(artist: Any, names: Iterable[str]) -> str:
    values = {name: getattr(artist, f"get_{name}")() for name in names}
    return " ".join(_colour(value) if "color" in name else _number(value) for name, value in values.items())


def _colour(value: Any) -> str:
    """One colour, or several of them, or none."""
    colours = [value] if isinstance(value, str) else np.atleast_2d(np.asarray(value, dtype=float)).tolist()
    return "+".join(to_hex(colour, keep_alpha=True) for colour in colours if len(colour)) or "none"


def _points(places: Any) -> str:
    return _number(np.asarray(places, dtype=float).ravel())


def _number(value: Any) -> str:
    try:
        numbers = np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError):
        return str(value)
    # Adding zero makes -0 a 0.
    return " ".join(f"{each + 0:.5g}" for each in np.round(numbers, 7))
