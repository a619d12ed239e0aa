"""Validation, the study's experiments and runs, and what each rule needs. No rules."""

import re
import sys
import time
from itertools import groupby
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.study.experiments import (
    Run,
    archive_path,
    check_config,
    check_sequences,
    comparisons_of,
    folds_of,
    learning_curve_of,
    prices_of,
    read_sheet,
    resolve_experiments,
    selection_of,
    shown_of,
    source_of,
)
from chaosliver.study.provenance import digest_of
from chaosliver.study.splits import HELD_OUT

STARTED = time.time()
SCHEMA = yaml.safe_load((Path(workflow.basedir) / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
check_config(config, SCHEMA)

R = config["results"]
PATIENTS = read_sheet(Path(config["patients"]), config)
ARCHIVES = {cohort: archive_path(cohort, config) for cohort in config["archives"]}
EXPERIMENTS = resolve_experiments(config, SCHEMA)
FOLDS = {selection_of(experiment): folds_of(experiment, config, PATIENTS) for experiment in EXPERIMENTS.values()}
SPLIT_OF = {selection_of(experiment): experiment["split"] for experiment in EXPERIMENTS.values()}
for name, experiment in EXPERIMENTS.items():
    check_sequences(name, experiment, FOLDS[selection_of(experiment)], PATIENTS)
# An experiment that is a snapshot takes its networks from another's trainings.
SNAPSHOTS = [name for name, experiment in EXPERIMENTS.items() if experiment["snapshot"]]
TRAINED = [name for name in EXPERIMENTS if name not in SNAPSHOTS]
RUNS = [
    Run(name, str(fold), str(seed))
    for name, experiment in EXPERIMENTS.items()
    for fold in range(len(FOLDS[selection_of(experiment)]))
    for seed in experiment["seeds"]
]
RUNS_OF = {name: list(runs) for name, runs in groupby(RUNS, key=lambda run: run.experiment)}
# Figures show the first experiment of the study beside the others; another organ's figures are no comparison.
BASELINE = next(iter(EXPERIMENTS))
SHOWN = shown_of(EXPERIMENTS)
COMPARED = [name for name in SHOWN if EXPERIMENTS[name]["organ"] == EXPERIMENTS[BASELINE]["organ"]]
TRAININGS = [run for run in RUNS if run.experiment in TRAINED]
TEST_COHORT = "test_cohort"
# The test cohort is segmented by all networks of an experiment together.
PREDICTIONS = {
    name: [
        *(run.name for run in RUNS_OF[name]),
        *([TEST_COHORT] if any(patient.cohort == "test" for patient in PATIENTS.values()) else []),
    ]
    for name in EXPERIMENTS
}

CARDS = [f"{R}/models/{run.experiment}/{run.name}/card.json" for run in TRAININGS]
# Those of snapshots as well.
ALL_CARDS = [f"{R}/models/{run.experiment}/{run.name}/card.json" for run in RUNS]
TABLES = [
    f"{R}/tables/{name}.tsv"
    for name in (
        *("slices", "patients", "experiments", "comparisons", "prices"),
        *("publication", "cross_sequence", "trainings"),
    )
]
# What the figures in the tables are made by.
TABLE_RULES = (
    *("unpack_patient", "inventory_patient", "extract_masks", "convert_images", "augment", "train", "predict"),
    *("evaluate", "collect_tables", "compare_experiments", "write_publication_table", "cross_sequence"),
    *("list_trainings", "price_errors"),
)


wildcard_constraints:
    patient="[A-Za-z0-9_-]+",
    cohort="development|test",
    sequence="|".join(SEQUENCES),
    organ="|".join(ORGANS),
    fold=r"\d+",
    seed=r"\d+",
    run=rf"fold\d+_seed\d+|{TEST_COHORT}",


def entry_of(table, wildcard):
    """A parameter: the entry of a table that the job's wildcard names. `lookup` walks the whole table for each job."""
    return lambda wildcards: table[wildcards[wildcard]]


def experiment_setting(key):
    """A parameter: what the job's experiment says of a key."""
    return lambda wildcards: EXPERIMENTS[wildcards.experiment][key]


def cohorts_from(source):
    """A pattern of the cohorts whose archive comes from a `phantom`, a `path` or a `url`."""
    return "|".join(cohort for cohort in config["archives"] if source_of(cohort, config) == source) or "none"


def one_of(names):
    """A pattern that matches the names alone, or nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def patients_of(cohort):
    return [name for name, patient in PATIENTS.items() if patient.cohort == cohort]


def cohort_patients(wildcards):
    return patients_of(wildcards.cohort)


def cohort_inventories(wildcards):
    """The inventories of a cohort; the test cohort's masks are compared with the development cohort's too."""
    cohorts = ("development",) if wildcards.cohort == "development" else ("development", "test")
    return {
        "slices": [f"{R}/inventory/{patient}.slices.tsv" for cohort in cohorts for patient in patients_of(cohort)],
        "findings": [f"{R}/inventory/{patient}.findings.tsv" for patient in patients_of(wildcards.cohort)],
    }


def patient_sequences(wildcards):
    return list(PATIENTS[wildcards.patient].sequences)


def patient_has_ground_truth(wildcards):
    return has_ground_truth(wildcards.patient)


def predicted_cohort(wildcards):
    return "test" if wildcards.run == TEST_COHORT else "development"


def has_ground_truth(patient):
    return config["archives"][PATIENTS[patient].cohort]["ground_truth"]


def archive_of(wildcards):
    return ARCHIVES[cohort_of(wildcards)]


def cohort_of(wildcards):
    return wildcards.get("cohort") or PATIENTS[wildcards.patient].cohort


def archive_inputs(wildcards):
    """The archive's receipt, whose content counts, and the archive where a rule makes it, whose age does not."""
    cohort = cohort_of(wildcards)
    made = [] if source_of(cohort, config) == "path" else [ancient(ARCHIVES[cohort])]
    return {"receipt": f"{R}/raw/{cohort}.sha256", "archive": made}


def slice_indexes(tree, sequences, patients):
    """The indexes below a tree for the patients that have the sequences."""
    return [
        f"{R}/{tree}/{sequence}/{patient}.tsv"
        for sequence in sequences
        for patient in patients
        if sequence in PATIENTS[patient].sequences
    ]


def patients_in(experiment, fold, role):
    roles = FOLDS[selection_of(experiment)][int(fold)]
    return [patient for patient in roles if roles[patient] == role]


def validation_patients(experiment, fold):
    """Those who draw the validation curve: of the training side, or the held-out ones where the split says so."""
    watched = config["splits"][experiment["split"]]["validation"] == HELD_OUT
    return patients_in(experiment, fold, "test" if watched else "validation")


def leaks_of(split):
    """What a split lets through between patients: shares of slices, and the seed that draws them."""
    definition = config["splits"][split]
    return {key: definition.get(key, 0) for key in ("copies", "validation_slices")} | {"seed": definition["seed"]}


def augmented_set(experiment, fold):
    if experiment["augmentation"] == "none":
        return []
    sequences = "+".join(experiment["train_on"])
    tree = f"{experiment['augmentation']}/{experiment['encoding']}/{experiment['organ']}/{sequences}"
    return [f"{R}/augmented/{tree}/{selection_of(experiment)}_fold{fold}.tsv"]


def augmentation_inputs(wildcards):
    roles = FOLDS[wildcards.split][int(wildcards.fold)]
    train = [patient for patient in roles if roles[patient] == "train"]
    test = [patient for patient in roles if roles[patient] == "test"]
    copied = test if augmentation_leaks(wildcards)["copies"] else []
    sequences = wildcards.sequences.split("+")
    return {
        "images": slice_indexes(f"png/{wildcards.encoding}", sequences, train),
        "masks": slice_indexes(f"masks/{wildcards.organ}", sequences, train),
        "held_out_images": slice_indexes(f"png/{wildcards.encoding}", sequences, copied),
        "held_out_masks": slice_indexes(f"masks/{wildcards.organ}", sequences, copied),
    }


def augmentation_leaks(wildcards):
    """What the split lets through whose folds, perhaps of fewer patients, the wildcard names."""
    return leaks_of(SPLIT_OF[wildcards.split])


def training_inputs(wildcards):
    """The indexes by role: nothing of a held-out patient is among them, but for a split that repeats such an error."""
    experiment = EXPERIMENTS[wildcards.experiment]
    inputs = {"augmented": augmented_set(experiment, wildcards.fold)}
    roles = {
        "train": patients_in(experiment, wildcards.fold, "train"),
        "validation": validation_patients(experiment, wildcards.fold),
        "held_out": patients_in(experiment, wildcards.fold, "test") if leaks_of(experiment["split"])["copies"] else [],
    }
    for role, patients in roles.items():
        inputs[f"{role}_images"] = slice_indexes(f"png/{experiment['encoding']}", experiment["train_on"], patients)
        inputs[f"{role}_masks"] = [
            index
            for organ in (experiment["organ"], *experiment["other_organs"])
            for index in slice_indexes(f"masks/{organ}", experiment["train_on"], patients)
        ]
    return inputs


def snapshot_inputs(wildcards):
    """The training that a snapshot is of. Its card holds the checksums of the snapshots."""
    parent = EXPERIMENTS[wildcards.experiment]["snapshot"]["of"]
    model = f"{R}/models/{parent}/{Run(parent, wildcards.fold, wildcards.seed).name}"
    return {
        "card": f"{model}/card.json",
        "history": f"{model}/history.tsv",
        "snapshots": ancient(f"{model}/snapshots"),
    }


def snapshot_epoch(wildcards):
    return EXPERIMENTS[wildcards.experiment]["snapshot"]["epoch"]


def training_settings(wildcards):
    """What makes the weights, and nothing else: an experiment's name or threshold retrains nothing."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return {
        "network": experiment["network"],
        "recipe": experiment["recipe"],
        "keep_originals": experiment["keep_originals"],
        "leaks": leaks_of(experiment["split"]),
        "seed": int(wildcards.seed),
        "threads": config["training"]["threads"],
    }


def training_code(wildcards):
    return digest_of("train", f"network.architectures.{EXPERIMENTS[wildcards.experiment]['network']['name']}")


def prediction_code(wildcards):
    return digest_of("predict", f"network.architectures.{EXPERIMENTS[wildcards.experiment]['network']['name']}")


def prediction_logits_code(wildcards):
    return digest_of("predict_logits", f"network.architectures.{EXPERIMENTS[wildcards.experiment]['network']['name']}")


def scored_patients(name, run):
    """The patients that a run's network never saw, or the test cohort."""
    if run == TEST_COHORT:
        return patients_of("test")
    return patients_in(EXPERIMENTS[name], Run.parse(name, run).fold, "test")


def prediction_inputs(wildcards):
    runs = [run.name for run in RUNS_OF[wildcards.experiment] if wildcards.run in (run.name, TEST_COHORT)]
    models = [f"{R}/models/{wildcards.experiment}/{run}" for run in runs]
    return {
        "cards": [f"{model}/card.json" for model in models],
        # The card holds the weights' checksum; the age of a large file says nothing.
        "weights": [ancient(f"{model}/weights.safetensors") for model in models],
        "images": scored_indexes(wildcards)["image_indexes"],
        "checked": f"{R}/inventory/{predicted_cohort(wildcards)}.checked.tsv",
    }


def scored_indexes(wildcards):
    """Images of the patients that a run scores, and masks where there is ground truth."""
    return indexes_scored_by(wildcards.experiment, [wildcards.run])


def indexes_scored_by(name, runs):
    """The indexes that an experiment's runs score, each once: seeds of one fold score the same patients."""
    experiment = EXPERIMENTS[name]
    patients = list(dict.fromkeys(patient for run in runs for patient in scored_patients(name, run)))
    drawn = [patient for patient in patients if has_ground_truth(patient)]
    return {
        "image_indexes": slice_indexes(f"png/{experiment['encoding']}", experiment["score_on"], patients),
        "mask_indexes": slice_indexes(f"masks/{experiment['organ']}", experiment["score_on"], drawn),
    }


def evaluation_inputs(wildcards):
    pairs = [f"{R}/inventory/{patient}.pairs.tsv" for patient in scored_patients(wildcards.experiment, wildcards.run)]
    grey = EXPERIMENTS[wildcards.experiment]["scores"] == "logits"
    return {
        "mask_indexes": scored_indexes(wildcards)["mask_indexes"],
        "pairs": pairs,
        "logit_index": [f"{R}/logits/{wildcards.experiment}/{wildcards.run}.tsv"] if grey else [],
    }


def overlay_runs(wildcards):
    """The runs that can be compared with a ground truth."""
    cohorts = {run: "test" if run == TEST_COHORT else "development" for run in PREDICTIONS[wildcards.experiment]}
    return [run for run, cohort in cohorts.items() if config["archives"][cohort]["ground_truth"]]


def overlay_inputs(wildcards):
    runs = overlay_runs(wildcards)
    return {
        "slices": [f"{R}/dice/{wildcards.experiment}/{run}.tsv" for run in runs],
        "prediction_indexes": [f"{R}/predictions/{wildcards.experiment}/{run}.tsv" for run in runs],
        **indexes_scored_by(wildcards.experiment, runs),
    }


def masks_folder(wildcards):
    return f"{R}/masks/{EXPERIMENTS[wildcards.experiment]['organ']}"


def images_folder(wildcards):
    return f"{R}/png/{EXPERIMENTS[wildcards.experiment]['encoding']}"


def labels_of(wildcards):
    """What a run's rows say of themselves."""
    if wildcards.run == TEST_COHORT:
        return Run(wildcards.experiment, "all", "all")._asdict()
    return Run.parse(wildcards.experiment, wildcards.run)._asdict()


def training_patients():
    """Training patients (mean over folds) of the baseline and of the experiments that differ from it in that alone."""
    alike = learning_curve_of(EXPERIMENTS)
    folds = {name: range(len(FOLDS[selection_of(EXPERIMENTS[name])])) for name in alike}
    return {
        name: sum(len(patients_in(EXPERIMENTS[name], fold, "train")) for fold in folds[name]) / len(folds[name])
        for name in alike
    }


def cross_sequence_experiments():
    """What each experiment was trained on: the baseline, what learned other sequences, and what several score."""
    usual = EXPERIMENTS[BASELINE]["train_on"]
    return {
        name: EXPERIMENTS[name]["train_on"]
        for name in COMPARED
        if name == BASELINE or EXPERIMENTS[name]["train_on"] != usual or len(EXPERIMENTS[name]["score_on"]) > 1
    }


def other_organs():
    """The organ of each experiment that segments another than the baseline, for the figures to say so."""
    return {name: EXPERIMENTS[name]["organ"] for name in SHOWN if name not in COMPARED}


def training_data():
    """The indexes that any training of the study reads."""
    inputs = [training_inputs(run) for run in TRAININGS]
    return sorted({index for named in inputs for indexes in named.values() for index in indexes})


def described_study():
    """What the methods say of the study: patients, and the parts of the config that its experiments use."""
    used = {
        key: {experiment[key] for experiment in EXPERIMENTS.values()} for key in ("encoding", "split", "augmentation")
    }
    tables = {"encodings": "encoding", "splits": "split", "augmentations": "augmentation"}
    return {
        "patients": {name: [patient.cohort, list(patient.sequences)] for name, patient in PATIENTS.items()},
        "phantom": source_of("development", config) == "phantom",
        "grey_ranges": config["grey_ranges"],
        **{
            table: {name: config[table][name] for name in config[table] if name in used[key]}
            for table, key in tables.items()
        },
        "experiments": EXPERIMENTS,
    }


def table_code():
    """The digest of each rule's code that has a part in the tables, and of the networks that were trained."""
    networks = {experiment["network"]["name"] for experiment in EXPERIMENTS.values()}
    return {rule: digest_of(rule) for rule in TABLE_RULES} | {
        name: digest_of("train", f"network.architectures.{name}") for name in sorted(networks)
    }


def in_report(path, caption, category, subcategory=None, **labels):
    """An output below the results folder that the report shows, its caption from workflow/report/<caption>.rst."""
    caption = f"../report/{caption}.rst"
    return report(f"{R}/{path}", caption=caption, category=category, subcategory=subcategory, labels=labels)


def table_file(name, caption, label):
    """A table to download from the report."""
    return in_report(f"tables/{name}", caption, "5 Tables", "2 Files to download", table=label)


def table_page(name, caption, label):
    """A table to read and sort in the report."""
    return in_report(f"tables/pages/{name}.html", caption, "5 Tables", "1 Pages to read and sort", table=label)


def study_figure(name, label):
    """A figure of the whole study, in the report under its own name's caption."""
    return in_report(f"figures/{name}.png", name, "4 Figures", figure=label)


def show_summary():
    """Print the Dice table, if this call made it, and where the rest lies."""
    summary = Path(R) / "tables" / "summary.txt"
    if summary.is_file() and summary.stat().st_mtime >= STARTED:
        print(f"\n{summary.read_text(encoding='utf-8')}\nTables: {R}/tables   Figures: {R}/figures", file=sys.stderr)
