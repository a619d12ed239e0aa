"""The viewer as its reader has it: in a browser, from the disk and from a server on this machine."""

import functools
import http.server
import shutil
import threading

import cv2
import numpy as np
import pytest
from workflow.browser import CHROMIUM, DRIVER, browser
from workflow.conftest import copy_study
from workflow.privacy import told, words_of

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.files import read_tsv

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs Chromium and its driver, which `make browser` installs on Debian"
    ),
    pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which `make npm` installs on Debian"),
]
PATIENTS, EXAMS = 0, 1
TEXT = "return document.querySelector(arguments[0]).innerText"
# The cells of each row of a table.
ROWS = """
return [...document.querySelectorAll('table')[arguments[0]].tBodies[0].rows]
  .filter(row => !row.hidden).map(row => [...row.cells].map(cell => cell.innerText));
"""
BOX = """
const box = document.getElementById('canvas').getBoundingClientRect();
return [box.top, box.bottom, box.left, box.right].map(Math.round);
"""
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowUp": "\ue013", "ArrowDown": "\ue015", "PageDown": "\ue00f"}
KEYS |= {"Home": "\ue011", "End": "\ue010", "Tab": "\ue004"}


@pytest.fixture(scope="module")
def study(demo, tmp_path_factory):
    """The demo with its viewer, and with a study of one's own that lacks a slice."""
    study = copy_study(demo, tmp_path_factory.mktemp("viewer") / "study")
    exam = tmp_path_factory.mktemp("exams") / "mine"
    shutil.copytree(study.results / "raw/2" / SEQUENCES["t1_in_phase"].images, exam)
    sorted(exam.glob("*.dcm"))[4].unlink()
    study.succeed("--quiet", "--config", f"study={exam}", "--", "segmented")
    made = study.run("--quiet", "--", "viewer")
    if "npm could not fetch it" in made.stdout:
        pytest.skip("npm reaches no registry from this machine")
    assert made.returncode == 0, made.stdout[-5000:]
    return study


@pytest.fixture(scope="module", params=["disk", "server"])
def page(request, study):
    """A browser, and the address of the folder that holds the page."""
    folder = study.results / "viewer"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser() as window:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served = f"http://127.0.0.1:{server.server_port}"
        yield window, served if request.param == "server" else folder.as_uri()
        server.shutdown()


@pytest.fixture
def window(page):
    """Whatever a test does, the console has no errors, and nothing but the folder's own files is asked for."""
    window, address = page
    window.requested()
    window.ask("url", url=f"{address}/index.html")
    window.ask("execute/async", script="started.then(arguments[0])", args=[])
    yield window
    assert window.complaints() == []
    requested = [url for url in window.requested() if not url.startswith("data:")]
    assert requested and all(url.startswith(f"{address}/") for url in requested)


def press(window, *keys):
    """Press keys in whatever has the focus, as a keyboard does."""
    presses = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
    window.ask("actions", actions=[{"type": "key", "id": "keyboard", "actions": presses}])


def turn_wheel(window, by):
    """Turn the mouse wheel over the middle of the slice; positive is down."""
    top, bottom, left, right = window.run(BOX)
    place = {"x": (left + right) // 2, "y": (top + bottom) // 2}
    window.ask(
        "actions",
        actions=[{"type": "wheel", "id": "wheel", "actions": [{"type": "scroll", "deltaX": 0, "deltaY": by, **place}]}],
    )


def open_row(window, table, row, experiment=None):
    """Open a row's volume by a click on it, or on its cell of an experiment, and wait until it is drawn."""
    window.run(
        "const row = document.querySelectorAll('table')[arguments[0]].tBodies[0].rows[arguments[1]];"
        "(arguments[2] ? row.querySelector(`[data-experiment=${arguments[2]}]`) : row).click(); window.asked = row;",
        *(table, row, experiment),
    )
    window.wait_for("return shown && shown.entry.row === window.asked && nv.volumes.length === 2")


def slice_shown(window):
    return int(window.run("return document.getElementById('where').innerText").split()[0])


def drawn(window, tmp_path):
    """What the canvas shows, uint8 [rows, columns, 3], once it no longer changes."""
    path, before = tmp_path / "window.png", None
    top, bottom, left, right = window.run(BOX)
    while True:
        window.picture(path)
        pixels = cv2.imread(str(path))[top:bottom, left:right]
        if before is not None and np.array_equal(before, pixels):
            return pixels
        before = pixels


def colours_in(window, pixels):
    """How many pixels have nearly the colour of each swatch."""
    names = ("reference", "prediction", "both", "missed", "extra")
    styles = window.run(
        "return arguments[0].map(name =>"
        "getComputedStyle(document.querySelector(`.swatch.${name}`)).backgroundColor.match(/\\d+/g).map(Number))",
        names,
    )
    away = {
        name: np.abs(pixels[..., ::-1].astype(int) - style).max(axis=2)
        for name, style in zip(names, styles, strict=True)
    }
    return {name: int((distance < 40).sum()) for name, distance in away.items()}


def test_a_volume_is_drawn_and_its_overlays_follow_the_checkboxes(window, tmp_path):
    open_row(window, PATIENTS, 3)
    outlines = drawn(window, tmp_path)
    # Not all of one colour: greys and both outlines.
    assert len(np.unique(outlines.reshape(-1, 3), axis=0)) > 50
    found = colours_in(window, outlines)
    assert min(found[name] for name in ("reference", "prediction", "both")) > 20
    assert max(found[name] for name in ("missed", "extra")) < 20
    window.run("$('prediction').click()")
    truth = colours_in(window, drawn(window, tmp_path))
    assert truth["reference"] > found["reference"] and max(truth["prediction"], truth["both"]) < 20
    window.run("$('reference').click(); $('differences').click()")
    differences = colours_in(window, drawn(window, tmp_path))
    assert differences["missed"] > 20 and max(differences[name] for name in ("reference", "prediction", "both")) < 20
    window.run("for (const id of ['prediction', 'reference', 'differences']) $(id).click()")
    assert np.array_equal(drawn(window, tmp_path), outlines)


def test_what_is_missed_and_too_many_is_what_the_masks_say(window):
    """The overlay's voxels against the volumes of the table: their difference, in voxels of the image."""
    open_row(window, PATIENTS, 3)
    window.run("document.querySelector('input[value=filled]').click(); $('differences').click()")
    counts = window.run(
        "return [REFERENCE, PREDICTION, BOTH, MISSED, EXTRA].map(code =>"
        "nv.volumes[1].img.filter(voxel => voxel === code).length)"
    )
    voxel = window.run("return shown.image.hdr.pixDims.slice(1, 4).reduce((a, b) => a * b) / 1000")
    told = window.run(
        "const told = shown.entry.predictions[shown.experiment];"
        "return [told.reference_ml, told.predicted_ml, told.dice_3d]"
    )
    reference_only, predicted_only, both, missed, extra = counts
    assert reference_only == predicted_only == 0
    assert ((both + missed) * voxel, (both + extra) * voxel) == pytest.approx(told[:2], rel=1e-4)
    assert 2 * both / (2 * both + missed + extra) == pytest.approx(told[2], rel=1e-4)


def test_keys_and_wheel_move_through_the_slices(window, tmp_path):
    open_row(window, PATIENTS, 0)
    first, before = slice_shown(window), drawn(window, tmp_path)
    press(window, "ArrowUp", "k")
    assert slice_shown(window) == first + 2
    assert not np.array_equal(drawn(window, tmp_path), before)
    press(window, "ArrowDown", "j", "PageDown")
    assert slice_shown(window) == first - 5
    press(window, "Home")
    assert slice_shown(window) == int(window.run("return $('slice').max"))
    press(window, "End")
    assert slice_shown(window) == 1
    turn_wheel(window, -100)
    assert slice_shown(window) == 2
    turn_wheel(window, 100)
    assert slice_shown(window) == 1


def test_planes_window_and_opacity_change_what_is_drawn(window, tmp_path):
    open_row(window, PATIENTS, 0)
    axial = drawn(window, tmp_path)
    window.run("document.querySelector('input[value=three]').click()")
    assert not np.array_equal(drawn(window, tmp_path), axial)
    window.run("document.querySelector('input[value=axial]').click()")
    assert np.array_equal(drawn(window, tmp_path), axial)
    window.run("$('level').value = 30; $('level').dispatchEvent(new Event('input'))")
    assert drawn(window, tmp_path).mean() > axial.mean() * 1.2
    window.run("$('reset').click()")
    assert np.array_equal(drawn(window, tmp_path), axial)
    window.run("$('opacity').value = 0; $('opacity').dispatchEvent(new Event('input'))")
    assert max(colours_in(window, drawn(window, tmp_path)).values()) < 20


def test_the_table_sorts_and_opens_by_keyboard(window, study):
    rows = read_tsv(study.results / "tables/patients.tsv")
    dice = {
        (row["patient"], SEQUENCES[row["sequence"]].title): f"{float(row['dice_3d']):.3f}"
        for row in rows
        if row["experiment"] == "t1_8bit"
    }
    shown = window.run(ROWS, PATIENTS)
    assert {(row[0], row[1]): row[3] for row in shown if row[3] != "-"} == dice
    window.run("document.querySelectorAll('table')[0].querySelectorAll('th button')[3].focus()")
    for reverse in (False, True):
        press(window, "Enter")
        values = [row[3] for row in window.run(ROWS, PATIENTS)]
        # Those without a figure stay last, whichever way.
        assert values == [*sorted(dice.values(), reverse=reverse), *["-"] * (len(values) - len(dice))]
    window.run("document.querySelectorAll('table')[0].tBodies[0].rows[0].focus()")
    press(window, "ArrowDown", "Enter")
    second = window.run(ROWS, PATIENTS)[1]
    window.wait_for("return shown && nv.volumes.length === 2")
    assert window.run(TEXT, "#opened") == f"Patient {second[0]}, {second[1]}"
    assert f"3D Dice {second[3]}" in window.run(TEXT, "#about")
    press(window, "Escape")
    assert window.run("return document.activeElement === shown.entry.row")


def test_a_cell_opens_its_experiment_and_the_list_in_the_viewer_another(window):
    open_row(window, PATIENTS, 0, "all_16bit")
    assert window.run("return shown.experiment") == "all_16bit"
    window.run("$('experiment').value = 't1_8bit'; $('experiment').dispatchEvent(new Event('change'))")
    window.wait_for("return shown.experiment === 't1_8bit'")
    assert "t1_8bit" in window.run("return document.querySelector('td.open').dataset.experiment")


def test_a_study_of_ones_own_shows_its_flags_in_sentences(window, study, tmp_path):
    """Below it stands the exam that the demo segmented."""
    rows = [row for name in ("mine", "phantom_exam") for row in read_tsv(study.results / f"segmented/{name}.tsv")]
    assert window.run(ROWS, EXAMS) == [
        [row["exam"], "liver", f"{float(row['volume_ml']):.0f}", row["flags"].replace(";", ",") or "-"] for row in rows
    ]
    open_row(window, EXAMS, 0)
    assert "1 of 11 slices are missing: nothing is marked there." in window.run(TEXT, "#flags").splitlines()
    found = colours_in(window, drawn(window, tmp_path))
    assert found["prediction"] > 20 and found["reference"] == found["both"] == 0
    assert not window.run("return $('reference').checkVisibility()")


def test_the_patients_right_is_on_the_left_as_radiologists_look_at_it(window, tmp_path):
    """In the phantom as in people the liver lies on the right. The letters are NiiVue's, by the same setting."""
    open_row(window, PATIENTS, 0)
    right = window.run(
        "let sum = 0, count = 0; const [x] = gridOf(shown.image);"
        "shown.masks.reference.filled.forEach((voxel, at) => {"
        "if (voxel) { count++; sum += Math.floor(at / x.step) % x.length; } });"
        "const share = (sum / count + 0.5) / x.length; return x.back ? 1 - share : share"
    )
    assert right > 0.55
    pixels = drawn(window, tmp_path)
    columns = np.nonzero(np.ptp(pixels.astype(int), axis=2) > 60)[1]
    # Without the frame that shows the focus.
    inner = columns[(columns > 20) & (columns < pixels.shape[1] - 20)]
    assert len(inner) > 100 and inner.mean() < 0.47 * pixels.shape[1]


def test_the_page_tells_nobody_whose_the_volumes_are(study):
    assert told(study.results / "viewer", words_of(study.folder)) == []
