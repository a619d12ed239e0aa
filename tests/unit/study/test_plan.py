"""What the study's jobs are told, in a study of several sequences, folds, seeds, organs, snapshots and cohorts."""

import pytest
from unit.study.configs import FOLD_TRAINING, HELD_OUT, ROOT, SCHEMA, SHEET, VALIDATING, load, study_of_everything

from chaosliver.base.errors import InputError
from chaosliver.study.configuration import check_config
from chaosliver.study.inputs import train
from chaosliver.study.plan import TABLE_RULES, TABLES, Plan
from chaosliver.study.provenance import computing_digest, digest_of

NAMES = ["first", "first_epoch2", "kidney", "leaks", "leaks_epoch3", "few"]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "everything.tsv"
    path.write_text(SHEET)
    return str(path)


@pytest.fixture(scope="module")
def plan(sheet):
    return Plan.of(study_of_everything(patients=sheet), SCHEMA)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "config").glob("*.yaml")))
def test_each_config_in_the_repository_is_sound(name, monkeypatch):
    config = load(name)
    monkeypatch.chdir(ROOT)
    check_config(config, SCHEMA)
    plan = Plan.of(config, SCHEMA)
    assert set(config["study"]) <= set(plan.experiments)
    assert all(plan.patients_in(run.experiment, run.fold, "train") for run in plan.runs)


def test_a_study_whose_patients_lack_a_sequence_has_no_plan(sheet):
    config = study_of_everything(patients=sheet)
    config["experiments"]["few"] = {"train_on": ["t1_out_of_phase"]}
    with pytest.raises(InputError, match="experiment few: train_on names t1_out_of_phase, but no train patient"):
        Plan.of(config, SCHEMA)


def test_archives_lie_where_they_are_made_or_given(plan, sheet):
    assert plan.results == "results/everything"
    assert plan.archives == {cohort: f"results/everything/raw/{cohort}.zip" for cohort in ("development", "test")}
    assert [plan.cohorts_from(source) for source in ("phantom", "path", "url")] == [["development", "test"], [], []]
    own = {"path": "/data/own.zip", "phantom": None, "ground_truth": True}
    given = study_of_everything(patients=sheet)
    given["archives"]["test"] = own
    theirs = Plan.of(given, SCHEMA)
    assert [theirs.cohorts_from(source) for source in ("phantom", "path", "url")] == [["development"], ["test"], []]
    assert (theirs.archive_of("10"), theirs.archive_of("1")) == (
        "/data/own.zip",
        "results/everything/raw/development.zip",
    )


def test_patients_have_a_cohort_sequences_and_perhaps_a_ground_truth(plan):
    assert plan.cohorts == ["development", "test"]
    assert plan.cohort_patients("development") == ["1", "2", "3", "4", "5", "6"]
    assert plan.cohort_patients("test") == ["10", "11"]
    assert (plan.cohort_of("3"), plan.cohort_of("11")) == ("development", "test")
    assert (plan.sequences_of("3"), plan.sequences_of("11")) == (["t1_in_phase"], ["t2_spir"])
    assert (plan.has_ground_truth("3"), plan.has_ground_truth("11")) == (True, False)


def test_experiments_are_trained_or_snapshots_and_shown_or_not(plan):
    assert list(plan.experiments) == NAMES
    assert plan.baseline == "first"
    assert plan.snapshots == ["first_epoch2", "leaks_epoch3"]
    assert plan.trained == ["first", "kidney", "leaks", "few"]
    assert plan.shown == ["first", "first_epoch2", "kidney", "leaks", "few"]
    assert plan.compared == ["first", "first_epoch2", "leaks", "few"]
    assert plan.other_organs() == {"kidney": "right_kidney"}
    assert plan.comparisons == [("first_epoch2", "first"), ("leaks", "first"), ("few", "first")]
    assert plan.prices == {}
    assert (plan.snapshot_epoch("first_epoch2"), plan.snapshot_epoch("leaks_epoch3")) == (2, 3)
    with pytest.raises(ValueError, match="kidney is no snapshot"):
        plan.snapshot_epoch("kidney")


def test_runs_are_folds_by_seeds(plan):
    assert plan.runs_of("kidney") == [("kidney", fold, seed) for fold in "01" for seed in "12"]
    assert plan.runs_of("leaks") == [("leaks", "0", "1"), ("leaks", "1", "1")]
    assert plan.runs == [run for name in NAMES for run in plan.runs_of(name)]
    assert plan.trainings == [run for run in plan.runs if "_epoch" not in run.experiment]
    assert (len(plan.runs), len(plan.trainings)) == (20, 14)


def test_the_test_cohort_is_predicted_last_and_only_where_there_is_one(plan, sheet):
    runs = [f"fold{fold}_seed{seed}" for fold in (0, 1) for seed in (1, 2)]
    assert list(plan.predictions) == NAMES
    assert plan.predictions["kidney"] == [*runs, "test_cohort"]
    assert plan.predictions["leaks"] == ["fold0_seed1", "fold1_seed1", "test_cohort"]
    assert [plan.predicted_cohort(run) for run in ("fold0_seed1", "test_cohort")] == ["development", "test"]
    assert plan.overlay_runs("kidney") == runs
    known = study_of_everything(patients=sheet)
    known["archives"]["test"]["ground_truth"] = True
    assert Plan.of(known, SCHEMA).overlay_runs("kidney") == [*runs, "test_cohort"]
    known["archives"]["development"]["ground_truth"] = False
    assert Plan.of(known, SCHEMA).overlay_runs("kidney") == ["test_cohort"]


def test_without_a_test_cohort_nothing_is_predicted_of_it(tmp_path):
    (tmp_path / "sheet.tsv").write_text("".join(SHEET.splitlines(keepends=True)[:7]))
    plan = Plan.of(study_of_everything(patients=str(tmp_path / "sheet.tsv")), SCHEMA)
    assert plan.predictions["leaks"] == ["fold0_seed1", "fold1_seed1"]
    assert plan.cohorts == ["development"]


@pytest.mark.parametrize("fold", [0, 1])
def test_patients_of_a_fold_have_the_role_that_its_split_gives_them(plan, fold):
    assert plan.patients_in("kidney", str(fold), "train") == FOLD_TRAINING[fold]
    assert plan.patients_in("first", str(fold), "test") == HELD_OUT[fold]
    assert plan.validation_patients("first", str(fold)) == [VALIDATING[fold]]
    assert plan.validation_patients("leaks", str(fold)) == HELD_OUT[fold]
    assert plan.scored_patients("first_epoch2", f"fold{fold}_seed2") == HELD_OUT[fold]
    assert plan.scored_patients("first", "test_cohort") == ["10", "11"]


def test_trainings_are_told_what_makes_their_weights_and_nothing_else(plan):
    settings = plan.training_settings("kidney", "1", "2")
    assert settings == {
        "network": {"name": "fast", "channels": 2, "depth": 2},
        "recipe": plan.experiments["kidney"].recipe,
        "keep_originals": False,
        "leaks": {"copies": 0, "validation_slices": 0, "seed": 1},
        "seed": 2,
        "threads": 3,
    }
    assert (settings["recipe"]["epochs"], settings["recipe"]["grid"]["rows"]) == (4, 32)
    assert plan.training_settings("leaks", "0", "1")["leaks"] == {"copies": 0.25, "validation_slices": 0, "seed": 1}
    assert plan.leaks_of("leaking", "0")["copies"] == 0.25
    assert plan.leaks_of("two_fold_1patients", "1")["copies"] == 0


def test_a_card_must_say_seed_network_recipe_and_the_volumes_that_its_fold_trains_on(plan):
    """Patient 3, who trains in fold 1 beside patient 5, has no T2."""
    kidney = plan.experiments["kidney"]
    expected = {
        "seed": 2,
        "network": {"name": "fast", "channels": 2, "depth": 2},
        "recipe": kidney.recipe,
        "train_on": ["t1_in_phase/3", "t1_in_phase/5", "t2_spir/5"],
    }
    assert plan.trained_as("kidney", "fold1_seed2") == [expected]
    assert plan.origins()["kidney/fold1_seed2"] == expected
    together = plan.trained_as("kidney", "test_cohort")
    assert [each["seed"] for each in together] == [1, 2, 1, 2] and together[3] == expected
    (everyone,) = (plan.origin_of(run) for run in plan.model_runs if run.seed == "2")
    assert everyone["train_on"] == [f"t1_in_phase/{patient}" for patient in range(1, 7)] and "recipe" not in everyone
    assert set(plan.origins()) == {f"{run.experiment}/{run.name}" for run in plan.runs}


def test_where_everyone_trains_nobody_is_held_out_nothing_leaks_and_the_last_epoch_counts(plan):
    everyone = [str(number) for number in range(1, 7)]
    for experiment in ("first", "leaks"):
        assert plan.patients_in(experiment, "all", "train") == everyone
        assert plan.validation_patients(experiment, "all") == plan.patients_in(experiment, "all", "test") == []
    settings = plan.training_settings("leaks", "all", "1")
    assert settings["leaks"] == {"copies": 0, "validation_slices": 0, "seed": 1}
    assert plan.leaks_of("leaking", "all") == {"copies": 0, "validation_slices": 0, "seed": 1}
    usual = plan.training_settings("leaks", "0", "1")
    assert usual["recipe"]["snapshots"] == [3]
    changed = {"choose": "last", "patience": None, "snapshots": []}
    assert settings == {**usual, "recipe": {**usual["recipe"], **changed}, "leaks": settings["leaks"]}


def test_a_digest_is_of_the_experiments_own_network(plan):
    assert plan.computing_code("kidney") == computing_digest("fast") != plan.computing_code("first")
    assert plan.code_with_network("predict", "kidney") == digest_of("predict", "network.architectures.fast")
    assert plan.code_with_network("train", "first") == digest_of("train", "network.architectures.unet")


def test_the_tables_are_signed_with_the_code_of_every_rule_and_network_behind_them(plan):
    code = plan.table_code()
    assert set(code) == {*TABLE_RULES, "unet", "fast"}
    assert code["predict_logits"] == digest_of("predict_logits")
    assert code["fast"] == digest_of("train", "network.architectures.fast")
    assert set(TABLES) == {
        *("slices", "patients", "experiments", "comparisons", "prices", "publication", "cross_sequence", "trainings"),
        *("verdicts", "variances"),
    }


def test_the_learning_curve_counts_training_patients(plan, tmp_path):
    assert plan.training_patients() == {"first": 2.0, "few": 1.0}
    # Seven patients: the folds hold out four and three, and train on two and three.
    (tmp_path / "sheet.tsv").write_text(SHEET + "7\tdevelopment\tt1_in_phase, t2_spir\n")
    more = Plan.of(study_of_everything(patients=str(tmp_path / "sheet.tsv")), SCHEMA)
    assert more.training_patients()["first"] == 2.5


def test_the_matrix_of_sequences_has_the_baseline_and_what_learned_or_scores_others(plan, sheet):
    assert plan.cross_sequence_experiments() == {"first": ["t1_in_phase"], "first_epoch2": ["t1_in_phase"]}
    config = study_of_everything(patients=sheet)
    config["experiments"]["few"] = {"train_on": ["t2_spir"], "score_on": ["t2_spir"]}
    config["experiments"]["first"] = {"recipe": {"snapshots": []}}
    assert Plan.of(config, SCHEMA).cross_sequence_experiments() == {"first": ["t1_in_phase"], "few": ["t2_spir"]}


def test_the_methods_describe_what_the_study_uses_and_no_more(plan):
    study = plan.described_study()
    assert study["patients"]["3"] == ["development", ["t1_in_phase"]]
    assert study["patients"]["10"] == ["test", ["t1_in_phase", "t2_spir"]]
    assert study["phantom"] is True
    assert study["grey_ranges"]["liver"] == [55, 70]
    assert study["surface_tolerance_mm"] == 2.5
    assert study["analysis"]["margin"] == 0.03
    assert list(study["encodings"]) == ["8bit", "16bit"]
    assert study["splits"]["leaking"] == {"folds": 2, "validation": "held_out", "copies": 0.25, "seed": 1}
    assert set(study["splits"]) == {"two_fold", "leaking"}
    assert list(study["augmentations"]) == ["augmentor"]
    assert list(study["experiments"]) == NAMES
    kidney = study["experiments"]["kidney"]
    assert (kidney["other_organs"], kidney["seeds"], kidney["snapshot"]) == (["spleen"], [1, 2], None)
    assert study["experiments"]["leaks_epoch3"]["snapshot"] == {"of": "leaks", "epoch": 3}


def test_a_model_card_is_told_what_the_trainings_own_card_lacks(plan):
    assert plan.model_settings("kidney") == {
        "organ": "right_kidney",
        "other_organs": ["spleen"],
        "threshold": 0.25,
        "largest_component": False,
        "scores": "mask",
        "encoding": {"bits": 16, "percentiles": plan.config["encodings"]["16bit"]["percentiles"]},
    }
    assert plan.model_settings("leaks_epoch3")["scores"] == "logits"


def test_a_second_draw_adds_runs_and_leaves_the_first_ones_as_they_are(plan, sheet):
    config = study_of_everything(patients=sheet)
    config["splits"]["two_fold"]["draws"] = 2
    twice = Plan.of(config, SCHEMA)
    assert twice.runs_of("kidney") == [("kidney", fold, seed) for fold in "0123" for seed in "12"]
    assert twice.runs_of("leaks") == plan.runs_of("leaks")
    for run in plan.trainings:
        assert twice.training_settings(*run) == plan.training_settings(*run)
        assert train(twice, run.experiment, run.fold) == train(plan, run.experiment, run.fold)
        assert twice.scored_patients(run.experiment, run.name) == plan.scored_patients(run.experiment, run.name)
    second = [twice.patients_in("first", fold, "test") for fold in "23"]
    assert sorted(patient for test in second for patient in test) == ["1", "2", "3", "4", "5", "6"]
    assert sorted(second) != sorted(HELD_OUT)
    assert twice.training_patients() == plan.training_patients()
    assert twice.described_study()["splits"]["two_fold"]["draws"] == 2


def test_the_tables_are_told_how_many_folds_make_a_draw(plan, sheet):
    config = study_of_everything(patients=sheet)
    config["splits"]["two_fold"]["draws"] = 3
    config["splits"]["alone"] = {"test": 2, "validation": 0, "seed": 1}
    config["experiments"]["few"]["split"] = "alone"
    assert Plan.of(config, SCHEMA).folds_per_draw() == dict.fromkeys(NAMES, 2) | {"few": 1}
    assert plan.folds_per_draw() == dict.fromkeys(NAMES, 2)


def test_draws_that_the_patients_do_not_allow_are_refused_by_the_name_of_the_split(sheet):
    config = study_of_everything(patients=sheet)
    config["splits"]["two_fold"]["draws"] = 11
    with pytest.raises(InputError, match=r"splits\.two_fold: 11 draws are .* 6 development .* in 10 ways only"):
        Plan.of(config, SCHEMA)
