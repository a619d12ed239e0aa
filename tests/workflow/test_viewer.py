"""The viewer as its reader has it: in a browser, from the disk and from a server on this machine."""

import functools
import http.server
import shutil
import threading

import cv2
import numpy as np
import pytest
from workflow.browser import CHROMIUM, DRIVER, browser
from workflow.conftest import Study

from chaosliver.base.anatomy import SEQUENCES

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs Chromium and its driver, which `make browser` installs on Debian"
    ),
    pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which `make npm` installs on Debian"),
]
OPENED = "return Boolean(shown) && nv.volumes.length === 2 && !document.getElementById('stage').hidden"
SLICE = "return document.getElementById('where').textContent"
# Row by row of the table with the given number: the text of the cells.
CELLS = """
return [...document.querySelectorAll('table')[arguments[0]].querySelectorAll('tbody tr')]
  .map(row => [...row.cells].map(cell => cell.textContent));
"""
PRESS = """
const target = arguments[1] ? document.querySelector(arguments[1]) : document.activeElement;
target.dispatchEvent(new KeyboardEvent("keydown", { key: arguments[0], bubbles: true, cancelable: true }));
"""


@pytest.fixture(scope="module")
def study(demo, tmp_path_factory):
    """The demo with its viewer, and with a study of one's own that lacks a slice."""
    folder = tmp_path_factory.mktemp("viewer") / "study"
    shutil.copytree(demo.folder, folder)
    study = Study(folder, demo.config)
    study.configure(model={"experiment": "t1_8bit", "networks": "folds"})
    exam = tmp_path_factory.mktemp("exams") / "mine"
    shutil.copytree(study.results / "raw/2" / SEQUENCES["t1_in_phase"].images, exam)
    sorted(exam.glob("*.dcm"))[4].unlink()
    study.succeed("--quiet", "--config", f"study={exam}", "--", "segmented")
    study.succeed("--quiet", "--", "viewer")
    return study


@pytest.fixture(scope="module", params=["disk", "server"])
def page(request, study):
    """The address of the page, and a browser that has it open."""
    folder = study.results / "viewer"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser() as window:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served = f"http://127.0.0.1:{server.server_port}/index.html"
        address = served if request.param == "server" else (folder / "index.html").as_uri()
        window.ask("url", url=address)
        yield window, address.rsplit("/", 1)[0]
        server.shutdown()


@pytest.fixture
def window(page):
    """Whatever a test does, the console has no errors, and nothing but the folder's own files is asked for."""
    window, address = page
    window.ask("url", url=f"{address}/index.html")
    yield window
    assert window.complaints() == []
    requested = [url for url in window.requested() if not url.startswith("data:")]
    assert requested
    assert all(url.startswith((address, f"blob:{address}", "blob:null")) for url in requested)


def open_row(window, table, row):
    window.run("document.querySelectorAll('table')[arguments[0]].tBodies[0].rows[arguments[1]].click()", table, row)
    window.wait_for(OPENED)


def drawn(window, tmp_path, name):
    """What the canvas shows, uint8 [rows, columns, 3], once it no longer changes."""
    path, before = tmp_path / f"{name}.png", None
    box = window.run(
        "const b = document.getElementById('canvas').getBoundingClientRect();"
        "return [b.top, b.bottom, b.left, b.right].map(Math.round)"
    )
    while True:
        window.picture(path)
        pixels = cv2.imread(str(path))[box[0] : box[1], box[2] : box[3]]
        if before is not None and np.array_equal(before, pixels):
            return pixels
        before = pixels


def colourful(pixels):
    """How many pixels are of a colour and no grey."""
    return int((np.ptp(pixels.astype(int), axis=2) > 60).sum())


def test_a_volume_is_drawn_and_its_overlays_follow_the_checkboxes(window, tmp_path):
    open_row(window, 0, 3)
    both = drawn(window, tmp_path, "both")
    assert len(np.unique(both.reshape(-1, 3), axis=0)) > 50
    assert colourful(both) > 200
    window.run("$('prediction').click(); $('reference').click()")
    neither = drawn(window, tmp_path, "neither")
    assert colourful(neither) == 0
    window.run("$('reference').click()")
    truth = drawn(window, tmp_path, "truth")
    assert 100 < colourful(truth) < colourful(both)
    window.run("$('prediction').click()")
    assert np.array_equal(drawn(window, tmp_path, "again"), both)
