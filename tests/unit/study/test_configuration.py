"""Wrong configurations are refused by the name of the key, and the library says which names there are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from unit.study.configs import ROOT, SCHEMA, change, load

from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.base.errors import InputError
from chaosliver.study.architectures import NETWORKS
from chaosliver.study.configuration import check_config, check_results


def test_each_config_has_a_results_root_of_its_own():
    roots = [load(path.stem)["results"] for path in (ROOT / "config").glob("*.yaml")]
    assert len(set(roots)) == len(roots)


def test_the_configured_grey_ranges_are_the_challenges_own(config):
    assert {organ: tuple(limits) for organ, limits in config["grey_ranges"].items()} == ORGANS


def test_the_surface_tolerance_is_two_pixels_of_every_patient_and_less_than_a_slice(config):
    """CHAOS pixels measure 1.36 to 1.89 mm, its slices lie 5.5 to 9 mm apart."""
    assert 2 * 1.89 < config["surface_tolerance_mm"] < min(3 * 1.36, 5.5)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("epochs", 3, r"config key epochs: unknown\. Known: .*baseline"),
        ("archives.development.urls", "x", r"config key archives\.development\.urls: unknown"),
        ("baseline.recipe.epochs", 0, r"config key baseline\.recipe\.epochs: 0 is less than the minimum"),
        ("baseline.train_on", ["t3"], r"config key baseline\.train_on\.0: 't3' is not one of"),
        ("baseline.network.dropout", "high", r"config key baseline\.network\.dropout: 'high' is not of type"),
        ("archives.development.sha256", "abc", r"config key archives\.development\.sha256"),
        (
            "study",
            ["orignal"],
            r"config key study: no experiment is named 'orignal'\. Did you mean original\? Known: original",
        ),
        ("splits.five_fold.seed", None, r"config key splits\.five_fold\.seed"),
        ("encodings.16bit.scaling", "slice", r"config key encodings\.16bit\.scaling: 16 bit keeps the exact"),
        ("encodings.8bit.percentiles", [99, 1], r"encodings\.8bit\.percentiles: \[99, 1\] must rise"),
        ("grey_ranges.liver", [70, 55], r"config key grey_ranges\.liver: \[70, 55\] must rise"),
        ("baseline.recipe.learning_rate", "1e-4", r"learning_rate: '1e-4' .* YAML takes it for text: write 0\.0001"),
        ("splits.five_fold.test", 4, r"config key splits\.five_fold: needs either folds or test"),
        ("splits.five_fold.draws", 0, r"config key splits\.five_fold\.draws: 0 is less than the minimum of 1"),
        ("splits.five_fold.draws", 1.5, r"config key splits\.five_fold\.draws: 1\.5 is not of type 'integer'"),
        ("splits.published.draws", 2, r"config key splits\.published: 'folds' is a dependency of 'draws'"),
        ("splits.published.test", [13], r"config key splits\.published\.test: must be a number of patients, or a list"),
        ("archives.test", {"ground_truth": True}, r"config key archives\.test: names neither a path nor a url"),
        ("archives.test", {"ground_truth": True, "path": None}, r"archives\.test: names neither a path nor a url"),
        ("experiments.a/b", {}, r"a/b"),
        ("encodings.8bit_drawn.percentiles", [0, 99], r"encodings\.8bit_drawn\.percentiles: a drawn slice goes to its"),
        ("encodings.8bit.brightest_to_zero", True, r"encodings\.8bit\.brightest_to_zero: only a drawn slice loses"),
        ("encodings.8bit", {"bits": 8, "scaling": "volume"}, r"encodings\.8bit: 'percentiles' is missing"),
        ("encodings.8bit_drawn", {"bits": 8, "scaling": "drawn"}, r"8bit_drawn: 'brightest_to_zero' is missing"),
        ("splits.published.validation", "held", r"splits\.published\.validation: must be a number .* or held_out"),
        ("prices.right", "orignal", r"config key prices, right: no experiment is named 'orignal'"),
    ],
)
def test_a_wrong_key_is_named(config, key, value, words):
    with pytest.raises(InputError, match=words):
        check_config(change(config, key, value), SCHEMA)


WRONG_VALUES = {
    "a number in words": ("baseline.recipe.epochs", "ten", r"epochs: 'ten' is not of type 'integer'$"),
    "a number in quotes": ("training.threads", "2", r"threads: '2' is not .*\. YAML takes it for text: write 2$"),
    "yes for a number": ("baseline.seeds", [True], r"seeds\.0: True is not .*YAML takes yes, no, on and off for true"),
    "a point in a whole number": ("baseline.seeds", [1.0], r"seeds\.0: 1\.0 is not .*Write a whole number, without"),
    "no number": ("surface_tolerance_mm", float("nan"), r"tolerance_mm: nan is not .*\. Write a finite number"),
    "infinity": (
        "baseline.recipe.learning_rate",
        float("inf"),
        r"learning_rate: inf is not .*\. Write a finite number",
    ),
    "minus infinity": ("baseline.recipe.warmup_epochs", float("-inf"), r"warmup_epochs: -inf is not of type 'number'"),
    "a seed beyond 64 bits": ("baseline.seeds", [2**63], r"seeds\.0: 9223372036854775808 is greater than the maximum"),
    "a negative seed": ("baseline.seeds", [-1], r"seeds\.0: -1 is less than the minimum of 0"),
    "a seed twice": ("baseline.seeds", [1, 2, 1], r"seeds: \[1, 2, 1\] has non-unique elements"),
    "a negative seed of a split": ("splits.published.seed", -3, r"published\.seed: -3 is less than the minimum of 0"),
    "a seed of a phantom": ("archives.development.phantom", {"seed": 2**64}, r"phantom\.seed: 18446744073709551616 is"),
    "a batch of 100,000": ("baseline.recipe.batch_size", 100_000, r"batch_size: 100000 is greater than the maximum"),
    "a grid of 100,000": ("baseline.recipe.grid.rows", 100_000, r"grid\.rows: 100000 is greater than the maximum"),
    "pixels of a micrometre": (
        "baseline.recipe.grid.spacing_mm",
        0.001,
        r"spacing_mm: 0\.001 is less than the minimum",
    ),
    "100,000 channels": ("baseline.network.channels", 100_000, r"channels: 100000 is greater than the maximum of 1024"),
    "a depth of 30": ("baseline.network.depth", 30, r"depth: 30 is greater than the maximum of 8"),
    "a million epochs": ("baseline.recipe.epochs", 1_000_000, r"epochs: 1000000 is greater than the maximum"),
    "a learning rate of 1000": (
        "baseline.recipe.learning_rate",
        1000,
        r"learning_rate: 1000 is greater than the maximum",
    ),
    "1 MB of memory": ("training.memory_mb", 1, r"memory_mb: 1 is less than the minimum of 100"),
    "10 EB of memory": ("training.memory_mb", 10**13, r"memory_mb: 10000000000000 is greater than the maximum"),
    "100,000 threads": ("training.threads", 100_000, r"threads: 100000 is greater than the maximum of 1024"),
    "a million folds": ("splits.five_fold.folds", 10**6, r"folds: 1000000 is greater than the maximum of 1000"),
    "a billion samples": ("augmentations.augmentor.samples", 10**9, r"samples: 1000000000 is greater than the maximum"),
    "no seed": ("baseline.seeds", [], r"seeds: \[\] should be non-empty"),
    "no experiment": ("study", [], r"study: \[\] should be non-empty"),
    "no sequence": ("baseline.train_on", [], r"train_on: \[\] should be non-empty"),
    "an experiment twice": ("study", ["original", "original"], r"study: .* has non-unique elements"),
    "a patient as a number": (
        "splits.published.test",
        [13],
        r"test: must be a number of patients, or a list .* in quotes",
    ),
    "a name of 101 letters": (
        "experiments." + "a" * 101,
        {},
        r"experiments: 'a{80}' must be letters A to Z, .* 100 at",
    ),
    "a name with a slash": ("encodings.a/b", {"bits": 16, "percentiles": [0, 1]}, r"encodings: 'a/b' must be letters"),
    "an unknown key": ("resluts", "x", r"resluts: unknown\. Did you mean results\? Known: "),
    "an unknown inner key": ("baseline.recipe.epoch", 3, r"recipe\.epoch: unknown\. Did you mean epochs\? Known: grid"),
    "an unknown experiment": (
        "study",
        ["orignal"],
        r"study: no experiment is named 'orignal'\. Did you mean original\?",
    ),
    "ranges that overlap": ("grey_ranges.liver", [55, 110], r"liver \[55, 110\] and right_kidney \[110, 135\] overlap"),
    "a range within another": ("grey_ranges.spleen", [60, 61], r"liver \[55, 70\] and spleen \[60, 61\] overlap"),
    "a list for a mapping": ("experiments", [1], r"experiments: \[1\] is not of type 'object'"),
    "a value of a megabyte": ("training.threads", "x" * 10**6, r"threads: 'x{79} \.\.\. is not of type 'integer'$"),
}


@pytest.mark.parametrize("wrong", WRONG_VALUES)
def test_a_value_that_makes_no_sense_is_refused_by_its_key(config, wrong):
    key, value, words = WRONG_VALUES[wrong]
    with pytest.raises(InputError, match=words) as refused:
        check_config(change(config, key, value), SCHEMA)
    assert len(str(refused.value)) < 1500


def test_the_largest_seed_and_a_whole_number_for_a_fraction_are_taken(config):
    check_config(change(change(config, "baseline.seeds", [0, 2**63 - 1]), "baseline.threshold", 0.5), SCHEMA)
    check_config(change(config, "baseline.recipe.learning_rate", 1), SCHEMA)


RESULTS = {
    "home": ("~/results", "~ and variables stay as they are. Write the folder out"),
    "variable": ("$SCRATCH/results", "~ and variables stay as they are"),
    "inner variable": ("results/${USER}", "~ and variables stay as they are"),
    "braces": ("results/{patient}", "holds a letter that no rule can take in a path"),
    "line end": ("results\n", "holds a letter that no rule can take"),
    "space at the end": ("results ", "holds a letter that no rule can take"),
    "file": ("file.txt", "is a file. Name a folder"),
    "root": ("/", "holds more than one study's results. Name a folder of their own"),
    "repository": (".", "holds more than one study's results"),
    "above it": ("results/../..", "holds more than one study's results"),
    "workflow": ("workflow", "is a folder of the workflow itself"),
    "sources": ("results/../workflow/scripts/mine", "is a folder of the workflow itself"),
    "config": ("./config/mine", "is a folder of the workflow itself"),
    "git": (".git/results", "is a folder of the workflow itself"),
    "linked": ("link/mine", "is a folder of the workflow itself"),
    "system": ("/etc/chaos", "is the system's own"),
    "devices": ("/dev/shm", "is the system's own"),
}


@pytest.mark.parametrize("where", RESULTS)
def test_a_folder_of_results_that_is_not_one_of_their_own_is_refused(tmp_path, monkeypatch, where):
    repository = tmp_path / "clone"
    (repository / "workflow").mkdir(parents=True)
    (repository / "link").symlink_to("workflow")
    (repository / "file.txt").touch()
    monkeypatch.chdir(repository)
    results, cause = RESULTS[where]
    with pytest.raises(InputError) as refused:
        check_results(results, [Path.cwd()])
    assert str(refused.value).startswith(f"config key results: {results}: {cause}")


def test_the_home_and_another_clone_of_the_workflow_hold_no_results(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"results: .*/home: holds more than one study's results"):
        check_results(str(tmp_path / "home"), [tmp_path])
    with pytest.raises(InputError, match=r"is a folder of the workflow itself"):
        check_results(str(tmp_path / "clone/workflow"), [tmp_path, tmp_path / "clone"])


def test_folders_of_results_are_taken_wherever_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for results in (
        "results",
        "results/mine",
        "Größe & Co/a b",
        "../elsewhere",
        str(tmp_path / "home/mine"),
        "/data/x",
    ):
        check_results(results, [tmp_path, tmp_path / "clone"])


def test_a_missing_key_is_named(config):
    del config["baseline"]["recipe"]["epochs"]
    with pytest.raises(InputError, match=r"config key baseline\.recipe: 'epochs' is missing"):
        check_config(config, SCHEMA)


RESOLVE = """
import sys
from pathlib import Path
import yaml
from chaosliver.study.architectures import NETWORKS
from chaosliver.study.configuration import check_config, read_schema
from chaosliver.study.experiments import resolve_experiments
config, schema = yaml.safe_load(Path(sys.argv[1]).read_text()), read_schema(Path(sys.argv[2]))
check_config(config, schema)
experiment = resolve_experiments(config, schema)["original"]
print(experiment.train_on, experiment.organ, dict(experiment.network))
"""


def test_a_sequence_an_organ_and_a_network_are_added_in_one_place_each(config, tmp_path):
    """In a copy of the library: the schema itself is not touched."""
    copied = tmp_path / "chaosliver"
    for package in ("base", "study"):
        shutil.copytree(ROOT / "workflow/scripts/chaosliver" / package, copied / package)
    anatomy, networks = copied / "base/anatomy.py", copied / "study/architectures.py"
    last = '"spleen": (240, 255),\n'
    assert last in anatomy.read_text()
    anatomy.write_text(
        anatomy.read_text().replace(last, f'{last}    "gallbladder": (1, 9),\n')
        + '\nSEQUENCES["dwi"] = next(iter(SEQUENCES.values()))\n'
    )
    networks.write_text(
        networks.read_text()
        + '\nNETWORKS["tiny"] = Network(("width",), lambda network: 1)\nSETTINGS["width"] = {"type": "integer"}\n'
    )
    config["study"] = ["original"]
    config["grey_ranges"]["gallbladder"] = [1, 9]
    config["baseline"]["network"]["width"] = 7
    config["experiments"]["original"] = {
        "train_on": ["dwi"],
        "score_on": ["dwi"],
        "organ": "gallbladder",
        "network": {"name": "tiny"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", RESOLVE, "config.yaml", str(ROOT / "workflow/schemas/config.schema.yaml")]
    run = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert run.stdout == "('dwi',) gallbladder {'name': 'tiny', 'width': 7}\n", run.stderr


def test_the_schema_knows_the_names_of_the_library_alone():
    names = {key: SCHEMA["$defs"][key]["enum"] for key in ("organ", "sequence")}
    assert names == {"organ": list(ORGANS), "sequence": list(SEQUENCES)}
    network = SCHEMA["$defs"]["network"]["properties"]
    assert network["name"]["enum"] == list(NETWORKS)
    assert set(network) == {"name"}.union(*(known.settings for known in NETWORKS.values()))
    assert SCHEMA["properties"]["grey_ranges"]["required"] == list(ORGANS)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("grey_ranges.heart", [1, 2], r"config key grey_ranges\.heart: unknown\. Known: liver, right_kidney, left_kid"),
        ("grey_ranges", {"liver": [1, 2]}, r"config key grey_ranges: 'right_kidney' is missing"),
        ("surface_tolerance_mm", 0, r"config key surface_tolerance_mm: 0 is less than or equal to the minimum of 0"),
        ("surface_tolerance_mm", "4 mm", r"config key surface_tolerance_mm: '4 mm' is not of type 'number'"),
        ("surface_tolerance_mm", None, r"config key surface_tolerance_mm: None is not of type 'number'"),
        ("grey_ranges.liver", [55, 55], r"grey_ranges\.liver: \[55, 55\] must rise"),
        ("grey_ranges.liver", [55, 256], r"grey_ranges\.liver\.1: 256 is greater than the maximum of 255"),
        ("prices.published", "orignal", r"config key prices, published: no experiment is named 'orignal'"),
        ("prices.each", {"an error": "orignal"}, r"config key prices, an error: no experiment is named 'orignal'"),
        ("baseline.organ", "heart", r"config key baseline\.organ: 'heart' is not one of \['liver', 'right_kidney'"),
        ("baseline.network.name", "resnet", r"config key baseline\.network\.name: 'resnet' is not one of \['unet'"),
        ("baseline.network.depth", 9, r"config key baseline\.network\.depth: 9 is greater than the maximum of 8"),
        ("baseline.recipe.grid.spacing_mm", "wide", r"spacing_mm: 'wide' is not of type 'number', 'null'$"),
    ],
)
def test_more_wrong_keys_are_named(config, key, value, words):
    with pytest.raises(InputError, match=words):
        check_config(change(config, key, value), SCHEMA)


def test_every_wrong_key_is_named_at_once_and_in_order(config):
    wrong = change(change(config, "colour", "red"), "baseline.threshold", 2)
    wrong["archives"]["development"]["ground_truth"] = "yes"
    with pytest.raises(InputError) as refused:
        check_config(wrong, SCHEMA)
    known = ", ".join(SCHEMA["properties"])
    assert str(refused.value) == (
        "the configuration is wrong:\n"
        "  config key archives.development.ground_truth: 'yes' is not of type 'boolean'\n"
        "  config key baseline.threshold: 2 is greater than or equal to the maximum of 1\n"
        f"  config key colour: unknown. Known: {known}"
    )


def test_a_configuration_that_lacks_a_part_says_so(config):
    del config["baseline"]
    with pytest.raises(InputError, match=r"\n  the configuration: 'baseline' is missing$"):
        check_config(config, SCHEMA)


def test_a_split_may_draw_its_folds_several_times(config):
    for draws in (1, 2, 7):
        check_config(change(config, "splits.five_fold.draws", draws), SCHEMA)


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("shared", "no such folder. Create it once, for all who share it"),
        ("~/shared", "~ and variables stay as they are. Write the folder out"),
        ("/mnt/$LAB", "~ and variables stay as they are"),
        (
            "http://lab/liver",
            "finished work is not shared through http. Name a folder, or a URL that begins with s3://",
        ),
        ("file:///tmp", "finished work is not shared through file"),
    ],
)
def test_a_cache_that_is_no_folder_and_no_bucket_is_refused(config, tmp_path, monkeypatch, path, cause):
    monkeypatch.chdir(tmp_path)
    config["cache"] = {"path": path}
    with pytest.raises(InputError) as refused:
        check_config(config, SCHEMA)
    assert str(refused.value).startswith(f"config key cache.path: {path}: {cause}")


@pytest.mark.parametrize("most", [0, -1, "50 GB", True])
def test_a_limit_of_the_cache_is_a_number_of_gigabytes(config, tmp_path, most):
    config["cache"] = {"path": str(tmp_path), "most_gb": most}
    with pytest.raises(InputError, match=r"config key cache\.most_gb: "):
        check_config(config, SCHEMA)


@pytest.mark.parametrize("path", ["shared", "s3://lab/liver", "gs://lab", "az://lab/x"])
def test_a_cache_in_a_folder_or_a_bucket_is_taken(config, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    for limit in ({}, {"most_gb": None}, {"most_gb": 0.5}):
        config["cache"] = {"path": path, **limit}
        check_config(config, SCHEMA)
