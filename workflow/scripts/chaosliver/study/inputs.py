"""The files that the jobs of a rule read: one function per rule, of the plan and the job's wildcards by their names."""

from collections.abc import Iterable
from pathlib import Path

from .archives import source_of
from .experiments import NOT_AUGMENTED
from .folds import selection_of
from .plan import Plan
from .runs import EVERYONE, TEST_COHORT, Run

Named = dict[str, list[str] | str]


def unpack_patient(plan: Plan, patient: str) -> Named:
    """The archive's receipt, whose content counts, and the archive where it is the output of a rule."""
    cohort = plan.cohort_of(patient)
    made = [] if source_of(cohort, plan.config) in ("path", "parts") else [plan.archives[cohort]]
    return {"receipt": f"{plan.results}/raw/{cohort}.sha256", "made": made}


def unpack_lot(plan: Plan, lot: str) -> Named:
    """What `unpack_patient` of any of a lot's patients reads: they are of one cohort."""
    return unpack_patient(plan, plan.lots[lot][0])


def quality_control(plan: Plan) -> Named:
    """The inventories of all patients."""
    return {
        table: [f"{plan.results}/inventory/{patient}.{table}.tsv" for patient in plan.patients]
        for table in ("slices", "findings")
    }


def tables_of_patients(plan: Plan) -> list[str]:
    """The index and the list of what was unpacked, and the tables of the inventory."""
    inventory = [f"inventory/{{}}.{table}.tsv" for table in ("slices", "findings", "pairs")]
    kinds = ["raw/{}.tsv", "raw/{}.listed.tsv", *inventory]
    return [f"{plan.results}/{kind.format(patient)}" for kind in kinds for patient in plan.patients]


def check_cohort(plan: Plan, cohort: str) -> Named:
    """The inventories of a cohort; the test cohort's masks are compared with the development cohort's too."""
    cohorts = ("development",) if cohort == "development" else ("development", "test")
    compared = [patient for each in cohorts for patient in plan.cohort_patients(each)]
    return {
        "slices": [f"{plan.results}/inventory/{patient}.slices.tsv" for patient in compared],
        "findings": [f"{plan.results}/inventory/{patient}.findings.tsv" for patient in plan.cohort_patients(cohort)],
    }


def augment(plan: Plan, encoding: str, organ: str, sequences: str, split: str, fold: str) -> dict[str, list[str]]:
    """A fold's training slices, and the held-out ones where the split copies some of them."""
    roles = plan.roles_in(split, fold)
    train = [patient for patient in roles if roles[patient] == "train"]
    held_out = [patient for patient in roles if roles[patient] == "test"]
    copied = held_out if plan.splits[split].copies else []
    named = sequences.split("+")
    return {
        "images": _images(plan, encoding, named, train),
        "masks": _masks(plan, organ, named, train),
        "held_out_images": _images(plan, encoding, named, copied),
        "held_out_masks": _masks(plan, organ, named, copied),
    }


def train(plan: Plan, experiment: str, fold: str) -> dict[str, list[str]]:
    """The indexes by role: nothing of a held-out patient is among them, but for a split that repeats such an error.

    Where every patient trains, and the experiment's epochs are chosen by validation, the cards of its cross-validation
    tell how many there should be.
    """
    settings = plan.experiments[experiment]
    roles = {
        "train": plan.patients_in(experiment, fold, "train"),
        "validation": plan.validation_patients(experiment, fold),
        "held_out": plan.patients_in(experiment, fold, "test") if plan.split_of(experiment).copies else [],
    }
    inputs = {"augmented": _augmented(plan, experiment, fold), "cross_validated": []}
    if fold == EVERYONE and settings.recipe["choose"] == "best":
        inputs["cross_validated"] = cards_of(plan, plan.runs_of(experiment))
    for role, patients in roles.items():
        inputs[f"{role}_images"] = _images(plan, settings.encoding, settings.train_on, patients)
        inputs[f"{role}_masks"] = [
            index
            for organ in (settings.organ, *settings.other_organs)
            for index in _masks(plan, organ, settings.train_on, patients)
        ]
    return inputs


def take_snapshot(plan: Plan, experiment: str, fold: str, seed: str) -> Named:
    """The training that a snapshot is of. Its card holds the checksums of the snapshots."""
    snapshot = plan.experiments[experiment].snapshot
    if snapshot is None:
        raise ValueError(f"{experiment} is no snapshot")
    model = _model(plan, Run(snapshot.of, fold, seed))
    return {"card": f"{model}/card.json", "history": f"{model}/history.tsv", "snapshots": f"{model}/snapshots"}


def predict(plan: Plan, experiment: str, run: str) -> Named:
    """A run's network, or all of an experiment for the test cohort, and the images of the patients to segment."""
    models = [_model(plan, network) for network in plan.runs_of(experiment) if run in (network.name, TEST_COHORT)]
    return {
        # The card holds the weights' checksum.
        "cards": [f"{model}/card.json" for model in models],
        "weights": [f"{model}/weights.safetensors" for model in models],
        "images": draw_triplets(plan, experiment, run)["image_indexes"],
        "checked": f"{plan.results}/inventory/{plan.predicted_cohort(run)}.checked.tsv",
    }


def evaluate(plan: Plan, experiment: str, run: str) -> dict[str, list[str]]:
    """The masks and the table of slices of the patients that a run scores, and the logits where they are scored."""
    grey = plan.experiments[experiment].scores == "logits"
    return {
        "mask_indexes": draw_triplets(plan, experiment, run)["mask_indexes"],
        "pairs": [f"{plan.results}/inventory/{name}.pairs.tsv" for name in plan.scored_patients(experiment, run)],
        "logit_index": [f"{plan.results}/logits/{experiment}/{run}.tsv"] if grey else [],
    }


def make_pack(plan: Plan) -> Named:
    """The networks for use, what cross-validation made of the same recipe, and the slices that they learned from."""
    name, development = plan.model, plan.cohort_patients("development")
    return {
        "cards": cards_of(plan, plan.model_runs),
        "weights": [f"{_model(plan, run)}/weights.safetensors" for run in plan.model_runs],
        "scores": [f"{plan.results}/volumes/{name}/{run.name}.tsv" for run in plan.runs_of(name)],
        "pairs": [f"{plan.results}/inventory/{patient}.pairs.tsv" for patient in development],
        "raw_indexes": [f"{plan.results}/raw/{patient}.tsv" for patient in development],
    }


def check_submission(plan: Plan) -> dict[str, list[str]]:
    """The admitted slices of the test cohort."""
    return {"pairs": [f"{plan.results}/inventory/{name}.pairs.tsv" for name in plan.cohort_patients("test")]}


def make_submission(plan: Plan) -> dict[str, list[str]]:
    """The masks of each of the zip's folders, and what there was to segment of every patient of the test cohort."""
    runs, patients = plan.submission.values(), plan.cohort_patients("test")
    return check_submission(plan) | {
        "predictions": [f"{plan.results}/predictions/{name}/{TEST_COHORT}.tsv" for name in runs],
        "findings": [f"{plan.results}/inventory/{name}.findings.tsv" for name in patients],
        "raw_indexes": [f"{plan.results}/raw/{name}.tsv" for name in patients],
    }


def draw_triplets(plan: Plan, experiment: str, run: str) -> dict[str, list[str]]:
    """Images of the patients that a run scores, and masks where there is ground truth."""
    return _scored(plan, experiment, [run])


def draw_overlays(plan: Plan, experiment: str) -> dict[str, list[str]]:
    """Scores, predictions, images and masks of every run that can be compared with a ground truth."""
    runs = plan.overlay_runs(experiment)
    return {
        "slices": [f"{plan.results}/dice/{experiment}/{run}.tsv" for run in runs],
        "prediction_indexes": [f"{plan.results}/predictions/{experiment}/{run}.tsv" for run in runs],
        **_scored(plan, experiment, runs),
    }


def viewer(plan: Plan) -> dict[str, list[str]]:
    """All that the page shows: predictions of the viewed experiments, their patients, and studies of one's own."""
    runs = [(each["name"], run) for each in plan.viewed for run in plan.predictions[each["name"]]]
    patients = list(dict.fromkeys(patient for name, run in runs for patient in plan.scored_patients(name, run)))
    scored = [_scored(plan, each["name"], plan.predictions[each["name"]])["mask_indexes"] for each in plan.viewed]
    return {
        "patients_table": [f"{plan.results}/tables/patients.tsv"] if runs else [],
        "prediction_indexes": [f"{plan.results}/predictions/{name}/{run}.tsv" for name, run in runs],
        "mask_indexes": list(dict.fromkeys(index for indexes in scored for index in indexes)),
        "pairs": [f"{plan.results}/inventory/{patient}.pairs.tsv" for patient in patients],
        "raw_indexes": [f"{plan.results}/raw/{patient}.tsv" for patient in patients],
        # Which there are is not planned: those that were segmented.
        "reports": [str(path) for path in sorted(Path(plan.results, "segmented").glob("*/report.json"))],
    }


def describe_model(plan: Plan, experiment: str, run: str) -> Named:
    """A training's card, and the scores of all networks of its experiment on the patients that each holds out."""
    return {
        "card": f"{_model(plan, Run.parse(experiment, run))}/card.json",
        "patients": [f"{plan.results}/volumes/{experiment}/{network.name}.tsv" for network in plan.runs_of(experiment)],
    }


def cards_of(plan: Plan, runs: Iterable[Run]) -> list[str]:
    """The cards of networks."""
    return [f"{_model(plan, run)}/card.json" for run in runs]


def training_data(plan: Plan) -> list[str]:
    """The indexes that any training of the study reads."""
    inputs = [train(plan, run.experiment, run.fold) for run in plan.trainings]
    return sorted({index for named in inputs for indexes in named.values() for index in indexes})


def count_slices(plan: Plan) -> dict[str, list[str]]:
    """What the archive lists of each patient, what was read, and all images and masks that were made of it."""
    used = [inputs for name, runs in plan.predictions.items() for inputs in _scored(plan, name, runs).values()]
    made = sorted({*training_data(plan), *(index for indexes in used for index in indexes)})
    return {
        "listed": [f"{plan.results}/raw/{patient}.listed.tsv" for patient in plan.patients],
        "slices": [f"{plan.results}/inventory/{patient}.slices.tsv" for patient in plan.patients],
        "image_indexes": [index for index in made if index.startswith(f"{plan.results}/png/")],
        "mask_indexes": [index for index in made if index.startswith(f"{plan.results}/masks/")],
    }


def images_folder(plan: Plan, experiment: str) -> str:
    """The folder of an experiment's images."""
    return f"{plan.results}/png/{plan.experiments[experiment].encoding}"


def masks_folder(plan: Plan, experiment: str) -> str:
    """The folder of the masks of an experiment's organ."""
    return f"{plan.results}/masks/{plan.experiments[experiment].organ}"


def _scored(plan: Plan, experiment: str, runs: Iterable[str]) -> dict[str, list[str]]:
    """The indexes that an experiment's runs score, each once: seeds and draws score the same patients."""
    settings = plan.experiments[experiment]
    patients = list(dict.fromkeys(name for run in runs for name in plan.scored_patients(experiment, run)))
    outlined = [patient for patient in patients if plan.has_ground_truth(patient)]
    return {
        "image_indexes": _images(plan, settings.encoding, settings.score_on, patients),
        "mask_indexes": _masks(plan, settings.organ, settings.score_on, outlined),
    }


def _model(plan: Plan, run: Run) -> str:
    return f"{plan.results}/models/{run.experiment}/{run.name}"


def _images(plan: Plan, encoding: str, sequences: Iterable[str], patients: Iterable[str]) -> list[str]:
    return _indexes(plan, f"png/{encoding}", sequences, patients)


def _masks(plan: Plan, organ: str, sequences: Iterable[str], patients: Iterable[str]) -> list[str]:
    return _indexes(plan, f"masks/{organ}", sequences, patients)


def _indexes(plan: Plan, tree: str, sequences: Iterable[str], patients: Iterable[str]) -> list[str]:
    """The indexes below a tree for the patients that have the sequences, sequence by sequence."""
    return [
        f"{plan.results}/{tree}/{sequence}/{patient}.tsv"
        for sequence in sequences
        for patient in patients
        if sequence in plan.patients[patient].sequences
    ]


def _augmented(plan: Plan, experiment: str, fold: str) -> list[str]:
    """The index of the augmented samples that an experiment trains on, if any."""
    settings = plan.experiments[experiment]
    if settings.augmentation == NOT_AUGMENTED:
        return []
    sequences = "+".join(settings.train_on)
    tree = f"{plan.results}/augmented/{settings.augmentation}/{settings.encoding}/{settings.organ}/{sequences}"
    return [f"{tree}/{selection_of(settings)}_fold{fold}.tsv"]
