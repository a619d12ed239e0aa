"""What a study's configuration and tables say of it, by name: words to fill texts with, and what holds of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..base.wording import counted, enumerated
from ..measure.patient_statistics import FEWEST_PATIENTS, RESAMPLES, SEED
from ..study.splits import HELD_OUT
from .data_in_words import cohorts_in_words, encoding_in_words, held_out_in_words, split_in_words
from .methods import detectable_span, epoch_rule, versions_in_words
from .printed import cell, share_of_empty_slices, title_of
from .trainings_in_words import NORMALISATIONS, network_in_words, titles_of

UNSEEN = "Some networks were scored on sequences, too, that they were not trained on."
NONE_UNSEEN = "No network was scored on a sequence that it was not trained on."

Row = Mapping[str, str]
# An experiment's name and the card of one of its trainings.
Training = tuple[str, Mapping[str, Any]]


class Tables(NamedTuple):
    """The rows of a study's tables, and its trainings."""

    experiments: Sequence[Row]
    verdicts: Sequence[Row]
    volumes: Sequence[Row]
    findings: Sequence[Row]
    trainings: Sequence[Training]
    # Of the networks of each experiment that trained some.
    parameters: Mapping[str, int]


def words_of(study: Mapping[str, Any], tables: Tables) -> dict[str, str]:
    """The words that texts about the study name between braces. `study` is that of `write_methods`."""
    return {
        **_words_of_patients(study, tables),
        **_words_of_experiments(study, tables),
        **_words_of_trainings(study, tables.trainings),
        **_words_of_results(tables),
        "tolerance": f"{study['surface_tolerance_mm']:g}",
        "margin": f"{study['analysis']['margin']:g}",
        "resamples": f"{RESAMPLES:,}",
        "bootstrap_seed": str(SEED),
        "fewest": str(FEWEST_PATIENTS),
    }


def holding(study: Mapping[str, Any], tables: Tables) -> set[str]:
    """Which of the conditions hold that texts about the study may name."""
    experiments, test = study["experiments"].values(), _of_cohort(tables.experiments, "test")
    conditions = {
        "phantom": study["phantom"],
        "planned": tables.verdicts,
        "tested": any(row["detectable_difference"] for row in tables.verdicts),
        "repeated": max(_seed_counts(study) | _draw_counts(study)) > 1,
        "leaking": _leaking(study),
        "unseen": _unseen(study),
        "test_cohort": any(cohort == "test" for cohort, _ in study["patients"].values()),
        "test_scored": any(row["dice_3d_mean"] for row in test),
        "intervals": any(row["dice_3d_ci_low"] for row in _first_rows(tables)),
        "several_organs": len({experiment["organ"] for experiment in experiments}) > 1,
        "dice_loss": any(experiment["recipe"]["loss"] == "bce_dice" for experiment in experiments),
        # The versions of torch that can do nothing else.
        "cpu": all(card["versions"]["torch"].endswith("+cpu") for _, card in tables.trainings),
    }
    return {name for name, holds in conditions.items() if holds}


def _words_of_patients(study: Mapping[str, Any], tables: Tables) -> dict[str, str]:
    cohorts = [cohort for cohort, _ in study["patients"].values()]
    severities = Counter(row["severity"] for row in tables.findings)
    volumes = tables.volumes
    return {
        "cohorts": " and ".join(cohorts_in_words(study)),
        **{cohort: counted(cohorts.count(cohort), "patient") for cohort in ("development", "test")},
        "slices": counted(sum(int(row["slices"]) for row in volumes), "slice"),
        "matrices": enumerated(_distinct(f"{row['rows']} x {row['columns']}" for row in volumes)),
        "spacings": _span(row[key] for row in volumes for key in ("row_spacing_mm", "column_spacing_mm")),
        "distances": _span(row["slice_distance_mm"] for row in volumes),
        **{f"{severity}s": counted(severities[severity], severity) for severity in ("error", "warning")},
        "accepted": counted(severities["accepted"], "finding"),
    }


def _words_of_experiments(study: Mapping[str, Any], tables: Tables) -> dict[str, str]:
    experiments = study["experiments"].values()
    organs = _distinct(experiment["organ"].replace("_", " ") for experiment in experiments)
    scored = _distinct(sequence for experiment in experiments for sequence in experiment["score_on"])
    return {
        "baseline": next(iter(study["experiments"])),
        "experiments": counted(len(experiments), "experiment"),
        "organs": f"the {enumerated(organs)}",
        "scored": titles_of(scored),
        "networks": "; ".join(_distinct(network_in_words(experiment["network"]) for experiment in experiments)),
        "sized_networks": "; ".join(_sized_networks(study, tables.parameters)),
        "normalisations": "; ".join(
            _distinct(NORMALISATIONS[experiment["recipe"]["normalisation"]] for experiment in experiments)
        ),
        "thresholds": enumerated(_distinct(f"{experiment['threshold']:g}" for experiment in experiments)),
        "encodings": " ".join(f"{name}: {encoding_in_words(each)}." for name, each in study["encodings"].items()),
        "splits": " ".join(split_in_words(name, split) for name, split in study["splits"].items()),
        "held_out": "; ".join(_distinct(held_out_in_words(split) for split in study["splits"].values())),
        "leaks": ", ".join(_leaking(study)),
        "graded": _graded(study),
        "unseen": UNSEEN if _unseen(study) else NONE_UNSEEN,
        "epochs": epoch_rule(study, tables.trainings),
    }


def _words_of_trainings(study: Mapping[str, Any], trainings: Sequence[Training]) -> dict[str, str]:
    seeds = sorted({seed for experiment in study["experiments"].values() for seed in experiment["seeds"]})
    threads = sorted({card["threads"] for _, card in trainings})
    return {
        "trainings": counted(len(trainings), "training"),
        "seeds": f"{'seed' if len(seeds) == 1 else 'seeds'} {enumerated(seeds)}",
        "seed_counts": _span(_seed_counts(study)),
        "draw_counts": _span(_draw_counts(study)),
        "threads": f"{enumerated(threads)} {'thread' if threads == [1] else 'threads'}",
        "versions": versions_in_words(trainings),
    }


def _words_of_results(tables: Tables) -> dict[str, str]:
    first = _first_rows(tables)
    empty = sum(int(row["empty_predictions"]) for row in tables.experiments)
    without = sum(int(row["volumes_without_distance"]) for row in tables.experiments)
    results = "; ".join(f"{title_of(row['sequence'])} {' '.join(cell(row, 'dice_3d')[:2])}" for row in first)
    verdicts = Counter(row["verdict"] for row in tables.verdicts)
    return {
        "results": f"3D Dice of {first[0]['experiment']}, mean ± SD over patients: {results}" if first else "",
        "empty_slices": enumerated(_distinct(share_of_empty_slices(row) for row in first)) if first else "",
        "empty": counted(empty, "empty prediction"),
        "without": f"{counted(without, 'volume')} without a distance",
        "contrasts": counted(len(tables.verdicts), "contrast"),
        "questions": "; ".join(row["question"] for row in tables.verdicts),
        "verdicts": ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()),
        "detectable": detectable_span(tables.verdicts),
    }


def _first_rows(tables: Tables) -> list[Row]:
    """The rows of the development cohort of the first experiment."""
    rows = _of_cohort(tables.experiments, "development")
    return [row for row in rows if row["experiment"] == rows[0]["experiment"]]


def _of_cohort(rows: Iterable[Row], cohort: str) -> list[Row]:
    return [row for row in rows if row["cohort"] == cohort]


def _leaking(study: Mapping[str, Any]) -> list[str]:
    """The experiments in which slices of held-out patients are trained on, or those or training slices choose."""
    return [name for name in study["experiments"] if _leaks(study, name)]


def _leaks(study: Mapping[str, Any], name: str) -> bool:
    experiment = study["experiments"][name]
    split = study["splits"][experiment["split"]]
    validated = split["validation"] == HELD_OUT or bool(split.get("validation_slices"))
    leaks = bool(split.get("copies")) or (validated and experiment["recipe"]["choose"] == "best")
    return leaks and not experiment["snapshot"]


def _sized_networks(study: Mapping[str, Any], parameters: Mapping[str, int]) -> list[str]:
    return _distinct(
        f"{network_in_words(experiment['network'])}: {parameters[name]:,} parameters"
        for name, experiment in study["experiments"].items()
        if name in parameters
    )


def _graded(study: Mapping[str, Any]) -> str:
    """Which experiments' slices are scored by grey logits, in a sentence; empty where none are."""
    experiments = study["experiments"].items()
    graded = [name for name, each in experiments if each["scores"] == "logits" and not each["snapshot"]]
    return f"The Dice of slices is of grey logits, as in the original study, in {enumerated(graded)}." if graded else ""


def _unseen(study: Mapping[str, Any]) -> bool:
    return any(set(each["score_on"]) - set(each["train_on"]) for each in study["experiments"].values())


def _seed_counts(study: Mapping[str, Any]) -> set[int]:
    return {len(experiment["seeds"]) for experiment in study["experiments"].values()}


def _draw_counts(study: Mapping[str, Any]) -> set[int]:
    return {split.get("draws", 1) for split in study["splits"].values()}


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _span(values: Iterable[Any]) -> str:
    """The smallest and the largest of numbers, or the one that they are; what is empty is left out."""
    numbers = [float(value) for value in values if value != ""]
    if not numbers:
        return "unknown"
    low, high = (f"{bound:.3g}" for bound in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"
