"""Rules against their adapters, and the wiring of a whole study, from the jobs that Snakemake plans for it."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from collections import defaultdict
from dataclasses import is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import pytest
import yaml
from unit.study.configs import EVERYTHING, FOLD_TRAINING, HELD_OUT, SHEET, VALIDATING

from chaosliver.base.jobs import arguments_of
from chaosliver.base.lots import files_in_full
from chaosliver.study.provenance import computing_digest, digest_of, digest_of_texts

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow/scripts"
ADAPTERS = sorted({path.stem for path in SCRIPTS.glob("*.py")} - {"write_patient_sheet", "draw_exam", "check_call"})
# By targets of their own, which a study does not need.
ON_REQUEST = {"make_pack", "export_onnx", "segment", "make_submission", "fetch_niivue", "viewer"}
# Of archives that are no phantoms, and on request. But for `crate` none has a digest: an edit of their code makes no
# archive another.
UNPLANNED = {
    "download_archive",
    "check_archive",
    "verify",
    "crate",
    "check_submission",
    "prune_cache",
    "download_parts",
}
# Of cohorts that are prepared in lots.
IN_LOTS = {"unpack_lot", "inventory_lot", "pair_lot", "extract_masks_of_lot", "convert_images_of_lot"}
# By lot, whose patients are in the sheet's order.
LOTS = {
    **{f"development_{number:04d}": [str(2 * number - 1), str(2 * number)] for number in (1, 2, 3)},
    "test_0001": ["10", "11"],
}
# What a rule names besides the parameters of its adapter's function: inputs that are only waited for, or whose content
# another input tells.
NOT_TAKEN: dict[str, set[str]] = {
    "unpack_patient": {"receipt", "made"},
    "predict": {"checked"},
    "predict_logits": {"checked"},
    "draw_triplets": {"image_indexes", "mask_indexes"},
    "draw_overlays": {"prediction_indexes", "image_indexes", "mask_indexes"},
    "draw_contact_sheets": {"prediction_indexes", "image_indexes", "mask_indexes"},
    # By which a change of the files shows; the function reads them.
    "segment": {"state"},
    "export_onnx": {"state"},
    # The digest of the texts that it reads.
    "write_checklists": {"texts"},
}
ENTRY = {"T1DUAL": None, "T2SPIR": "first"}
# Adapters that take a whole group of names at once, by the fields of a class or by `items`.
TAKE_GROUPS = {"train", "show_tables"}

# Snakemake, up to the plan: every job's files and parameters, as JSON.
PLAN = """
import json, sys
from snakemake import cli, dag

def named(values):
    return {name: list(value) if isinstance(value, list | tuple) else value for name, value in values.items()}

async def write(self):
    jobs = [
        {
            "rule": job.rule.name,
            "wildcards": dict(job.wildcards_dict),
            "input": named(job.input),
            "all_inputs": list(map(str, job.input)),
            "output": named(job.output),
            "params": named(job.params),
            "ageless": [str(path) for path in job.input if path.flags.get("ancient")],
            "log": list(map(str, job.log)),
            "gpu": job.resources.get("gpu", 0),
            "threads": job.threads,
            "script": job.rule.script,
        }
        for job in self.jobs
    ]
    with open(TARGET, "w", encoding="utf-8") as stream:
        json.dump(jobs, stream, default=str)

dag.DAG.check_incomplete = write
sys.exit(cli.main())
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Every job of the study of everything, as dictionaries."""
    return planned(tmp_path_factory.mktemp("everything"), "all")


@pytest.fixture(scope="module")
def model_jobs(tmp_path_factory):
    """Every job of the study's network for use, and of its ONNX file."""
    return planned(tmp_path_factory.mktemp("for_use"), "model", "export_onnx")


@pytest.fixture(scope="module")
def submission_jobs(tmp_path_factory):
    """Every job of the challenge's zip, with `first` for both sequences: it did not learn T2."""
    return planned(tmp_path_factory.mktemp("submission"), "submission", submission=ENTRY)


@pytest.fixture(scope="module")
def exam_jobs(tmp_path_factory):
    """Every job for the mask of a study of one's own."""
    folder = tmp_path_factory.mktemp("exam")
    (folder / "mine.nii.gz").write_bytes(b"image")
    return planned(folder, "segmented", exam=str(folder / "mine.nii.gz"))


def planned(folder, *targets, **changes):
    (folder / "everything.tsv").write_text(SHEET)
    overlay = EVERYTHING | {"patients": str(folder / "everything.tsv"), "results": str(folder / "results")} | changes
    (folder / "everything.yaml").write_text(yaml.safe_dump(overlay))
    code = PLAN.replace("TARGET", repr(str(folder / "jobs.json")))
    overlay_file = str(folder / "everything.yaml")
    arguments = ("-n", "--quiet", "all", "--cores", "3", "--configfile", overlay_file, "--", *targets)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    text = (folder / "jobs.json").read_text().replace(f"{folder}/results/", "")
    return json.loads(text)


@pytest.fixture(scope="module")
def viewer_jobs(tmp_path_factory):
    """Every job for the viewer, beside a study of one's own that was segmented."""
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "results/segmented/mine").mkdir(parents=True)
    (folder / "results/segmented/mine/report.json").write_text("{}")
    return planned(folder, "viewer")


@pytest.fixture(scope="module")
def lot_jobs(tmp_path_factory):
    """Every job of the study of everything, whose patients are prepared two at a time."""
    return planned(tmp_path_factory.mktemp("lots"), "all", "make_pack", "make_submission", lot_size=2, submission=ENTRY)


@pytest.fixture(scope="module")
def by_rule(jobs, model_jobs, exam_jobs, submission_jobs, viewer_jobs, lot_jobs):
    found = defaultdict(list)
    asked_for = [*model_jobs, *exam_jobs, *submission_jobs, *viewer_jobs]
    asked_for = [job for job in asked_for if job["rule"] in ON_REQUEST]
    for job in [*jobs, *asked_for, *(job for job in lot_jobs if job["rule"] in IN_LOTS)]:
        found[job["rule"]].append(job)
    return found


def of(jobs, **wildcards):
    (job,) = [job for job in jobs if job["wildcards"].items() >= {k: str(v) for k, v in wildcards.items()}.items()]
    return job


# Adapters


def used_names(adapter: str) -> tuple[str | None, set[str]]:
    """The library's function that an adapter runs, or what it names of the job itself."""
    tree = ast.parse((SCRIPTS / f"{adapter}.py").read_text(encoding="utf-8"))
    function, named = None, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "run":
            function = node.args[1].id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            inner = node.value
            if isinstance(inner.value, ast.Name) and inner.value.id == "snakemake" and inner.attr in PARTS:
                named.add(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            named |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return function, named - {"get", "items"}


PARTS = ("input", "output", "params", "wildcards")


def parameters_of(adapter: str, function: str) -> tuple[set[str], set[str]]:
    """All parameters of the function that an adapter imports, and those without a default, from its source."""
    tree = ast.parse((SCRIPTS / f"{adapter}.py").read_text(encoding="utf-8"))
    (module,) = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and function in [alias.name for alias in node.names]
    ]
    path = SCRIPTS.joinpath(*module.split(".")).with_suffix(".py")
    (definition,) = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    arguments = definition.args
    positional = arguments.args
    required = {argument.arg for argument in positional[: len(positional) - len(arguments.defaults)]}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        required |= {argument.arg} if default is None else set()
    return {argument.arg for argument in (*positional, *arguments.kwonlyargs)}, required


def test_every_rule_with_a_script_is_planned(by_rule):
    """But for those that another source of archives, or a request, plans."""
    assert set(ADAPTERS) - set(by_rule) == UNPLANNED
    for rule, jobs in by_rule.items():
        assert {Path(job["script"]).stem for job in jobs if job["script"]} <= {rule}


@pytest.mark.parametrize("adapter", [name for name in ADAPTERS if name not in UNPLANNED | TAKE_GROUPS])
def test_a_rule_names_what_its_adapter_takes(by_rule, adapter):
    job = by_rule[adapter][0]
    parts = [set(job[part]) for part in PARTS]
    all_names = set().union(*parts)
    function, named = used_names(adapter)
    if function is None:
        assert named <= all_names
        return
    taken, required = parameters_of(adapter, function)
    assert sum(map(len, parts)) == len(all_names), "one name in two parts of the rule"
    assert required <= all_names
    offered = parts[0] | parts[1] | parts[2]
    assert offered - taken == ({"code", "of_patients"} & offered - taken) | NOT_TAKEN.get(adapter, set())


def test_each_job_depends_on_the_digest_of_its_own_adapter(jobs):
    for job in jobs:
        if not job["script"] or job["rule"] in UNPLANNED:
            continue
        name = {"kidney": "fast"}.get(job["wildcards"].get("experiment"), "unet")
        networks = [f"network.architectures.{name}"] if job["rule"] in ("train", "predict", "predict_logits") else []
        assert job["params"]["code"] == digest_of(job["rule"], *networks), job["rule"]
        if job["rule"] == "train":
            assert job["params"]["computing"] == computing_digest(name)


# Wiring. Paths are below the results folder.


def indexes(tree, *places):
    return [f"{tree}/{place}.tsv" for place in places]


def places(sequences, patients):
    """`<sequence>/<patient>` of patients that have the sequences; 3 has no T2, 11 no T1."""
    lacking = {("t2_spir", "3"), ("t1_in_phase", "11")}
    return [f"{s}/{patient}" for s in sequences for patient in patients if (s, patient) not in lacking]


RUNS = [(fold, seed) for fold in (0, 1) for seed in (1, 2)]
MODELS = {
    **{name: RUNS for name in ("first", "first_epoch2", "kidney", "few")},
    **{name: [(0, 1), (1, 1)] for name in ("leaks", "leaks_epoch3")},
}
T1, T2 = "t1_in_phase", "t2_spir"
ENCODING = {"kidney": "16bit"}
ORGAN = {"kidney": "right_kidney"}
SCORED = {"first": [T1, T2], "first_epoch2": [T1, T2], "kidney": [T2]}


def test_every_fold_and_seed_of_every_experiment_is_trained_and_predicted_once(by_rule):
    trained, taken = (
        {tuple(job["wildcards"][key] for key in ("experiment", "fold", "seed")) for job in by_rule[rule]}
        for rule in ("train", "take_snapshot")
    )
    expected = {(name, str(fold), str(seed)) for name, runs in MODELS.items() for fold, seed in runs}
    snapshots = {key for key in expected if "_epoch" in key[0]}
    assert (trained, taken) == (expected - snapshots, snapshots)
    predicted = {(job["wildcards"]["experiment"], job["wildcards"]["run"]) for job in by_rule["predict"]}
    runs = {(name, f"fold{fold}_seed{seed}") for name, fold, seed in expected}
    assert predicted == runs | {(name, "test_cohort") for name in MODELS}
    assert {(job["wildcards"]["experiment"], job["wildcards"]["run"]) for job in by_rule["evaluate"]} == predicted


@pytest.mark.parametrize("fold", [0, 1])
def test_a_training_reads_its_folds_patients_in_its_own_encoding_and_organs(by_rule, fold):
    first = of(by_rule["train"], experiment="first", fold=fold, seed=2)
    assert first["input"]["train_images"] == indexes("png/8bit", *places([T1], FOLD_TRAINING[fold]))
    assert first["input"]["train_masks"] == indexes("masks/liver", *places([T1], FOLD_TRAINING[fold]))
    assert first["input"]["validation_images"] == indexes("png/8bit", f"{T1}/{VALIDATING[fold]}")
    assert first["input"]["validation_masks"] == indexes("masks/liver", f"{T1}/{VALIDATING[fold]}")
    assert first["input"]["held_out_images"] == first["input"]["held_out_masks"] == []
    assert first["input"]["augmented"] == [f"augmented/augmentor/8bit/liver/{T1}/two_fold_fold{fold}.tsv"]
    kidney = of(by_rule["train"], experiment="kidney", fold=fold, seed=1)
    learned = places([T2, T1], FOLD_TRAINING[fold])
    assert kidney["input"]["augmented"] == []
    assert kidney["input"]["train_images"] == indexes("png/16bit", *learned)
    assert kidney["input"]["train_masks"] == indexes("masks/right_kidney", *learned) + indexes("masks/spleen", *learned)
    watched = places([T2, T1], [VALIDATING[fold]])
    assert kidney["input"]["validation_masks"] == [
        *indexes("masks/right_kidney", *watched),
        *indexes("masks/spleen", *watched),
    ]
    few = of(by_rule["train"], experiment="few", fold=fold, seed=1)
    assert few["input"]["train_images"] == indexes("png/8bit", f"{T1}/{['4', '5'][fold]}")
    assert few["input"]["augmented"] == [f"augmented/augmentor/8bit/liver/{T1}/two_fold_1patients_fold{fold}.tsv"]


@pytest.mark.parametrize("fold", [0, 1])
def test_held_out_patients_reach_a_training_only_by_a_split_that_says_so(by_rule, fold):
    for job in by_rule["train"]:
        held_out = HELD_OUT[int(job["wildcards"]["fold"])]
        read = {Path(path).stem for path in job["all_inputs"] if path.startswith(("png/", "masks/"))}
        assert bool(read & set(held_out)) == (job["wildcards"]["experiment"] == "leaks")
    leaks = of(by_rule["train"], experiment="leaks", fold=fold)
    held_out = places([T1], HELD_OUT[fold])
    assert leaks["input"]["train_images"] == indexes("png/8bit", *places([T1], HELD_OUT[1 - fold]))
    for role in ("held_out", "validation"):
        assert leaks["input"][f"{role}_images"] == indexes("png/8bit", *held_out)
        assert leaks["input"][f"{role}_masks"] == indexes("masks/liver", *held_out)
    assert leaks["params"]["settings"]["leaks"] == {"copies": 0.25, "validation_slices": 0, "seed": 1}


def test_a_training_is_told_its_own_settings_and_writes_below_its_own_name(by_rule):
    job = of(by_rule["train"], experiment="kidney", fold=1, seed=2)
    settings = job["params"]["settings"]
    assert (settings["network"]["name"], settings["seed"], settings["threads"], job["threads"]) == ("fast", 2, 3, 3)
    assert settings["keep_originals"] is False and settings["recipe"]["epochs"] == 4
    assert settings["leaks"] == {"copies": 0, "validation_slices": 0, "seed": 1}
    made = [*job["output"].values(), job["params"]["checkpoints"], job["params"]["events"]]
    assert all("/kidney/fold1_seed2" in path for path in made) and len(set(made)) == 6
    assert job["input"]["checked"] == "inventory/development.checked.tsv"


def test_augmented_samples_are_drawn_from_the_folds_training_patients(by_rule):
    assert len(by_rule["augment"]) == 6
    for fold in (0, 1):
        job = of(by_rule["augment"], split="two_fold", fold=fold)
        assert job["input"]["images"] == indexes("png/8bit", *places([T1], FOLD_TRAINING[fold]))
        assert job["input"]["masks"] == indexes("masks/liver", *places([T1], FOLD_TRAINING[fold]))
        assert job["input"]["held_out_images"] == job["input"]["held_out_masks"] == []
        leaking = of(by_rule["augment"], split="leaking", fold=fold)
        assert leaking["input"]["held_out_images"] == indexes("png/8bit", *places([T1], HELD_OUT[fold]))
        assert leaking["input"]["held_out_masks"] == indexes("masks/liver", *places([T1], HELD_OUT[fold]))
        assert leaking["params"]["leaks"]["copies"] == 0.25
        assert job["params"]["settings"]["samples"] == 8


def test_a_snapshot_comes_from_its_own_training(by_rule):
    job = of(by_rule["take_snapshot"], experiment="first_epoch2", fold=1, seed=2)
    model = "models/first/fold1_seed2"
    assert job["input"] == {
        "card": f"{model}/card.json",
        "history": f"{model}/history.tsv",
        "snapshots": f"{model}/snapshots",
    }
    assert job["params"]["epoch"] == 2
    assert of(by_rule["take_snapshot"], experiment="leaks_epoch3", fold=0)["params"]["epoch"] == 3


@pytest.mark.parametrize("name", MODELS)
def test_a_network_segments_the_patients_that_its_fold_held_out(by_rule, name):
    encoding, sequences = ENCODING.get(name, "8bit"), SCORED.get(name, [T1])
    for fold, seed in MODELS[name]:
        job = of(by_rule["predict"], experiment=name, run=f"fold{fold}_seed{seed}")
        model = f"models/{name}/fold{fold}_seed{seed}"
        assert job["input"] == {
            "cards": [f"{model}/card.json"],
            "weights": [f"{model}/weights.safetensors"],
            "images": indexes(f"png/{encoding}", *places(sequences, HELD_OUT[fold])),
            "checked": "inventory/development.checked.tsv",
        }
        assert job["params"]["cohort"] == "development"
        assert job["params"]["threshold"] == {"kidney": 0.25}.get(name, 0.5)
        assert job["params"]["largest_component"] is False


@pytest.mark.parametrize("name", MODELS)
def test_all_networks_of_an_experiment_segment_the_test_cohort_together(by_rule, name):
    job = of(by_rule["predict"], experiment=name, run="test_cohort")
    models = [f"models/{name}/fold{fold}_seed{seed}" for fold, seed in MODELS[name]]
    assert job["input"]["cards"] == [f"{model}/card.json" for model in models]
    assert job["input"]["weights"] == [f"{model}/weights.safetensors" for model in models]
    scored = places(SCORED.get(name, [T1]), ["10", "11"])
    assert job["input"]["images"] == indexes(f"png/{ENCODING.get(name, '8bit')}", *scored)
    assert job["input"]["checked"] == "inventory/test.checked.tsv"
    assert job["params"]["cohort"] == "test"


def test_predictions_are_scored_against_the_masks_of_their_organ_and_fold(by_rule):
    for job in by_rule["evaluate"]:
        assert job["params"]["tolerance_mm"] == 2.5
        name, run = job["wildcards"]["experiment"], job["wildcards"]["run"]
        whole_cohort = run == "test_cohort"
        fold, seed = ("all", "all") if whole_cohort else (run[4], run[-1])
        scored = ["10", "11"] if whole_cohort else HELD_OUT[int(fold)]
        masks = [] if whole_cohort else places(SCORED.get(name, [T1]), scored)
        assert job["input"]["prediction_index"] == f"predictions/{name}/{run}.tsv"
        assert job["input"]["mask_indexes"] == indexes(f"masks/{ORGAN.get(name, 'liver')}", *masks)
        assert job["input"]["pairs"] == [f"inventory/{patient}.pairs.tsv" for patient in scored]
        grey = name.startswith("leaks")
        assert job["input"]["logit_index"] == ([f"logits/{name}/{run}.tsv"] if grey else [])
        assert job["params"]["labels"] == {"experiment": name, "fold": fold, "seed": seed}
        assert job["output"] == {"slices": f"dice/{name}/{run}.tsv", "patients": f"volumes/{name}/{run}.tsv"}


def test_logits_are_predicted_of_the_same_images(by_rule):
    for job in by_rule["predict_logits"]:
        twin = of(by_rule["predict"], **job["wildcards"])
        assert (job["input"], job["params"]["cohort"]) == (twin["input"], twin["params"]["cohort"])
    assert {job["wildcards"]["experiment"] for job in by_rule["predict_logits"]} == {"leaks", "leaks_epoch3"}


def test_pictures_show_each_runs_own_images_masks_and_predictions(by_rule):
    for rule in ("draw_overlays", "draw_contact_sheets"):
        assert {job["wildcards"]["experiment"] for job in by_rule[rule]} == set(MODELS) - {"leaks_epoch3"}
        job = of(by_rule[rule], experiment="kidney")
        runs = [f"fold{fold}_seed{seed}" for fold, seed in RUNS]
        scored = places([T2], [patient for patients in HELD_OUT for patient in patients])
        assert job["input"]["slices"] == [f"dice/kidney/{run}.tsv" for run in runs]
        assert job["input"]["prediction_indexes"] == [f"predictions/kidney/{run}.tsv" for run in runs]
        assert job["input"]["image_indexes"] == indexes("png/16bit", *scored)
        assert job["input"]["mask_indexes"] == indexes("masks/right_kidney", *scored)
    triplets = of(by_rule["draw_triplets"], experiment="kidney", run="fold1_seed1")
    assert triplets["input"]["prediction_index"] == "predictions/kidney/fold1_seed1.tsv"
    assert triplets["input"]["image_indexes"] == indexes("png/16bit", *places([T2], HELD_OUT[1]))
    assert triplets["input"]["mask_indexes"] == indexes("masks/right_kidney", *places([T2], HELD_OUT[1]))


def test_a_patients_files_are_made_of_its_own_archive_and_tables(by_rule):
    for patient, cohort, sequences in (("3", "development", [T1]), ("11", "test", [T2])):
        unpacked = of(by_rule["unpack_patient"], patient=patient)
        assert unpacked["input"] == {"receipt": f"raw/{cohort}.sha256", "made": [f"raw/{cohort}.zip"]}
        params = unpacked["params"]
        assert (params["cohort"], params["sequences"], params["ground_truth"]) == (cohort, sequences, patient == "3")
        assert params["archive"].endswith(f"raw/{cohort}.zip")
        listed = of(by_rule["inventory_patient"], patient=patient)
        assert listed["input"] == {"raw_index": f"raw/{patient}.tsv", "listed": f"raw/{patient}.listed.tsv"}
        assert (listed["params"]["sequences"], listed["params"]["ground_truth"]) == (sequences, patient == "3")
        paired = of(by_rule["pair_slices"], patient=patient)
        assert paired["input"] == {name: f"inventory/{patient}.{name}.tsv" for name in ("slices", "findings")}
    image = of(by_rule["convert_images"], patient="11", encoding="16bit", sequence=T2)
    assert image["params"]["settings"]["bits"] == 16
    assert image["input"] == {"raw_index": "raw/11.tsv", "pairs": "inventory/11.pairs.tsv"}
    mask = of(by_rule["extract_masks"], patient="5", organ="right_kidney", sequence=T2)
    assert mask["params"]["grey_range"] == [110, 135]
    assert mask["input"] == {"raw_index": "raw/5.tsv", "pairs": "inventory/5.pairs.tsv"}
    cohorts = {cohort: of(by_rule["check_cohort"], cohort=cohort)["input"] for cohort in ("development", "test")}
    assert cohorts["development"]["slices"] == [f"inventory/{n}.slices.tsv" for n in range(1, 7)]
    assert cohorts["test"]["slices"] == [f"inventory/{n}.slices.tsv" for n in (*range(1, 7), 10, 11)]
    assert cohorts["test"]["findings"] == ["inventory/10.findings.tsv", "inventory/11.findings.tsv"]


def model_of(row):
    return f"models/{row['experiment']}/fold{row['fold']}_seed{row['seed']}"


def test_tables_unite_every_run(by_rule):
    (collected,) = by_rule["collect_tables"]
    runs = [(name, f"fold{fold}_seed{seed}") for name in MODELS for fold, seed in MODELS[name]]
    runs += [(name, "test_cohort") for name in MODELS]
    assert sorted(collected["input"]["slices"]) == sorted(f"dice/{name}/{run}.tsv" for name, run in runs)
    assert sorted(collected["input"]["patients"]) == sorted(f"volumes/{name}/{run}.tsv" for name, run in runs)
    (trainings,) = by_rule["list_trainings"]
    labelled = [f"{model_of(row)}/card.json" for row in trainings["params"]["labels"]]
    assert trainings["input"]["cards"] == labelled and len(labelled) == 20
    (curves,) = by_rule["plot_training"]
    drawn = [f"{model_of(row)}/history.tsv" for row in curves["params"]["labels"]]
    assert curves["input"]["histories"] == drawn and len(drawn) == 14
    (signed,) = by_rule["sign_tables"]
    assert signed["input"]["receipts"] == ["raw/development.sha256", "raw/test.sha256"]
    assert sorted(signed["input"]["cards"]) == sorted(labelled)
    assert set(signed["params"]["all_code"]) > {"unet", "fast", "train", "predict_logits", "evaluate"}


def test_methods_and_checklists_are_written_from_the_trainings_and_the_studys_tables(by_rule):
    (methods,), (checklists,) = by_rule["write_methods"], by_rule["write_checklists"]
    assert methods["params"]["study"] == checklists["params"]["study"]
    assert methods["input"]["cards"] == checklists["input"]["cards"]
    assert methods["input"]["verdicts_table"] == "tables/verdicts.tsv"
    read = {name: path for name, path in checklists["input"].items() if name != "cards"}
    assert read == {
        "experiments_table": "tables/experiments.tsv",
        "verdicts_table": "tables/verdicts.tsv",
        "volumes_table": "inventory/patients.tsv",
        "findings_table": "inventory/findings.tsv",
    }
    assert checklists["output"] == {"page": "tables/checklists.html", "markdown": "tables/checklists.md"}
    assert checklists["params"]["texts"] == digest_of_texts("tables/checklist_items")


def test_the_network_for_use_is_trained_on_everyone_and_packed_with_what_the_folds_showed(model_jobs):
    trained = [job for job in model_jobs if job["rule"] == "train"]
    everyone = [job for job in trained if job["wildcards"]["fold"] == "all"]
    assert [(job["wildcards"]["experiment"], job["wildcards"]["seed"]) for job in everyone] == [
        ("first", "1"),
        ("first", "2"),
    ]
    patients = [str(number) for number in range(1, 7)]
    for job in everyone:
        assert job["input"]["train_images"] == indexes("png/8bit", *places([T1], patients))
        assert job["input"]["augmented"] == [f"augmented/augmentor/8bit/liver/{T1}/two_fold_foldall.tsv"]
        assert job["input"]["validation_images"] == job["input"]["held_out_images"] == []
        assert job["params"]["settings"]["recipe"]["snapshots"] == []
    (packed,) = [job for job in model_jobs if job["rule"] == "make_pack"]
    assert packed["input"]["cards"] == [f"models/first/foldall_seed{seed}/card.json" for seed in (1, 2)]
    assert packed["input"]["weights"] == [f"models/first/foldall_seed{seed}/weights.safetensors" for seed in (1, 2)]
    assert packed["input"]["scores"] == [f"volumes/first/fold{fold}_seed{seed}.tsv" for fold, seed in RUNS]
    assert packed["input"]["pairs"] == [f"inventory/{patient}.pairs.tsv" for patient in patients]
    assert packed["output"] == {"folder": "model"}
    (exported,) = [job for job in model_jobs if job["rule"] == "export_onnx"]
    assert (exported["input"], exported["output"]) == ({"pack": "model"}, {"model": "onnx/model.onnx"})


def test_the_challenges_zip_is_made_of_the_test_cohort_alone(submission_jobs):
    (made,) = [job for job in submission_jobs if job["rule"] == "make_submission"]
    assert made["input"] == {
        "predictions": ["predictions/first/test_cohort.tsv"] * 2,
        "pairs": ["inventory/10.pairs.tsv", "inventory/11.pairs.tsv"],
        "findings": ["inventory/10.findings.tsv", "inventory/11.findings.tsv"],
        "raw_indexes": ["raw/10.tsv", "raw/11.tsv"],
    }
    assert made["params"]["folders"] == ["T1DUAL", "T2SPIR"]
    assert made["output"] == {"archive": "submission/chaos_task3.zip", "contents": "submission/contents.tsv"}
    segmented = [job["wildcards"] for job in submission_jobs if job["rule"] == "predict"]
    assert segmented == [{"experiment": "first", "run": "test_cohort"}]
    # No other experiment is trained for it.
    assert {job["wildcards"]["experiment"] for job in submission_jobs if job["rule"] == "train"} == {"first"}


def test_the_viewer_shows_what_the_figures_show_and_studies_of_ones_own(by_rule):
    (viewer,) = by_rule["viewer"]
    shown = ["first", "first_epoch2", "kidney", "leaks", "few"]
    assert [(each["name"], each["organ"]) for each in viewer["params"]["experiments"]] == [
        (name, ORGAN.get(name, "liver")) for name in shown
    ]
    assert [each["scores"] for each in viewer["params"]["experiments"]] == ["mask", "mask", "mask", "logits", "mask"]
    read = viewer["input"]
    runs = [(name, f"fold{fold}_seed{seed}") for name in shown for fold, seed in MODELS[name]]
    runs += [(name, "test_cohort") for name in shown]
    assert sorted(read["prediction_indexes"]) == sorted(f"predictions/{name}/{run}.tsv" for name, run in runs)
    everyone = [*map(str, range(1, 7)), "10", "11"]
    assert sorted(read["pairs"]) == sorted(f"inventory/{patient}.pairs.tsv" for patient in everyone)
    assert sorted(read["raw_indexes"]) == sorted(f"raw/{patient}.tsv" for patient in everyone)
    outlined = everyone[:6]
    assert sorted(read["mask_indexes"]) == sorted(
        [*indexes("masks/liver", *places([T1, T2], outlined)), *indexes("masks/right_kidney", *places([T2], outlined))]
    )
    assert read["reports"] == ["segmented/mine/report.json"] and read["niivue"] == "niivue/niivue.umd.js"
    assert {Path(path).name for path in read["page"]} >= {"index.html", "viewer.js", "niivue_licence.txt"}
    assert viewer["output"] == {"viewer": "viewer"}


SINGLE = {
    "compare_experiments": {"patients_table": "tables/patients.tsv"},
    "price_errors": {"slices_table": "tables/slices.tsv"},
    "write_publication_table": {"experiments_table": "tables/experiments.tsv"},
    "plot_dice": {"patients_table": "tables/patients.tsv"},
    "judge_contrasts": {"patients_table": "tables/patients.tsv"},
    "plot_verdicts": {"verdicts_table": "tables/verdicts.tsv"},
    "plot_differences": {"comparisons_table": "tables/comparisons.tsv"},
    "plot_along_liver": {"slices_table": "tables/slices.tsv"},
    "plot_volumes": {"patients_table": "tables/patients.tsv"},
    "plot_learning_curve": {"patients_table": "tables/patients.tsv"},
    "cross_sequence": {"experiments_table": "tables/experiments.tsv"},
}


@pytest.mark.parametrize("rule", SINGLE)
def test_a_table_or_figure_of_the_study_reads_its_own_table(by_rule, rule):
    (job,) = by_rule[rule]
    assert job["input"] == SINGLE[rule]
    figure = rule.removeprefix("plot_")
    assert {"png", "svg"} <= set(job["output"]) or not rule.startswith("plot_")
    for form in {"png", "svg"} & set(job["output"]):
        assert job["output"][form] == f"figures/{figure}.{form}"


def test_each_page_shows_the_table_of_its_name(by_rule):
    (pages,) = by_rule["show_tables"]
    assert set(pages["input"]) == set(pages["output"])
    for name, table in pages["input"].items():
        folder = "inventory" if name == "findings" else "tables"
        assert table == f"{folder}/{name}.{'json' if name == 'provenance' else 'tsv'}"
        assert pages["output"][name] == f"tables/pages/{name}.html"


def test_figures_and_tables_are_told_the_studys_own_comparisons(by_rule):
    params = {rule: jobs[0]["params"] for rule, jobs in by_rule.items() if len(jobs) == 1}
    for rule in ("plot_dice", "plot_along_liver", "plot_volumes"):
        assert params[rule]["experiments"] == ["first", "first_epoch2", "kidney", "leaks", "few"]
        assert params[rule]["organs"] == {"kidney": "right_kidney"}
    assert params["plot_learning_curve"]["training_patients"] == {"first": 2.0, "few": 1.0}
    assert params["cross_sequence"]["train_on"] == {"first": [T1], "first_epoch2": [T1]}
    assert params["compare_experiments"]["pairs"] == [[name, "first"] for name in ("first_epoch2", "leaks", "few")]
    assert params["price_errors"]["prices"] == {}
    assert [contrast["experiment"] for contrast in params["judge_contrasts"]["contrasts"]] == ["few", "first_epoch2"]
    assert params["judge_contrasts"]["margin"] == params["plot_verdicts"]["margin"] == 0.03
    assert list(params["write_methods"]["study"]["experiments"]) == list(
        params["sign_tables"]["configuration"]["experiments"]
    )


def test_of_large_files_the_content_of_another_input_counts_and_not_the_age(jobs):
    ageless = {
        "unpack_patient": "made",
        "predict": "weights",
        "predict_logits": "weights",
        "take_snapshot": "snapshots",
    }
    for job in jobs:
        named = job["input"].get(ageless.get(job["rule"]), [])
        assert job["ageless"] == ([named] if isinstance(named, str) else named), job["rule"]


def test_networks_alone_ask_for_a_gpu(jobs):
    assert {job["rule"] for job in jobs if job["gpu"]} == {"train", "predict", "predict_logits"}
    assert {job["gpu"] for job in jobs} == {0, 1}


def test_each_job_has_a_log_of_its_own_below_the_name_of_its_rule(jobs):
    logs = [log for job in jobs for log in job["log"]]
    assert len(set(logs)) == len(logs)
    for job in jobs:
        if job["script"]:
            (log,) = job["log"]
            assert log.startswith((f"logs/{job['rule']}/", f"logs/{job['rule']}.log"))
            assert all(value in log for value in job["wildcards"].values())


def test_the_whole_study_is_everything_that_its_rules_make(by_rule, jobs):
    """No job is planned for nothing, and none of a training's or a table's files is left to chance."""
    ((everything,),) = (by_rule["all"],)
    wanted = set(everything["all_inputs"])
    for rule in ("train", "take_snapshot"):
        for job in by_rule[rule]:
            assert {job["output"][name] for name in ("card", "weights", "history")} <= wanted
    for rule in ("evaluate", "describe_model", "convert_images", "extract_masks", "draw_overlays", "split_patients"):
        outputs = [path for job in by_rule[rule] for path in job["output"].values()]
        made = {path for path in outputs if path.endswith((".tsv", ".json", ".md", ".png"))}
        needed = wanted | {path for job in jobs for path in job["all_inputs"]}
        assert made <= needed


def test_a_model_is_described_by_its_own_card_and_scores(by_rule):
    assert len(by_rule["describe_model"]) == sum(map(len, MODELS.values()))
    for job in by_rule["describe_model"]:
        name, run = job["wildcards"]["experiment"], job["wildcards"]["run"]
        assert job["input"] == {
            "card": f"models/{name}/{run}/card.json",
            "patients": [f"volumes/{name}/fold{fold}_seed{seed}.tsv" for fold, seed in MODELS[name]],
        }
        assert job["output"] == {"readme": f"models/{name}/{run}/README.md"}
        assert job["params"]["source"] == "phantom"
        assert job["params"]["settings"]["organ"] == ORGAN.get(name, "liver")
        assert job["params"]["settings"]["threshold"] == {"kidney": 0.25}.get(name, 0.5)


def wildcards_of(job):
    return job["rule"], tuple(sorted(job["wildcards"].items()))


def test_in_lots_each_job_reads_the_same_files_in_the_same_order_and_depends_on_the_lists_of_their_lots(
    jobs, model_jobs, submission_jobs, lot_jobs
):
    """But for the jobs of one patient each, which there are no more."""
    alone = {wildcards_of(job): job for job in [*submission_jobs, *model_jobs, *jobs] if job["script"]}
    of_one = {"unpack_patient", "inventory_patient", "pair_slices", "extract_masks", "convert_images"}
    in_lots = {wildcards_of(job): job for job in lot_jobs if job["script"] and job["rule"] not in IN_LOTS}
    left_out = {"export_onnx"}
    assert set(in_lots) == {key for key in alone if key[0] not in of_one | left_out}
    lot_of = {patient: lot for lot, patients in LOTS.items() for patient in patients}
    seen = set()
    for key, job in in_lots.items():
        short = job["params"].get("of_patients")
        files = files_in_full(short) if short else {}
        seen |= {key[0]} if files else set()
        read = {name: [path for path in paths] for name, paths in files.items()}
        assert {**job["input"], **read} == alone[key]["input"], key
        for name, paths in read.items():
            assert job["input"][name] == list(dict.fromkeys(list_of(path, lot_of) for path in paths)), (key, name)
    gathering = {"check_cohort", "quality_control", "augment", "train", "predict", "predict_logits", "evaluate"}
    shown = {"draw_triplets", "draw_overlays", "draw_contact_sheets", "count_slices", "make_pack", "make_submission"}
    assert seen == gathering | shown


def list_of(path, lot_of):
    folder, _, name = path.rpartition("/")
    patient, _, ending = name.partition(".")
    return f"lots/{'pairs' if ending == 'pairs.tsv' else folder}/{lot_of[patient]}.tsv"


def test_a_lot_makes_of_its_patients_what_their_own_jobs_would_make(by_rule):
    own = {"unpack_lot": "unpack_patient", "inventory_lot": "inventory_patient", "pair_lot": "pair_slices"}
    own |= {"extract_masks_of_lot": "extract_masks", "convert_images_of_lot": "convert_images"}
    for rule, of_one in own.items():
        made = {}
        for job in by_rule[rule]:
            for patient, settings in job["params"]["patients"].items():
                assert patient in LOTS[job["wildcards"]["lot"]]
                names = {**job["wildcards"], "patient": patient}
                places = {
                    kind: {name: path.format(**names) for name, path in files.items()}
                    for kind, files in (("input", job["params"]["reads"]), ("output", job["params"]["makes"]))
                }
                rest = {name: job["params"][name] for name in job["params"] if name not in LOT_PARAMETERS}
                key = tuple(sorted(places["output"].values()))
                made[key] = (places["input"], {**rest, **settings})
        alone = {tuple(sorted(job["output"].values())): job for job in by_rule[of_one]}
        assert made.keys() == alone.keys()
        for key, (read, settings) in made.items():
            inputs = {name: path for name, path in alone[key]["input"].items() if name not in ("receipt", "made")}
            params = {name: value for name, value in alone[key]["params"].items() if name != "code"}
            assert (read, settings) == (inputs, params)


LOT_PARAMETERS = ("patients", "reads", "makes", "code")


def test_the_jobs_of_a_lot_follow_one_another(by_rule):
    for rule, before in {
        "inventory_lot": ["lots/raw/{}.tsv"],
        "pair_lot": ["lots/inventory/{}.tsv"],
        "extract_masks_of_lot": ["lots/raw/{}.tsv", "lots/pairs/{}.tsv"],
        "convert_images_of_lot": ["lots/raw/{}.tsv", "lots/pairs/{}.tsv"],
    }.items():
        for job in by_rule[rule]:
            assert job["input"] == {"lists": [path.format(job["wildcards"]["lot"]) for path in before]}
    for job in by_rule["unpack_lot"]:
        cohort = job["wildcards"]["lot"].partition("_")[0]
        assert job["input"]["receipt"] == f"raw/{cohort}.sha256"


def test_quality_control_gathers_every_patient(by_rule):
    (job,) = by_rule["quality_control"]
    for name in ("slices", "findings"):
        assert job["input"][name] == [f"inventory/{patient}.{name}.tsv" for patient in (*range(1, 7), 10, 11)]


def test_slices_are_counted_in_all_files_that_a_study_makes_of_them(by_rule):
    (job,) = by_rule["count_slices"]
    patients = (*range(1, 7), 10, 11)
    assert job["input"]["listed"] == [f"raw/{patient}.listed.tsv" for patient in patients]
    assert job["input"]["slices"] == [f"inventory/{patient}.slices.tsv" for patient in patients]
    for name, rule in (("image_indexes", "convert_images"), ("mask_indexes", "extract_masks")):
        assert sorted(job["input"][name]) == sorted(made["output"]["index"] for made in by_rule[rule])
    assert job["input"]["slices_table"] == "tables/slices.tsv"


def test_outputs_lie_below_the_wildcards_that_made_them(jobs):
    """So that two jobs never write the same file, and no job writes below another's name."""
    outputs = [path for job in jobs for path in job["output"].values()]
    assert len(set(outputs)) == len(outputs)
    for job in jobs:
        for path in job["output"].values():
            assert all(value in path for value in job["wildcards"].values()), path


def test_each_split_is_written_as_its_trainings_use_it(by_rule):
    for split, held_out in (("two_fold", HELD_OUT), ("two_fold_1patients", HELD_OUT), ("leaking", HELD_OUT)):
        folds = of(by_rule["split_patients"], split=split)["params"]["folds"]
        assert [[patient for patient in roles if roles[patient] == "test"] for roles in folds] == held_out
    few = of(by_rule["split_patients"], split="two_fold_1patients")["params"]["folds"]
    assert [[patient for patient in roles if roles[patient] == "train"] for roles in few] == [["4"], ["5"]]


def test_rule_files_import_base_and_study_alone_and_hold_no_logic_of_the_study():
    files = [ROOT / "workflow/Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert set(re.findall(r"^(?:from|import) chaosliver\.(\w+)", text, re.MULTILINE)) <= {"base", "study"}
    assert not re.findall(r"^ +run:", text, re.MULTILINE)
    assert len((ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8").splitlines()) < 200


class Named(dict):
    """Values by name, as Snakemake hands them to a script."""

    __getattr__ = dict.__getitem__


def handed(job, folder):
    parts = {part: Named(job[part]) for part in PARTS}
    # Only the text of a path matters here, but for the log, which is written.
    return SimpleNamespace(
        **parts,
        log=[str(folder / "logs/job.log")],
        resources=SimpleNamespace(mem_mb=1000),
        config={"training": {"tensorboard": True}, "cache": None},
    )


@pytest.mark.parametrize("adapter", [name for name in ADAPTERS if name not in UNPLANNED and used_names(name)[0]])
def test_what_a_rule_says_becomes_the_types_that_its_function_takes(by_rule, adapter, tmp_path):
    """For every job of the rule: text to paths, mappings to the dataclasses of the settings."""
    name, _ = used_names(adapter)
    function = runpy.run_path(str(SCRIPTS / f"{adapter}.py"))[name]
    for job in by_rule[adapter]:
        arguments = arguments_of(handed(job, tmp_path), function)
        hints = {key: hint for key, hint in get_type_hints(function).items() if key in arguments}
        for key, hint in hints.items():
            if hint is Path or is_dataclass(hint) or hint in (str, int, bool):
                assert isinstance(arguments[key], hint), key
            if hint == list[Path]:
                assert all(isinstance(path, Path) for path in arguments[key]), key


def test_the_fingerprint_of_a_training_holds_its_settings_and_the_digest_of_what_computes(
    by_rule, tmp_path, monkeypatch
):
    called = {}
    monkeypatch.setattr(
        "chaosliver.network.job.run.run_training",
        lambda settings, data, checkpoints, outputs, **rest: called.update(
            settings=settings, data=data, checkpoints=checkpoints, outputs=outputs, **rest
        ),
    )
    job = of(by_rule["train"], experiment="kidney", fold=1, seed=2)
    runpy.run_path(str(SCRIPTS / "train.py"), init_globals={"snakemake": handed(job, tmp_path)})
    assert called["settings"] == {**job["params"]["settings"], "code": computing_digest("fast")}
    assert called["data"]._asdict() == {
        name: [Path(path) for path in job["input"][name]] for name in called["data"]._fields
    }
    assert called["outputs"]._asdict() == {name: Path(path) for name, path in job["output"].items()}
    assert called["checkpoints"] == Path(job["params"]["checkpoints"])
    assert (called["memory_mb"], called["events"]) == (1000, Path(job["params"]["events"]))
