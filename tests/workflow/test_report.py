"""The report as its reader has it: in a browser, without a network, as one file and unpacked from a zip."""

import base64
import zipfile

import pytest
from workflow.browser import CHROMIUM, DRIVER, browser
from workflow.privacy import told, words_of

from chaosliver.base.files import read_tsv

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Chromium and its driver, which `make browser` installs on Debian"
)

EXPERIMENTS = ["all_16bit", "t1_8bit"]
# What the menu lists, in this order: categories, their folders where there are several, and the results' labels.
CONTENTS = {
    "1 Methods": {
        None: [
            "1 Methods, references and licence",
            "2 Provenance of the tables",
            "3 Provenance, JSON to download",
            "4 Reporting checklists",
            "5 Reporting checklists, Markdown to download",
        ]
    },
    "2 Data": {
        None: [
            "1 Quality control of every patient",
            "2 Findings, file by file",
            "3 Slices from the archive to the tables, TSV",
        ]
    },
    "3 Training": {None: ["Training curves"]},
    "4 Figures": {
        None: [
            "0 Verdicts of the plan",
            "1 Dice by experiment",
            "2 Differences in Dice",
            "3 Dice along the liver",
            "4 Training by scored sequence",
            "5 Learning curve by number of training patients",
            "6 Agreement of volumes (Bland-Altman)",
        ]
    },
    "5 Tables": {
        "1 Pages to read and sort": [
            "1 Experiments",
            "2 Paired comparisons",
            "3 Training by scored sequence",
            "4 Patients",
            "5 Trainings",
            "6 Prices of the published errors",
            "7 Verdicts of the plan",
            "8 Spread of patients, draws and seeds",
        ],
        "2 Files to download": [
            "1 Experiments, TSV",
            "2 Paired comparisons, TSV",
            "3 Training by scored sequence, TSV",
            "4 Patients, TSV",
            "5 Trainings, TSV",
            "6 Prices of the published errors, TSV",
            "7 Verdicts of the plan, TSV",
            "8 Spread of patients, draws and seeds, TSV",
            "9 For publication, LaTeX",
            "9 For publication, Markdown",
        ],
    },
    "6 Slices": {"1 Best, median and worst slices": EXPERIMENTS, "2 Patient with the lowest Dice": EXPERIMENTS},
}
FOLDERS = [(category, folder) for category, folders in CONTENTS.items() for folder in folders]
DOWNLOADS = {
    "3 Provenance, JSON to download",
    "3 Slices from the archive to the tables, TSV",
    "5 Reporting checklists, Markdown to download",
    *CONTENTS["5 Tables"]["2 Files to download"],
}

LABELS = "return [...document.querySelectorAll('nav tbody tr')].map(row => row.cells[0].innerText.trim())"
# Clicks on the link of that text, if it is there.
CLICK = """
const link = [...document.querySelectorAll(arguments[0])].find(each => each.innerText.trim() === arguments[1]);
if (link) link.click();
return Boolean(link);
"""
# The buttons of a result in a list: the eye, which opens it or is a link to it, and the i.
BUTTONS = """
const row = [...document.querySelectorAll('nav tbody tr')].find(row => row.cells[0].innerText.trim() === arguments[0]);
return [...row.querySelectorAll('a')];
"""
CAPTION = "const caption = document.querySelector('nav .prose'); return caption && caption.innerText"
ROWS = "return [...document.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.cells[0].innerText)"


class Report:
    """A report that is open in a browser."""

    def __init__(self, page, window):
        self.page = page
        self.window = window

    def start(self):
        self.window.open(self.page)
        self.window.wait_for("return document.querySelectorAll('nav li').length > 3")

    def click(self, selector, text):
        self.window.wait_for(CLICK, selector, text)

    def list(self, category, folder):
        """Open a category from the start page, and return what it lists."""
        self.start()
        self.click("nav a", category)
        if folder:
            self.click("nav a", folder)
        return self.window.wait_for(LABELS)

    def press(self, label, button):
        """Click on the eye (0) or the i (1) of a listed result."""
        self.window.run("arguments[0].click()", self.window.run(BUTTONS, label)[button])

    def read_page(self, category, folder, label):
        """Open a result that is a page, and return the frame that shows it."""
        self.list(category, folder)
        self.press(label, 0)
        self.window.wait_for("return Boolean(document.querySelector('iframe'))")
        return self.window.frame("iframe")


@pytest.fixture(scope="module", params=["html", "zip"])
def report(request, demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    packed = folder / f"report.{request.param}"
    demo.succeed("--report", str(packed))
    if request.param == "zip":
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
        packed = folder / "report/report.html"
    with browser() as window:
        yield Report(packed, window)


@pytest.fixture(autouse=True)
def alone(report):
    """Whatever a test does, the console has no errors, and nothing but the report's own files is asked for."""
    yield
    assert report.window.complaints() == []
    requested = report.window.requested()
    assert requested
    assert {address.split(":")[0] for address in requested} <= {"file", "data"}


def test_a_page_that_needs_the_network_is_noticed(report, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.org/picture.png" onerror="document.title = `missing`">')
    report.window.open(page)
    report.window.wait_for("return document.title === 'missing'")
    assert "http://example.org/picture.png" in report.window.requested()
    assert any("ERR_NAME_NOT_RESOLVED" in complaint for complaint in report.window.complaints())
    report.start()


def test_the_start_page_tells_what_it_is_how_to_read_it_and_under_which_licence(report):
    report.start()
    assert report.window.run("return document.querySelector('h1.title').getBoundingClientRect().top >= 0")
    text = report.window.run("return document.querySelector('#app .prose').innerText")
    for words in ("a phantom that the workflow drew", "10.1016/j.media.2020.101950", "CC BY-NC-SA 4.0", "MIT licence"):
        assert words in text
    link = "return document.querySelector('#app .prose a[href$=\"viewer/index.html\"]').getAttribute('href')"
    assert report.window.run(link) == "results/demo/viewer/index.html"
    report.click("#app .prose a", "4 Figures")
    assert report.window.wait_for(LABELS) == CONTENTS["4 Figures"][None]


def test_the_menu_lists_every_category_in_its_order(report):
    report.start()
    entries = report.window.run("return [...document.querySelectorAll('nav li')].map(entry => entry.innerText.trim())")
    assert entries[-len(CONTENTS) :] == list(CONTENTS)


@pytest.mark.parametrize(("category", "folder"), FOLDERS)
def test_every_result_has_a_label_opens_and_explains_itself(report, demo, category, folder):
    for label in CONTENTS[category][folder]:
        assert report.list(category, folder) == CONTENTS[category][folder]
        if label in DOWNLOADS:
            check_download(report, demo, label)
        else:
            report.press(label, 0)
            # A picture has pixels, and its top is in sight.
            report.window.wait_for(
                "const shown = document.querySelector('#app .p-3 > img, iframe');"
                "return shown && shown.naturalWidth !== 0 && shown.getBoundingClientRect().top >= 0"
            )
        report.press(label, 1)
        caption = report.window.wait_for(CAPTION)
        assert len(caption) > 150
        assert not {"{{", "System Message", "Undefined"} & set(caption.split())


def check_download(report, demo, label):
    link = report.window.run(f"return (() => {{ {BUTTONS} }})()[0].href", label)
    name = report.window.run(f"return (() => {{ {BUTTONS} }})()[0].download", label)
    content = (demo.results / "tables" / name).read_bytes()
    if link.startswith("data:"):
        assert base64.b64decode(link.split("base64,")[1]) == content
    else:
        assert (report.page.parent / link.removeprefix(report.page.parent.as_uri() + "/")).read_bytes() == content


def test_the_methods_page_names_experiments_references_and_licence(report):
    with report.read_page("1 Methods", None, "1 Methods, references and licence"):
        assert report.window.wait_for("return document.querySelectorAll('ol li').length") >= 5
        text = report.window.run("return document.body.innerText")
    for words in (
        "t1_8bit.",
        "all_16bit. As t1_8bit, but:",
        "paired t-tests",
        "torch",
        "10.5281/zenodo.3431873",
        "MIT licence",
    ):
        assert words in text


def test_a_table_can_be_sorted_and_filtered(report, demo):
    names = [row["patient"] for row in read_tsv(demo.results / "tables/patients.tsv")]
    read = "return [...document.querySelectorAll('tbody tr')].map(row => row.cells[4].innerText)"
    with report.read_page("5 Tables", "1 Pages to read and sort", "4 Patients"):
        assert report.window.wait_for(read) == names
        report.click("th button", "patient")
        # By number, so that 10 comes after 9.
        assert report.window.run(read) == sorted(names, key=int)
        report.click("th button", "patient")
        assert report.window.run(read) == sorted(names, key=int, reverse=True)
        report.window.run(
            "const field = document.querySelector('input'); field.value = 'T1_8bit in phase';"
            "field.dispatchEvent(new Event('input'))"
        )
        assert report.window.run(ROWS) == ["t1_8bit"] * 10


def test_the_report_tells_nobody_who_made_it(report, demo):
    """Of the file and of the unpacked zip: the data, and what Snakemake itself writes beside them."""
    report.start()
    assert told(report.page.parent, words_of(demo.folder)) == []
