"""The study as it will run: its experiments, patients, folds and runs, and the parameters of its jobs.

Methods that tell a job's parameters take its wildcards, under their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..base.files import sha256_of
from ..base.packfiles import CHECKSUMS
from ..base.settings import from_mapping
from ..base.volumes import VolumeId
from .acceptance import accepted_findings
from .architectures import NETWORKS
from .archives import archive_path, source_of
from .comparisons import comparisons_of, learning_curve_of, prices_of, shown_of
from .contrasts import contrasts_of
from .experiments import Experiment, resolve_experiments
from .folds import check_sequences, folds_of, selection_of
from .for_use import FOLDS, Exams, exams_of, model_experiment, pack_folder, state_of
from .lots import Lists, lots_of
from .patients import Patient, patients_in, read_sheet
from .provenance import computing_digest, digest_of
from .runs import EVERYONE, TEST_COHORT, Run
from .splits import HELD_OUT, Split
from .submission import submission_of

# The tables that hold the study's numbers.
TABLES = (
    *("slices", "patients", "experiments", "comparisons", "prices", "publication", "cross_sequence", "trainings"),
    *("verdicts", "variances"),
)
# The rules that have a part in the numbers of the tables.
TABLE_RULES = (
    *("unpack_patient", "inventory_patient", "pair_slices", "extract_masks", "convert_images", "augment", "train"),
    *("take_snapshot", "predict", "predict_logits", "evaluate", "collect_tables", "compare_experiments"),
    *("write_publication_table", "cross_sequence", "list_trainings", "price_errors", "judge_contrasts"),
)


@dataclass(frozen=True)
class Plan:
    """A study: its configuration, and what it resolves to."""

    config: Mapping[str, Any]
    # By name, in the order of sheet and study.
    patients: Mapping[str, Patient]
    # By patient, the flags of quality control that the configuration accepts.
    accepted: Mapping[str, list[str]]
    experiments: Mapping[str, Experiment]
    # By the name of the selection (`folds.selection_of`): the split and the folds, each {patient: role}.
    splits: Mapping[str, Split]
    folds: Mapping[str, list[dict[str, str]]]

    @classmethod
    def of(cls, config: Mapping[str, Any], schema: Mapping[str, Any]) -> "Plan":
        """The plan of a configuration that was checked.

        Raises InputError that names what does not suit in the configuration or in the patient sheet.
        """
        patients = read_sheet(Path(config["patients"]), config["archives"])
        experiments = resolve_experiments(config, schema)
        splits, folds = {}, {}
        for name, experiment in experiments.items():
            selection = selection_of(experiment)
            if selection not in folds:
                splits[selection] = from_mapping(Split, config["splits"][experiment.split])
                folds[selection] = folds_of(experiment, splits[selection], patients)
            check_sequences(name, experiment, folds[selection], patients)
        return cls(config, patients, accepted_findings(config, patients), experiments, splits, folds)

    @property
    def results(self) -> str:
        """The folder of everything that is made."""
        folder: str = self.config["results"]
        return folder

    # Patients and their archives.

    @cached_property
    def archives(self) -> dict[str, str]:
        """Where each cohort's archive lies."""
        return {cohort: archive_path(cohort, self.config) for cohort in self.config["archives"]}

    def cohorts_from(self, source: str) -> list[str]:
        """The cohorts whose archive comes from a `phantom`, a `path`, `parts` of what is at a url, or a `url`."""
        return [cohort for cohort in self.archives if source_of(cohort, self.config) == source]

    @property
    def source(self) -> str:
        """What the networks are trained on, whose licence their cards name: a `phantom`, or the data of `chaos`."""
        return "phantom" if source_of("development", self.config) == "phantom" else "chaos"

    @property
    def cohorts(self) -> list[str]:
        """The cohorts that have patients."""
        return list(dict.fromkeys(patient.cohort for patient in self.patients.values()))

    def cohort_patients(self, cohort: str) -> list[str]:
        """A cohort's patients, in the sheet's order."""
        return patients_in(self.patients, cohort)

    def cohort_of(self, patient: str) -> str:
        """The cohort of a patient."""
        return self.patients[patient].cohort

    def archive_of(self, patient: str) -> str:
        """The archive that holds a patient."""
        return self.archives[self.cohort_of(patient)]

    def sequences_of(self, patient: str) -> list[str]:
        """The sequences of a patient that take part."""
        return list(self.patients[patient].sequences)

    def sequences_in(self, cohort: str) -> dict[str, list[str]]:
        """The sequences of each patient of a cohort that take part."""
        return {patient: self.sequences_of(patient) for patient in self.cohort_patients(cohort)}

    def has_ground_truth(self, patient: str) -> bool:
        """Whether the patient's archive holds a ground truth."""
        return self._cohort_has_ground_truth(self.cohort_of(patient))

    def accepted_of(self, patient: str) -> list[str]:
        """The flags that are accepted of a patient."""
        return self.accepted.get(patient, [])

    def accepted_in(self, cohort: str) -> dict[str, list[str]]:
        """The flags that are accepted in a cohort, by patient."""
        return {patient: flags for patient, flags in self.accepted.items() if self.cohort_of(patient) == cohort}

    def _cohort_has_ground_truth(self, cohort: str) -> bool:
        given: bool = self.config["archives"][cohort]["ground_truth"]
        return given

    # Patients in lots.

    @cached_property
    def lots(self) -> dict[str, list[str]]:
        """The patients of each lot, by its name; none where each patient is prepared alone."""
        return lots_of(self.patients, self.config["lot_size"])

    @cached_property
    def lists(self) -> Lists:
        """The lists of the lots, on which jobs depend in place of the files of each patient."""
        return Lists(self.results, self.lots)

    def cohort_of_lot(self, lot: str) -> str:
        """The cohort of a lot's patients."""
        return self.cohort_of(self.lots[lot][0])

    def archive_of_lot(self, lot: str) -> str:
        """The archive that holds a lot's patients."""
        return self.archives[self.cohort_of_lot(lot)]

    def lot_has_ground_truth(self, lot: str) -> bool:
        """Whether that archive holds a ground truth."""
        return self._cohort_has_ground_truth(self.cohort_of_lot(lot))

    def sequences_in_lot(self, lot: str) -> dict[str, dict[str, Any]]:
        """The sequences of each patient of a lot."""
        return {patient: {"sequences": self.sequences_of(patient)} for patient in self.lots[lot]}

    def accepted_in_lot(self, lot: str) -> dict[str, dict[str, Any]]:
        """The flags that are accepted of each patient of a lot."""
        return {patient: {"accepted": self.accepted_of(patient)} for patient in self.lots[lot]}

    def with_sequence_in_lot(self, lot: str, sequence: str) -> dict[str, dict[str, Any]]:
        """The patients of a lot that have a sequence."""
        return {patient: {} for patient in self.lots[lot] if sequence in self.patients[patient].sequences}

    # Experiments and their runs.

    @property
    def baseline(self) -> str:
        """The study's first experiment, with which the others are compared."""
        return next(iter(self.experiments))

    @cached_property
    def shown(self) -> list[str]:
        """The experiments that figures show."""
        return shown_of(self.experiments)

    @cached_property
    def snapshots(self) -> list[str]:
        """The experiments that take their networks from another's trainings."""
        return [name for name, experiment in self.experiments.items() if experiment.snapshot]

    @cached_property
    def trained(self) -> list[str]:
        """The experiments that train networks of their own."""
        return [name for name in self.experiments if name not in self.snapshots]

    @cached_property
    def runs(self) -> list[Run]:
        """Every network of the study."""
        return [run for name in self.experiments for run in self.runs_of(name)]

    @cached_property
    def trainings(self) -> list[Run]:
        """The runs that train."""
        return [run for name in self.trained for run in self.runs_of(name)]

    def runs_of(self, experiment: str) -> list[Run]:
        """An experiment's networks: one per fold of every draw, and seed."""
        settings = self.experiments[experiment]
        return [
            Run(experiment, str(fold), str(seed))
            for fold in range(len(self.folds[selection_of(settings)]))
            for seed in settings.seeds
        ]

    @cached_property
    def predictions(self) -> dict[str, list[str]]:
        """The names of each experiment's runs that segment patients, the test cohort's last, if there is one."""
        cohort = [TEST_COHORT] if self.cohort_patients("test") else []
        return {name: [*(run.name for run in self.runs_of(name)), *cohort] for name in self.experiments}

    @cached_property
    def comparisons(self) -> list[tuple[str, str]]:
        """The pairs of experiments that are compared."""
        return comparisons_of(self.experiments, self.config)

    @cached_property
    def prices(self) -> dict[str, Any]:
        """The experiments that tell the price of each published error: see `comparisons.prices_of`."""
        return prices_of(self.experiments, self.config)

    @cached_property
    def contrasts(self) -> list[dict[str, str]]:
        """The contrasts of the plan of analysis."""
        return contrasts_of(self.experiments, self.config)

    # The network for use.

    @property
    def model(self) -> str:
        """The experiment that the network for use is trained as. Raises InputError where it cannot be."""
        return model_experiment(self.experiments, self.config)

    @property
    def model_runs(self) -> list[Run]:
        """The networks that the network for use consists of: their mean probability is its answer."""
        name = self.model
        if self.config["model"]["networks"] == FOLDS:
            return self.runs_of(name)
        return [Run(name, EVERYONE, str(seed)) for seed in self.experiments[name].seeds]

    def pack_settings(self) -> dict[str, Any]:
        """What a pack says of the network for use besides its networks."""
        name = self.model
        return {
            "experiment": name,
            "networks": self.config["model"]["networks"],
            "sequences": list(self.experiments[name].train_on),
            **self.model_settings(name),
        }

    # Studies of one's own.

    @cached_property
    def exams(self) -> Exams:
        """The studies of one's own to segment. Raises InputError where none is named."""
        return exams_of(self.config)

    @property
    def pack(self) -> str:
        """The folder of the pack that segments them."""
        return pack_folder(self.config, self.results)

    @property
    def pack_state(self) -> str:
        """Another text where a pack from elsewhere is another; the study's own is an input, whose content counts."""
        sums = Path(self.pack, CHECKSUMS)
        return sha256_of(sums) if self.config["pack"] and sums.is_file() else ""

    @property
    def exam_state(self) -> str:
        """Another text where a file of theirs, or a pack from elsewhere, may be another."""
        return state_of(self.exams) + self.pack_state

    def code_for_packs(self, adapter: str) -> str:
        """The digest of an adapter's code and of every network's, since a pack may hold any."""
        return digest_of(adapter, *(f"network.architectures.{name}" for name in sorted(NETWORKS)))

    # The challenge's entry.

    @cached_property
    def submission(self) -> dict[str, str]:
        """The experiment whose masks go into each folder of the challenge's zip.

        Raises InputError where there is none, and where there is no test patient.
        """
        if not self.cohort_patients("test"):
            raise InputError(
                f"config key patients: {self.config['patients']} has no patient of the test cohort to segment. Add "
                "--configfile config/submission.yaml, or the patients as docs/submission.md says"
            )
        return submission_of(self.experiments, self.config)

    @property
    def submission_zip(self) -> str:
        """The zip to check. Raises InputError where none is named."""
        if self.config["submission_zip"] is None:
            raise InputError(
                "config key submission_zip: names no zip. Name the one to check: snakemake --cores 1 check_submission "
                "--config submission_zip=/path/to/entry.zip"
            )
        return str(Path(self.config["submission_zip"]).expanduser())

    # Roles of patients.

    def patients_in(self, experiment: str, fold: str, role: str) -> list[str]:
        """The patients that have a role in a fold of an experiment."""
        return self._with_role(selection_of(self.experiments[experiment]), fold, role)

    def validation_patients(self, experiment: str, fold: str) -> list[str]:
        """The patients that a training is validated on: of that role, or the held-out ones where the split says so."""
        role = "test" if self.split_of(experiment).validation == HELD_OUT else "validation"
        return self.patients_in(experiment, fold, role)

    def scored_patients(self, experiment: str, run: str) -> list[str]:
        """The patients that a run's network never saw, or the test cohort."""
        if run == TEST_COHORT:
            return self.cohort_patients("test")
        return self.patients_in(experiment, Run.parse(experiment, run).fold, "test")

    def split_of(self, experiment: str) -> Split:
        """The split of an experiment."""
        return self.splits[selection_of(self.experiments[experiment])]

    def folds_per_draw(self) -> dict[str, int]:
        """How many folds of each experiment, in turn, are of one draw, which holds out each patient once at most."""
        return {name: self.split_of(name).folds_per_draw for name in self.experiments}

    def roles_in(self, selection: str, fold: str) -> Mapping[str, str]:
        """The role of each patient in a fold of a selection; in that of everyone all development patients train."""
        if fold == EVERYONE:
            return dict.fromkeys(self.cohort_patients("development"), "train")
        return self.folds[selection][int(fold)]

    def _with_role(self, selection: str, fold: str, role: str) -> list[str]:
        return [patient for patient, held in self.roles_in(selection, fold).items() if held == role]

    # Parameters of jobs.

    def origin_of(self, run: Run) -> dict[str, Any]:
        """What a training's card must say of it; where everyone trains, the recipe may have other epochs."""
        settings = self.experiments[run.experiment]
        volumes = [
            str(VolumeId(sequence, patient))
            for patient in self.patients_in(run.experiment, run.fold, "train")
            for sequence in settings.train_on
            if sequence in self.patients[patient].sequences
        ]
        origin = {"seed": int(run.seed), "network": settings.network, "train_on": sorted(volumes)}
        return origin if run.fold == EVERYONE else origin | {"recipe": settings.recipe}

    def trained_as(self, experiment: str, run: str) -> list[dict[str, Any]]:
        """What the cards must say whose networks segment a run's patients."""
        return [self.origin_of(each) for each in self.runs_of(experiment) if run in (each.name, TEST_COHORT)]

    def origins(self) -> dict[str, dict[str, Any]]:
        """What the card of every network must say, by <experiment>/<run>."""
        return {f"{run.experiment}/{run.name}": self.origin_of(run) for run in self.runs}

    def training_settings(self, experiment: str, fold: str, seed: str) -> dict[str, Any]:
        """What decides the weights, and nothing else: another name or threshold of the experiment retrains nothing.

        Where everyone trains, nobody is left to choose the epoch, and there is nothing to leak.
        """
        settings = self.experiments[experiment]
        recipe = settings.recipe
        if fold == EVERYONE:
            recipe = {**recipe, "choose": "last", "patience": None, "snapshots": []}
        return {
            "network": settings.network,
            "recipe": recipe,
            "keep_originals": settings.keep_originals,
            "leaks": self.leaks_of(selection_of(settings), fold),
            "seed": int(seed),
            "threads": self.config["training"]["threads"],
        }

    def model_settings(self, experiment: str) -> dict[str, Any]:
        """What a model card says of its experiment beyond the training's own card."""
        settings = self.experiments[experiment].plain()
        named = ("organ", "other_organs", "threshold", "largest_component", "scores")
        return {key: settings[key] for key in named} | {"encoding": self.config["encodings"][settings["encoding"]]}

    def computing_code(self, experiment: str) -> str:
        """The digest of the code that decides a training's weights."""
        return computing_digest(self.experiments[experiment].network["name"])

    def code_with_network(self, adapter: str, experiment: str) -> str:
        """The digest of an adapter's code and of the experiment's network."""
        return digest_of(adapter, f"network.architectures.{self.experiments[experiment].network['name']}")

    def snapshot_epoch(self, experiment: str) -> int:
        """After which epoch an experiment that is a snapshot was taken."""
        snapshot = self.experiments[experiment].snapshot
        if snapshot is None:
            raise ValueError(f"{experiment} is no snapshot")
        return snapshot.epoch

    def leaks_of(self, split: str, fold: str) -> dict[str, float]:
        """What a fold of a selection lets through between patients: nothing where everyone trains."""
        leaks = self.splits[split].leaks
        return {**leaks, "copies": 0, "validation_slices": 0} if fold == EVERYONE else leaks

    def predicted_cohort(self, run: str) -> str:
        """The cohort whose patients a run segments."""
        return "test" if run == TEST_COHORT else "development"

    def overlay_runs(self, experiment: str) -> list[str]:
        """The runs that can be compared with a ground truth."""
        return [
            run for run in self.predictions[experiment] if self._cohort_has_ground_truth(self.predicted_cohort(run))
        ]

    # What figures and pages say of the whole study.

    @cached_property
    def compared(self) -> list[str]:
        """The experiments shown that segment the baseline's organ: another organ's figures are no comparison."""
        return [name for name in self.shown if self.experiments[name].organ == self.experiments[self.baseline].organ]

    @cached_property
    def viewed(self) -> list[dict[str, str]]:
        """The experiments of the viewer; none where a pack from elsewhere segments, which needs no study."""
        names = [] if self.config["pack"] else self.shown
        return [
            {"name": name, "organ": self.experiments[name].organ, "scores": self.experiments[name].scores}
            for name in names
        ]

    def other_organs(self) -> dict[str, str]:
        """The organ of each experiment that segments another than the baseline, for the figures to say so."""
        return {name: self.experiments[name].organ for name in self.shown if name not in self.compared}

    def training_patients(self) -> dict[str, float]:
        """Training patients, mean over folds, of the baseline and of what differs from it in their number alone."""
        counts = {}
        for name in learning_curve_of(self.experiments):
            folds = range(len(self.folds[selection_of(self.experiments[name])]))
            counts[name] = sum(len(self.patients_in(name, str(fold), "train")) for fold in folds) / len(folds)
        return counts

    def cross_sequence_experiments(self) -> dict[str, list[str]]:
        """What each was trained on: the baseline, what learned other sequences, and what several score."""
        usual = self.experiments[self.baseline].train_on
        return {
            name: list(self.experiments[name].train_on)
            for name in self.compared
            if name == self.baseline
            or self.experiments[name].train_on != usual
            or len(self.experiments[name].score_on) > 1
        }

    def described_study(self) -> dict[str, Any]:
        """What the methods say of the study: patients, and the parts of the config that its experiments use."""
        tables = {"encodings": "encoding", "splits": "split", "augmentations": "augmentation"}
        used = {
            table: {getattr(experiment, key) for experiment in self.experiments.values()}
            for table, key in tables.items()
        }
        return {
            "patients": {name: [patient.cohort, list(patient.sequences)] for name, patient in self.patients.items()},
            "phantom": self.source == "phantom",
            "grey_ranges": self.config["grey_ranges"],
            "analysis": self.config["analysis"],
            "surface_tolerance_mm": self.config["surface_tolerance_mm"],
            **{
                table: {name: value for name, value in self.config[table].items() if name in used[table]}
                for table in tables
            },
            "experiments": {name: experiment.plain() for name, experiment in self.experiments.items()},
        }

    def table_code(self) -> dict[str, str]:
        """The digest of each rule's code that has a part in the tables, and of the networks that were trained."""
        networks = {experiment.network["name"] for experiment in self.experiments.values()}
        return {rule: digest_of(rule) for rule in TABLE_RULES} | {
            name: digest_of("train", f"network.architectures.{name}") for name in sorted(networks)
        }
