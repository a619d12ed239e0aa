"""Wrong configurations are refused by the name of the key, and the library says which names there are."""

import shutil
import subprocess
import sys

import pytest
import yaml
from unit.study.configs import ROOT, SCHEMA, change, load

from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.base.errors import InputError
from chaosliver.study.architectures import NETWORKS
from chaosliver.study.configuration import check_config


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
        ("study", ["orignal"], r"config key study: no experiment is named 'orignal'\. Known: original"),
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
