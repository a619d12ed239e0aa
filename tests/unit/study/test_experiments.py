"""The configuration and the sheet are refused in words that name the key."""

import copy
from pathlib import Path

import pytest
import yaml

from chaosliver.base.anatomy import ORGANS
from chaosliver.base.errors import InputError
from chaosliver.study.architectures import NETWORKS
from chaosliver.study.experiments import (
    Patient,
    Run,
    archive_path,
    check_config,
    check_sequences,
    comparisons_of,
    folds_of,
    learning_curve_of,
    merge,
    prices_of,
    read_sheet,
    resolve_experiments,
    selection_of,
    shown_of,
)

ROOT = Path(__file__).resolve().parents[3]
FIVE_FOLD = {"split": "five_fold", "training_patients": None}
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def load(name):
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return base if name == "config" else merge(base, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


@pytest.fixture
def config():
    return load("config")


def change(config, key, value):
    changed = copy.deepcopy(config)
    *path, last = key.split(".")
    inner = changed
    for part in path:
        inner = inner[part]
    inner[last] = value
    return changed


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "config").glob("*.yaml")))
def test_each_config_in_the_repository_is_sound(name, monkeypatch):
    config = load(name)
    monkeypatch.chdir(ROOT)
    check_config(config, SCHEMA)
    patients = read_sheet(Path(config["patients"]), config)
    for name, experiment in resolve_experiments(config, SCHEMA).items():
        check_sequences(name, experiment, folds_of(experiment, config, patients), patients)


def test_each_config_has_a_results_root_of_its_own():
    roots = [load(path.stem)["results"] for path in (ROOT / "config").glob("*.yaml")]
    assert len(set(roots)) == len(roots)


def test_the_configured_grey_ranges_are_the_challenges_own(config):
    assert {organ: tuple(limits) for organ, limits in config["grey_ranges"].items()} == ORGANS


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


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"colour": "red"}, r"config key experiments\.original\.colour: unknown"),
        ({"encoding": "12bit"}, r"experiments\.original\.encoding: no encoding is named '12bit'\. Known: 8bit"),
        (
            {"augmentation": "much"},
            r"experiments\.original\.augmentation: .*Known: augmentor, augmentor_published, none",
        ),
        ({"split": "random"}, r"experiments\.original\.split"),
        ({"recipe": {"grid": {"rows": 250}}}, r"recipe\.grid\.rows: 250 is not 2, 3"),
        ({"recipe": {"grid": {"columns": 16}}}, "columns: 16 is not 2, 3"),
        ({"based_on": "fsat"}, r"experiments\.original\.based_on: no experiment is named 'fsat'"),
        ({"based_on": "original"}, r"experiments\.original\.based_on: leads back to itself"),
        ({"recipe": {"context": 1}}, r"experiments\.original\.augmentation: .* recipe\.context must be 0"),
        ({"other_organs": ["liver"]}, r"experiments\.original\.other_organs: liver is the organ itself"),
        ({"network": {"dropout": 1.0}}, r"experiments\.original\.network\.dropout"),
        ({"network": {"name": "resnet"}}, r"experiments\.original\.network\.name: 'resnet' is not one of"),
        ({"network": {"layers": 65}}, r"experiments\.original\.network\.layers: unknown"),
        (
            {"network": {"name": "denseunet65", "depth": 4}},
            r"experiments\.original\.network\.depth: denseunet65 has no such setting\. Known: name, dropout",
        ),
        (
            {"network": {"name": "denseunet167"}, "recipe": {"grid": {"rows": 80}}},
            "80 is not .* 32, .* denseunet167 needs",
        ),
        ({"network": {"name": "denseunet167"}, "recipe": {"grid": {"rows": 32}}}, "32 is not 2, 3"),
    ],
)
def test_an_experiment_that_is_nonsense_is_refused_by_name(config, overrides, words):
    with pytest.raises(InputError, match=words):
        resolve_experiments(change(config, "experiments.original", overrides), SCHEMA)


def test_an_experiment_may_be_based_on_another(config):
    config["experiments"]["short"] = {"based_on": "fast", "recipe": {"epochs": 3}}
    config["study"] = ["fast", "short"]
    fast, short = resolve_experiments(config, SCHEMA).values()
    assert short == {**fast, "recipe": {**fast["recipe"], "epochs": 3}}
    assert short["network"] == {"name": "fast", "channels": 32, "depth": 4}


def test_each_is_compared_with_the_first_and_with_what_it_is_based_on_but_for_others_snapshots(config):
    config["experiments"] |= {
        "kidney": {"based_on": "fast", "organ": "right_kidney", "other_organs": []},
        "shorter": {"based_on": "not_in_the_study"},
        "not_in_the_study": {"based_on": "fast"},
    }
    config["experiments"]["fast"]["recipe"]["snapshots"] = [20]
    config["experiments"]["original"]["recipe"]["snapshots"] = [20]
    config["study"] = ["original", "fast", "shorter", "kidney"]
    assert comparisons_of(resolve_experiments(config, SCHEMA), config) == [
        ("original_epoch20", "original"),
        ("fast", "original"),
        ("shorter", "original"),
        ("shorter", "fast"),
    ]


def test_figures_show_the_snapshots_of_the_first_experiment_alone(config):
    config["study"] = ["original", "as_published"]
    experiments = resolve_experiments(config, SCHEMA)
    assert shown_of(experiments) == [
        "original",
        *("original_epoch19", "original_epoch39", "original_epoch59"),
        "as_published",
    ]
    assert "as_published_epoch19" in experiments


def test_the_default_study_prices_each_error_of_the_published_one(config):
    prices = prices_of(resolve_experiments(config, SCHEMA), config)
    five_fold = ["published_five_fold_epoch19", "published_five_fold_epoch39", "published_five_fold_epoch59"]
    assert prices["published"] == [*five_fold, "published_five_fold"]
    assert prices["right"] == "original"
    assert [names[-1] for names in prices["each"].values()] == [
        "published_without_copies",
        "published_training_mode",
        "published_brightest_kept",
        "published_binary_masks",
    ]


@pytest.mark.parametrize(
    ("experiment", "split", "keys"),
    [
        ("published_without_copies", "five_fold_watched", set()),
        ("published_training_mode", "five_fold_published", {"recipe.stays_in_evaluation_mode"}),
        ("published_brightest_kept", "five_fold_published", {"encoding"}),
        ("published_binary_masks", "five_fold_published", {"augmentation", "recipe.targets"}),
        (
            "original",
            "five_fold",
            {"encoding", "augmentation", "scores", "score_on", "recipe.targets", "recipe.stays_in_evaluation_mode"},
        ),
    ],
)
def test_an_error_is_put_right_and_nothing_else_changed(config, experiment, split, keys):
    experiments = resolve_experiments(config, SCHEMA)
    published, right = (flat(experiments[name]) for name in ("published_five_fold", experiment))
    assert {key for key in published if published[key] != right[key]} - {"split"} == keys
    assert right["split"] == split
    definitions = [config["splits"][name] for name in ("five_fold_published", split)]
    assert {key: definitions[0][key] for key in ("folds", "seed")} == {
        key: definitions[1][key] for key in ("folds", "seed")
    }
    # But for grey masks, both augmentations draw the same.
    grey, binary = (config["augmentations"][name] for name in ("augmentor_published", "augmentor"))
    assert grey == {**binary, "grey_masks": True}


def flat(settings, prefix=""):
    pairs = {}
    for key, value in settings.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return pairs


def test_as_published_is_published_five_fold_in_one_draw(config):
    experiments = resolve_experiments(config, SCHEMA)
    assert experiments["published_five_fold"] == {**experiments["as_published"], "split": "five_fold_published"}
    once, five = (config["splits"][name] for name in ("published", "five_fold_published"))
    assert {key: value for key, value in once.items() if key != "test"} == {
        key: value for key, value in five.items() if key != "folds"
    }


def test_a_study_without_the_published_one_prices_nothing(config):
    config["study"] = ["original", "published_training_mode"]
    assert prices_of(resolve_experiments(config, SCHEMA), config) == {}
    config["study"] = ["original", "published_five_fold", "published_training_mode"]
    assert list(prices_of(resolve_experiments(config, SCHEMA), config)["each"]) == ["evaluation mode never undone"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"split": "published"}, "split"),
        ({"split": "of_another_seed"}, "split"),
        ({"seeds": [1, 2]}, "seeds"),
        ({"score_on": ["t2_spir"]}, "score_on"),
    ],
)
def test_what_is_scored_otherwise_has_no_price(config, changes, key):
    config["splits"]["of_another_seed"] = {**config["splits"]["five_fold_published"], "seed": 2}
    config["experiments"]["published_training_mode"] |= changes
    with pytest.raises(InputError, match=f"prices: published_training_mode has another {key} than published_five_fold"):
        prices_of(resolve_experiments(config, SCHEMA), config)


def test_the_learning_curve_joins_what_differs_in_the_number_of_patients_alone(config):
    """Of the default study, whose first experiment is also scored on more sequences and has snapshots."""
    assert learning_curve_of(resolve_experiments(config, SCHEMA)) == [
        "original",
        "patients_4",
        "patients_8",
        "patients_12",
    ]


def test_an_experiment_is_the_baseline_with_its_overrides(config):
    config["experiments"]["16bit_clipped"]["recipe"] = {"epochs": 3}
    experiment = resolve_experiments(config, SCHEMA)["16bit_clipped"]
    assert experiment["encoding"] == "16bit"
    assert experiment["recipe"] == {**config["baseline"]["recipe"], "epochs": 3}
    assert config["baseline"]["recipe"]["epochs"] == 79


def test_an_experiment_of_another_network_needs_its_name_alone_and_keeps_what_both_have(config):
    config["experiments"]["original"]["network"] = {"name": "denseunet65"}
    experiment = resolve_experiments(config, SCHEMA)["original"]
    assert experiment["network"] == {"name": "denseunet65", "dropout": config["baseline"]["network"]["dropout"]}


def test_a_setting_that_the_network_lacks_is_named(config):
    del config["baseline"]["network"]["depth"]
    check_config(config, SCHEMA)
    with pytest.raises(InputError, match=r"experiments\.original\.network: 'depth' is missing, which unet needs"):
        resolve_experiments(config, SCHEMA)


def test_the_schema_and_the_catalogue_know_the_same_networks_and_settings():
    known = SCHEMA["$defs"]["experiment"]["properties"]["network"]["properties"]
    assert known["name"]["enum"] == list(NETWORKS)
    assert set(known) == {"name"}.union(*(network.settings for network in NETWORKS.values()))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1\tdevelopment\tt1_in_phase", "patient 1 stands there twice"),
        ("a/b\tdevelopment\tt1_in_phase", "patient 'a/b' must be named"),
        ("2\ttraining\tt1_in_phase", "patient 2 has the cohort 'training'. Known: development, test"),
        ("2\ttest\tt1_in_phase", r"archives\.test is not configured"),
        ("2\tdevelopment\tt1", "patient 2 has the sequences 't1'. Known: t1_in_phase"),
        ("2\tdevelopment\t", "patient 2 has the sequences ''"),
        ("é\tdevelopment\tt2_spir", "patient 'é' must be named"),
        ("2\tdevelopment\tt1_in_phase\tt2_spir", "patient 2 has cells in unknown columns"),
    ],
)
def test_a_wrong_row_of_the_sheet_is_named(config, tmp_path, row, words):
    sheet = tmp_path / "patients.tsv"
    sheet.write_text(f"patient\tcohort\tsequences\n1\tdevelopment\tt1_in_phase, t2_spir\n{row}\n")
    with pytest.raises(InputError, match=words):
        read_sheet(sheet, config)


def test_a_sequence_that_no_patient_has_is_refused_before_the_dag(config, tmp_path):
    sheet = tmp_path / "patients.tsv"
    sheet.write_text("patient\tcohort\tsequences\n" + "".join(f"{n}\tdevelopment\tt2_spir\n" for n in range(10)))
    patients = read_sheet(sheet, config)
    experiment = resolve_experiments(config, SCHEMA)["original"]
    with pytest.raises(InputError, match="experiment original: train_on names t1_in_phase, but no train patient"):
        check_sequences("original", experiment, folds_of(FIVE_FOLD, config, patients), patients)
    with pytest.raises(InputError, match=r"config key splits\.five_fold: 5 folds need"):
        folds_of(FIVE_FOLD, config, dict(list(patients.items())[:3]))


def test_a_test_cohort_that_cannot_be_scored_is_refused(config):
    patients = {str(number): Patient("development", ("t1_in_phase",)) for number in range(10)}
    experiment = resolve_experiments(config, SCHEMA)["not_augmented"]
    folds = folds_of(FIVE_FOLD, config, patients)
    with pytest.raises(InputError, match="no patient of the test cohort has a sequence that score_on names"):
        check_sequences("original", experiment, folds, {**patients, "99": Patient("test", ("t2_spir",))})


def test_a_run_is_known_by_its_name():
    assert Run.parse("original", Run("original", "3", "12").name) == ("original", "3", "12")


def test_a_path_comes_before_a_url_and_a_phantom_before_both(config, monkeypatch):
    assert archive_path("development", config) == "results/chaos/raw/development.zip"
    config["archives"]["development"]["path"] = "$CHAOS_TEST_ARCHIVE/a.zip"
    monkeypatch.setenv("CHAOS_TEST_ARCHIVE", "/data")
    assert archive_path("development", config) == "/data/a.zip"
    monkeypatch.delenv("CHAOS_TEST_ARCHIVE")
    with pytest.raises(InputError, match=r"config key archives\.development\.path: .* not set"):
        archive_path("development", config)
    monkeypatch.setenv("CHAOS_TEST_ARCHIVE", "")
    config["archives"]["development"]["path"] = "$CHAOS_TEST_ARCHIVE"
    with pytest.raises(InputError, match="empty or not set"):
        archive_path("development", config)
    config["archives"]["development"]["phantom"] = {"seed": 1}
    assert archive_path("development", config) == "results/chaos/raw/development.zip"


def test_a_snapshot_follows_its_experiment_as_one_of_its_own(config):
    study = change(change(config, "study", ["original"]), "experiments.original", {"recipe": {"snapshots": [20, 40]}})
    experiments = resolve_experiments(study, SCHEMA)
    assert list(experiments) == ["original", "original_epoch20", "original_epoch40"]
    assert experiments["original"]["snapshot"] is None
    assert experiments["original_epoch40"]["snapshot"] == {"of": "original", "epoch": 40}
    taken = change(study, "experiments.original_epoch40", {})
    with pytest.raises(InputError, match=r"experiments\.original_epoch40: the snapshot of original has that name"):
        resolve_experiments(taken, SCHEMA)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"snapshots": [20, 90]}, r"experiments\.original\.recipe\.snapshots: 90 lies beyond the 79 epochs"),
        ({"patience": 5}, r"experiments\.original\.recipe\.patience: waits for a better epoch, but the last is taken"),
        ({"choose": "best"}, r"experiments\.original\.recipe\.choose: .* validation patients, which the split has not"),
        ({"snapshots": [0]}, r"experiments\.original\.recipe\.snapshots\.0: 0 is less than the minimum of 1"),
    ],
)
def test_epochs_that_cannot_be_are_refused(config, recipe, message):
    study = change(change(config, "study", ["original"]), "experiments.original", {"recipe": recipe})
    with pytest.raises(InputError, match=message):
        resolve_experiments(study, SCHEMA)


def test_the_best_epoch_is_never_that_of_the_patients_that_are_scored(config):
    study = change(config, "experiments.as_published.recipe.choose", "best")
    with pytest.raises(
        InputError, match=r"as_published\.recipe\.choose: .* Set it to last, or splits\.published\.vali"
    ):
        resolve_experiments(study, SCHEMA)


def test_drawn_slices_are_not_resampled_to_a_spacing(config):
    study = change(config, "experiments.original", {"recipe": {"grid": {"spacing_mm": 1.8}}})
    with pytest.raises(InputError, match=r"original\.recipe\.grid\.spacing_mm: 8bit_drawn draws all slices"):
        resolve_experiments(study, SCHEMA)


def test_copies_of_single_slices_have_no_neighbours(config):
    study = change(config, "experiments.as_published.recipe.context", 1)
    study = change(study, "experiments.as_published.augmentation", "none")
    with pytest.raises(InputError, match=r"splits\.published\.copies: single slices have no neighbours"):
        resolve_experiments(study, SCHEMA)


def test_validation_slices_go_with_no_validation_patients_and_no_neighbours(config):
    study = change(config, "study", ["validation_by_slice"])
    with pytest.raises(InputError, match=r"splits\.five_fold_by_slice\.validation_slices: .* set its validation to 0"):
        resolve_experiments(change(study, "splits.five_fold_by_slice.validation", 1), SCHEMA)
    patient = change(study, "experiments.validation_by_slice.recipe", {"patience": 3})
    assert resolve_experiments(patient, SCHEMA)["validation_by_slice"]["recipe"]["patience"] == 3


def test_fewer_training_patients_are_a_selection_of_their_own(config):
    patients = {str(number): Patient("development", ("t1_in_phase",)) for number in range(20)}
    four = {**FIVE_FOLD, "training_patients": 4}
    assert (selection_of(FIVE_FOLD), selection_of(four)) == ("five_fold", "five_fold_4patients")
    for all_roles, roles in zip(folds_of(FIVE_FOLD, config, patients), folds_of(four, config, patients), strict=True):
        assert list(roles.values()).count("train") == 4
        assert roles.items() <= all_roles.items()
    with pytest.raises(InputError, match=r"splits\.five_fold: 17 training patients are asked for, but a fold has 16"):
        folds_of({**FIVE_FOLD, "training_patients": 17}, config, patients)
