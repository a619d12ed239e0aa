"""The embedded default, run as `make demo` runs it."""

import cv2
import nibabel
import numpy as np
import yaml
from workflow.privacy import PATIENT, told, words_of

from chaosliver.acquire.phantom import EXAM_PATIENT, LEVELS, _draw_patient
from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.files import read_tsv
from chaosliver.base.png import read_png
from chaosliver.measure.metrics import dice

THRESHOLDS = np.linspace(0, 255, 52)


def test_the_tables_hold_every_patient_once_an_experiment(demo):
    rows = read_tsv(demo.results / "tables/patients.tsv")
    scored = sorted((row["experiment"], row["sequence"], int(row["patient"])) for row in rows)
    runs = [("t1_8bit", "t1_in_phase"), *(("all_16bit", sequence) for sequence in SEQUENCES)]
    assert scored == sorted((*run, patient) for run in runs for patient in range(1, 11))
    slices = read_tsv(demo.results / "tables/slices.tsv")
    assert len({(row["experiment"], row["sequence"], row["patient"], row["stem"]) for row in slices}) == len(slices)
    assert {row["cohort"] for row in rows} == {"development", "test"}


def test_the_table_and_the_place_of_the_figures_are_printed(demo):
    printed = (demo.folder / "printed.txt").read_text()
    assert (demo.results / "tables/summary.txt").read_text() in printed
    assert "Figures: results/demo/figures" in printed


def test_the_terminal_shows_stages_and_warnings_and_no_page_for_a_job(demo):
    lines = (demo.folder / "printed.txt").read_text().splitlines()
    stages = ("acquire", "prepare", "train", "evaluate")
    assert all(any(line.startswith(f"{stage}: ") for line in lines) for stage in stages)
    # Of more than a hundred jobs.
    assert len(lines) < 70
    assert sum(len(line) for line in lines) < 6000
    assert not [line for line in lines if "results/demo/raw" in line or line.startswith(("rule ", "localrule "))]


def test_the_demo_never_mixes_with_a_study(demo):
    assert sorted(path.name for path in (demo.folder / "results").iterdir()) == ["demo"]


def test_a_prediction_lies_on_its_images_own_grid(demo):
    sizes = set()
    folder = demo.results / "predictions/t1_8bit/fold0_seed1"
    for row in read_tsv(demo.results / "predictions/t1_8bit/fold0_seed1.tsv"):
        image = read_png(demo.results / "png/8bit" / row["sequence"] / row["patient"] / f"{row['stem']}.png")
        prediction = read_png(folder / row["file"])
        assert prediction.shape == image.shape
        assert set(np.unique(prediction)) <= {0, 255}
        sizes.add(image.shape)
    assert len(sizes) == 2


def test_every_slice_is_counted_from_the_archive_to_the_tables(demo):
    rows = read_tsv(demo.results / "tables/counts.tsv")
    inventories = {
        (row["patient"], row["sequence"]): row["slices"] for row in read_tsv(demo.results / "inventory/patients.tsv")
    }
    assert {(row["patient"], row["sequence"]): row["scored"] for row in rows} == inventories
    for row in rows:
        assert len({row[of] for of in ("listed_images", "unpacked_images", "read_images", "png_images", "scored")}) == 1
        assert len({row[of] for of in ("listed_masks", "unpacked_masks", "paired_masks", "binary_masks")}) == 1
    assert "none was lost on the way" in (demo.results / "logs/count_slices.log").read_text()


def test_comparisons_pair_the_patients_and_have_intervals_only_where_they_are_enough(demo):
    rows = read_tsv(demo.results / "tables/comparisons.tsv")
    assert {(row["baseline"], row["experiment"]) for row in rows} == {("t1_8bit", "all_16bit")}
    (held_out,) = [
        row for row in rows if (row["cohort"], row["measure"], row["pairs"]) == ("development", "dice_3d", "8")
    ]
    assert float(held_out["ci_low"]) <= float(held_out["mean_difference"]) <= float(held_out["ci_high"])
    few = [row for row in rows if row["cohort"] == "test" and row["sequence"] == "t1_in_phase"]
    assert {(row["pairs"], row["ci_low"]) for row in few} == {("2", "")}
    assert all("too few for an interval" in row["note"] for row in few)


def test_the_one_question_of_the_demo_has_a_verdict(demo):
    (row,) = read_tsv(demo.results / "tables/verdicts.tsv")
    assert (row["experiment"], row["against"], row["patients"]) == ("all_16bit", "t1_8bit", "8")
    assert row["verdict"] in ("better", "worse", "equivalent", "undecided")
    assert (float(row["confidence"]), float(row["p"])) == (0.95, float(row["p_holm"]))
    assert float(row["ci_low"]) < float(row["mean_difference"]) < float(row["ci_high"])


def test_the_figures_are_pictures_with_something_on_them(demo):
    names = [
        "quality_control",
        "verdicts",
        "dice",
        "differences",
        "along_liver",
        "volumes",
        "learning_curve",
        "cross_sequence",
    ]
    names.append("training")
    for experiment in ("t1_8bit", "all_16bit"):
        names += [f"{kind}/{experiment}" for kind in ("overlays", "worst_patients")]
        names.append(f"contact_sheets/{experiment}/t1_in_phase/9")
    for name in names:
        picture = cv2.imread(str(demo.results / f"figures/{name}.png"))
        assert min(picture.shape[:2]) > 300, name
        assert picture.std() > 10, name


def band_dice(results, patients, low, high):
    """Mean 3D Dice of the pixels between two grey levels."""
    scores = []
    for patient in patients:
        names = [row["file"] for row in read_tsv(results / f"png/8bit/t1_in_phase/{patient}.tsv")]
        images = np.concatenate(
            [read_png(results / f"png/8bit/t1_in_phase/{patient}/{name}").ravel() for name in names]
        )
        masks = np.concatenate(
            [read_png(results / f"masks/liver/t1_in_phase/{patient}/{name}").ravel() for name in names]
        )
        scores.append(dice(masks > 0, (images >= low) & (images <= high)))
    return float(np.mean(scores))


def test_the_best_threshold_tuned_on_training_patients_is_far_below_the_network(demo):
    split = read_tsv(demo.results / "splits/two_fold.tsv")
    scored = [row for row in read_tsv(demo.results / "tables/patients.tsv") if row["experiment"] == "t1_8bit"]
    for fold in ("0", "1"):
        training = [row["patient"] for row in split if row["fold"] == fold and row["role"] != "test"]
        held_out = [row["patient"] for row in split if row["fold"] == fold and row["role"] == "test"]
        bands = [(low, high) for low in THRESHOLDS[::2] for high in THRESHOLDS[::2] if low < high]
        best = max(bands, key=lambda band: band_dice(demo.results, training, *band))
        network = np.mean([float(row["dice_3d"]) for row in scored if row["fold"] == fold])
        assert network - band_dice(demo.results, held_out, *best) >= 0.15


def test_a_second_run_does_nothing(demo):
    assert demo.planned() == {}


def test_an_augmented_set_holds_what_the_config_asks_for(demo):
    asked = yaml.safe_load((demo.folder / "config/demo.yaml").read_text())["augmentations"]["augmentor"]["samples"]
    rows = read_tsv(demo.results / "augmented/augmentor/8bit/liver/t1_in_phase/two_fold_fold0.tsv")
    assert len(rows) == 2 * asked


def test_one_more_phantom_without_ground_truth_is_segmented_and_its_picture_drawn(demo, tmp_path):
    """The same patient drawn with ground truth, in the order of the slices' places, which is that of their names."""
    (row,) = read_tsv(demo.results / "segmented/phantom_exam.tsv")
    assert (row["experiment"], row["trained_on_slices"]) == ("t1_8bit", "0")
    folder = demo.results / "segmented/phantom_exam"
    assert cv2.imread(str(folder / "slices.png")).std() > 20
    mask = np.asarray(nibabel.load(folder / "mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    truth = []
    for name, content in _draw_patient(1, EXAM_PATIENT, 1, ground_truth=True):
        if name.startswith(SEQUENCES["t1_in_phase"].ground):
            truth.append(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) == LEVELS["liver"])
    assert np.array(truth).shape == mask.shape
    assert dice(np.array(truth), mask) > 0.7


def test_no_result_tells_the_user_the_machine_or_the_patients_name(demo):
    """Planted in the environment, in the folder's name and in every DICOM header."""
    assert PATIENT.encode() in next((demo.results / "raw/1").rglob("*.dcm")).read_bytes()
    found = told(demo.results, words_of(demo.folder))
    # The exam is an input, and a DICOM mask repeats whose it is, by the standard.
    assert found == [f"phantom_exam.zip: {PATIENT}", f"segmented/phantom_exam/mask.dcm: {PATIENT}"]
