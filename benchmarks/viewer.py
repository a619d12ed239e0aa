"""The viewer of simulated patients on a loopback server: seconds to its list and to its volumes; or its picture.

Page and NiiVue are those of a finished viewer (`make viewer CONFIG=config/demo.yaml`). The browser is a headless
Chromium that draws without a graphics card, started anew for each round.
"""

import argparse
import functools
import http.server
import json
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prepare import ROOT, circumstances
from scipy import ndimage

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
sys.path.insert(0, str(ROOT / "tests"))

from workflow.browser import Browser, browser

from chaosliver.base.files import write_text, write_tsv
from chaosliver.tables.viewer_volumes import write_volume

COLUMNS = (
    *("patients", "experiments", "page_mb", "seconds_to_list", "seconds_to_first_volume"),
    *("seconds_from_click_to_first_volume", "seconds_from_click_to_next_volume", "rounds", "load_average"),
)
# So many patients' volumes are drawn; those of the others are links to them.
DRAWN = 20
# Slices, rows and columns of CHAOS's usual volume, and the distances of its columns, rows and slices in mm.
SHAPE, SPACING_MM = (36, 256, 256), (1.6, 1.6, 6.0)
# Opens a row, and returns when that was asked for and when it was drawn, in ms since the page was asked for.
OPEN = """
const [number, done] = arguments, row = document.querySelectorAll("tbody tr")[number], asked = performance.now();
row.click();
(function wait() {
  if (!(shown && shown.entry.row === row && nv.volumes.length === 2)) return setTimeout(wait, 5);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    nv.gl.readPixels(0, 0, 1, 1, nv.gl.RGBA, nv.gl.UNSIGNED_BYTE, new Uint8Array(4));
    done([asked, performance.now()]);
  }));
})();
"""
PICTURE = """
const [row, done] = arguments;
document.querySelectorAll("tbody tr")[row].click();
(function wait() {
  if (!(shown && nv.volumes.length === 2)) return setTimeout(wait, 50);
  document.querySelector("input[value=three]").click();
  document.getElementById("differences").click();
  setTimeout(done, 3000);
})();
"""


def main() -> None:
    """Measure and print, and write a row to `--output`; or save a picture as `--screenshot`."""
    arguments = _arguments()
    if arguments.screenshot:
        take_picture(arguments.viewer, arguments.row, arguments.screenshot)
        return
    with TemporaryDirectory() as folder:
        page = Path(folder)
        simulate(arguments.viewer, page, arguments.patients, arguments.experiments)
        size = sum(path.stat().st_size for path in page.rglob("*") if path.is_file()) / 1e6
        rounds = [measure(page) for _ in range(arguments.rounds)]
    seconds = [round(statistics.median(values), 2) for values in zip(*rounds, strict=True)]
    values = (
        arguments.patients,
        arguments.experiments,
        round(size),
        *seconds,
        len(rounds),
        round(os.getloadavg()[0], 2),
    )
    row = dict(zip(COLUMNS, values, strict=True))
    print("\n".join(f"{name}: {value}" for name, value in row.items()))
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common}])


def simulate(viewer: Path, page: Path, patients: int, experiments: int) -> None:
    """Write a page of simulated patients, each with a prediction by each experiment."""
    for path in viewer.iterdir():
        if path.is_file():
            shutil.copy(path, page)
    names = [f"x{number}" for number in range(1, experiments + 1)]
    folder = page / "volumes/t1_in_phase"
    for number in range(1, patients + 1):
        if number <= DRAWN:
            draw_volumes(page / "volumes", number, names)
        else:
            shutil.copytree(folder / str(1 + number % DRAWN), folder / str(number), copy_function=os.link)
    volumes = [described(str(number), names) for number in range(1, patients + 1)]
    study = {"name": "simulated", "source": "", "experiments": names, "cohorts": ["development"], "exams": []}
    write_text(page / "data.js", f"const STUDY = {json.dumps(study | {'volumes': volumes})};\n")


def draw_volumes(volumes: Path, patient: int, experiments: Sequence[str]) -> None:
    """An elliptic body with noise, an organ, and its predictions, each shifted by another distance."""
    random, to_patient = np.random.default_rng(patient), np.diag([*SPACING_MM, 1.0])
    slices, rows, columns = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
    body = (rows**2 / 0.3 + columns**2 / 0.6 < 1) | np.zeros(SHAPE, bool)
    organ = slices**2 / 0.4 + rows**2 / 0.09 + (columns + 0.3) ** 2 / 0.12 < 1
    tissue = 60 * body + 40 * organ + 10 * ndimage.gaussian_filter(random.normal(size=SHAPE), 2) * body
    greys = np.clip(tissue + np.abs(random.normal(scale=2, size=SHAPE)), 0, 255).astype(np.uint8)
    masks = {"reference_liver": organ}
    masks |= {f"prediction_{name}": np.roll(organ, 3 + step, axis=2) for step, name in enumerate(experiments)}
    write_volume(volumes, f"t1_in_phase/{patient}/image", greys, to_patient)
    for name, mask in masks.items():
        write_volume(volumes, f"t1_in_phase/{patient}/{name}", mask.astype(np.uint8), to_patient)


def described(patient: str, experiments: Sequence[str]) -> dict[str, object]:
    """What the page is told of a simulated patient."""
    told = {"organ": "liver", "by": "by a shift", "dice_3d": 0.9, "reference_ml": 1500.0, "predicted_ml": 1500.0}
    return {
        **{"patient": patient, "title": "T1 in phase", "cohort": "development", "folder": f"t1_in_phase/{patient}"},
        **{"image": True, "missing": [], "references": ["liver"], "flags": []},
        "predictions": dict.fromkeys(experiments, told),
    }


def measure(page: Path) -> tuple[float, float, float, float]:
    """Seconds from asking for the page to its list and first volume, and from a click to that and to the next."""
    with opened(page) as window:
        asked, drawn = window.ask("execute/async", script=OPEN, args=[0])
        again, next_drawn = window.ask("execute/async", script=OPEN, args=[1])
        (listed,) = window.run(
            "return performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
        )
    return listed / 1000, drawn / 1000, (drawn - asked) / 1000, (next_drawn - again) / 1000


@contextmanager
def opened(page: Path) -> Iterator[Browser]:
    """A new browser that has a served page open."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=page)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser() as window:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        window.ask("url", url=f"http://127.0.0.1:{server.server_port}/index.html")
        yield window
        server.shutdown()


def take_picture(viewer: Path, row: int, picture: Path) -> None:
    """Save what the window shows of a viewer once a row of its list is open, in three planes with the differences."""
    with opened(viewer) as window:
        window.ask("execute/async", script=PICTURE, args=[row])
        window.picture(picture)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewer", type=Path, default=ROOT / "results/demo/viewer", help="a finished viewer")
    parser.add_argument("--patients", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--experiments", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a table (TSV) to write the row to")
    parser.add_argument("--screenshot", type=Path, help="save a picture of the viewer instead, as PNG")
    parser.add_argument("--row", type=int, default=3, help="the row of the list that the picture shows")
    return parser.parse_args()


if __name__ == "__main__":
    main()
