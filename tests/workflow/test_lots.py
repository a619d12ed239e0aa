"""A study whose patients are prepared in lots has the same bytes as one that prepares each alone."""

import zipfile

import pytest
import yaml
from workflow.conftest import SHEET, SMALL, Study, copy_study, copy_workflow, once, write_sheet

from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.files import sha256_of

# Lots of the patients 1, 2 and 3, 4, and one of 9, the test cohort's.
OF_ONE = {"unpack_patient", "inventory_patient", "pair_slices", "extract_masks", "convert_images"}
# Logs and times are never the same, and a page says when it was made.
RUNS = ("fold0_seed1", "fold1_seed1")
COMPARED = ("raw", "inventory", "masks", "png", "augmented", "predictions", "dice", "volumes", "models", "tables")


@pytest.fixture(scope="session")
def in_lots_once(tmp_path_factory):
    """The small study in lots of two, after its run: for reading only."""

    def make(folder):
        copy_workflow(folder)
        (folder / "config/small.yaml").write_text(yaml.safe_dump({**SMALL, "lot_size": 2}))
        write_sheet(folder / "config/small.tsv", SHEET)
        Study(folder, "config/small.yaml").succeed()

    return Study(once(tmp_path_factory, "in_lots", make), "config/small.yaml")


@pytest.fixture
def in_lots(in_lots_once, tmp_path):
    return copy_study(in_lots_once, tmp_path / "study")


def files_of(study):
    """SHA-256 of each file that a step made, but for what says when it was."""
    return {
        str(path.relative_to(study.results)): sha256_of(path)
        for step in COMPARED
        for path in (study.results / step).rglob("*")
        if path.is_file() and path.name not in (".snakemake_timestamp", "provenance.json", "provenance.html")
    }


def test_every_file_has_the_bytes_that_it_has_without_lots(in_lots_once, finished_once):
    made = files_of(in_lots_once)
    assert len(made) > 300
    assert made == files_of(finished_once)
    lists = sorted(
        path.relative_to(in_lots_once.results / "lots") for path in in_lots_once.results.glob("lots/**/*.tsv")
    )
    assert len(lists) == 3 * len(("raw", "inventory", "pairs", "8bit")) + 2 * len(("liver",))


def test_nothing_runs_again_and_every_file_is_as_it_was_made(in_lots):
    assert in_lots.planned() == {}
    assert "all is as it was made" in in_lots.succeed("verify")


def test_patients_that_were_prepared_alone_are_prepared_in_lots_and_nothing_is_trained_again(finished):
    before = files_of(finished)
    finished.configure(lot_size=2)
    planned = finished.planned()
    assert planned["unpack_lot"] == 3 and planned["train"] == 2 and not OF_ONE & set(planned)
    finished.succeed()
    assert files_of(finished) == before
    assert "epoch 1/1" not in "".join(log.read_text() for log in finished.results.glob("logs/train/**/*.log"))
    finished.configure(lot_size=1)
    assert "was prepared in lots of patients, and now each patient would be" in finished.fail()


def test_one_altered_patient_prepares_its_lot_anew_and_trains_what_learned_from_it(tmp_path):
    """With two calls, as Snakemake runs all below a job in the same call, whatever the job made.

    The lots are 1, 2, 3 and 4. The first fold learns from 1 and validates on 2, the second from 4, and on 3.
    """
    study = Study(tmp_path / "study", "config/small.yaml")
    copy_workflow(study.folder)
    archive = study.folder / "archive.zip"
    draw_archive(archive, [patient for patient in SHEET if SHEET[patient] == "development"], seed=1)
    given = {"path": "archive.zip", "sha256": None}
    settings = {**SMALL, "lot_size": 3, "archives": {"development": given}, "study": ["plain"]}
    (study.folder / "config/small.yaml").write_text(yaml.safe_dump(settings))
    write_sheet(study.folder / "config/small.tsv", {name: cohort for name, cohort in SHEET.items() if name != "9"})
    study.succeed("trained")
    weights = {path: path.read_bytes() for path in sorted(study.results.glob("models/**/weights.safetensors"))}
    alter(archive, "/1/")
    study.succeed("--forcerun", "check_archive", "--", *map(str, lists_of(study, "raw")))
    planned = study.planned("trained")
    assert planned["inventory_lot"] == planned["pair_lot"] == planned["convert_images_of_lot"] == 1
    assert planned["train"] == 2
    study.succeed("trained")
    changed = {path.parent.name for path, old in weights.items() if path.read_bytes() != old}
    assert changed == {"fold0_seed1"}
    trained = {run: "epoch 1/1" in (study.results / f"logs/train/plain/{run}.log").read_text() for run in RUNS}
    assert trained == {"fold0_seed1": True, "fold1_seed1": False}


def lists_of(study, step):
    return [path.relative_to(study.folder) for path in sorted((study.results / "lots" / step).rglob("*.tsv"))]


def alter(archive, patient):
    """Blacken some pixels of one of a patient's images in phase."""
    altered = archive.with_name("altered.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(altered, "w") as new:
        images = [name for name in old.namelist() if patient in name and "InPhase" in name and name.endswith(".dcm")]
        for name in old.namelist():
            content = old.read(name)
            if name == images[3]:
                middle = len(content) // 2
                content = content[:middle] + bytes(200) + content[middle + 200 :]
            new.writestr(name, content)
    altered.replace(archive)


def test_a_file_that_is_lost_or_altered_is_named_with_what_makes_its_lot_anew(in_lots):
    mask = in_lots.results / "masks/liver/t1_in_phase/3.tsv"
    content, listed = mask.read_text(), "results/small/lots/masks/liver/t1_in_phase/development_0002.tsv"
    run_again = ("--forcerun", "evaluate", "--", "results/small/tables/slices.tsv")
    mask.write_text(content[:-1])
    assert f"3.tsv: its content differs from what {listed} lists" in in_lots.fail("verify")
    said = in_lots.fail(*run_again)
    assert f"masks/liver/t1_in_phase/3.tsv: its content differs from what {listed} lists" in said
    mask.unlink()
    assert f"masks/liver/t1_in_phase/3.tsv: is missing, but {listed} lists it" in in_lots.fail(*run_again)
    assert f"rm {listed} && snakemake --cores 1 {listed}" in in_lots.fail(*run_again)
    (in_lots.folder / listed).unlink()
    in_lots.succeed("--", listed)
    assert mask.read_text() == content
    in_lots.succeed(*run_again)
