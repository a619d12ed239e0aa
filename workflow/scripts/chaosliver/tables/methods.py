"""The methods of a study as a page for a paper, from the configuration that was run and the tables that it gave."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..base.cards import read_card
from ..base.columns import VERDICT_COLUMNS
from ..base.files import read_tsv
from ..base.wording import counted, enumerated
from ..measure.patient_statistics import FEWEST_PATIENTS, RESAMPLES, SEED
from ..measure.verdicts import NOT_RUN, POWER
from ..study.splits import HELD_OUT
from .data_in_words import cohorts_in_words, encoding_in_words, split_in_words
from .deviations import ALWAYS, deviations_of
from .pages import plain_table, section, write_page
from .references import CODE_LICENCE, LICENCE, METRICS, NO_PLAN, PHANTOM, PLANNED, REFERENCES
from .trainings_in_words import describe_trainings


def write_methods(*, study: Mapping[str, Any], cards: list[Path], verdicts_table: Path, page: Path) -> None:
    """Write the page: data, split, each experiment's training, measures, plan, versions, references and licence.

    `study` holds `patients` {name: [cohort, sequences]}, `phantom`, `surface_tolerance_mm`, `analysis`, `encodings`,
    `splits`, `augmentations` and `experiments` as resolved; `cards` describe its trainings.
    """
    trainings = read_cards(cards)
    verdicts = read_tsv(verdicts_table, VERDICT_COLUMNS)
    write_page(
        page,
        "Methods",
        [
            section("Data", _data(study)),
            section("Split", " ".join(split_in_words(name, split) for name, split in study["splits"].items())),
            "<h2>Training</h2>",
            *(f"<p><b>{escape(name)}.</b> {escape(text)}</p>" for name, text in describe_trainings(study).items()),
            section("Epochs", epoch_rule(study, trainings)),
            section("Measures and statistics", metrics_in_words(study)),
            section("Plan of analysis", plan_in_words(study, verdicts)),
            *_deviations(study),
            section("Software", software_in_words(trainings)),
            "<h2>References</h2>",
            "<ol>" + "".join(f"<li>{escape(reference)}</li>" for reference in REFERENCES) + "</ol>",
            section("Licence", f"{PHANTOM if study['phantom'] else LICENCE} {CODE_LICENCE}"),
        ],
    )


def read_cards(cards: Sequence[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Each training's experiment, after the folder that its card is in, and its card."""
    return [(card.parent.parent.name, read_card(card)) for card in cards]


def epoch_rule(study: Mapping[str, Any], trainings: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """How the number of epochs was set, and which epoch's weights the trainings with a choice took."""
    rule = ["The number of epochs is a setting of each experiment, fixed before its training."]
    if study["analysis"]["contrasts"]:
        rule.append("What the plan asks of the curves: docs/analysis_plan.md; the curves themselves: Training curves.")
    trained = {name: each for name, each in study["experiments"].items() if not each["snapshot"]}
    choices = [
        f"Validation chose {_chosen(name, trainings)} of {each['recipe']['epochs']} in {name}{_by(study, each)}."
        for name, each in trained.items()
        if each["recipe"]["choose"] == "best"
    ]
    watched = [name for name, each in trained.items() if each["recipe"]["choose"] == "last" and _by(study, each)]
    if watched:
        choices.append(f"The held-out patients were watched, and chose nothing, in {enumerated(watched)}.")
    return " ".join([*rule, *(choices or ["No training chose among its epochs by validation."])])


def _chosen(name: str, trainings: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    chosen = [card["chosen_epoch"] for experiment, card in trainings if experiment == name]
    low, high = min(chosen), max(chosen)
    return f"epoch {low}" if low == high else f"epochs {low} to {high}"


def _by(study: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    held_out = study["splits"][experiment["split"]]["validation"] == HELD_OUT
    return ", on the very patients that are held out" if held_out else ""


def metrics_in_words(study: Mapping[str, Any]) -> str:
    """The measures and the statistics, with the values that they were computed with."""
    return METRICS.format(
        tolerance_mm=study["surface_tolerance_mm"], resamples=f"{RESAMPLES:,}", seed=SEED, fewest=FEWEST_PATIENTS
    )


def plan_in_words(study: Mapping[str, Any], verdicts: Sequence[Mapping[str, str]]) -> str:
    """The plan's contrasts, margin and detectable differences, or that there is no plan."""
    if not verdicts:
        return NO_PLAN
    run = sum(row["verdict"] != NOT_RUN for row in verdicts)
    return PLANNED.format(
        contrasts=counted(len(verdicts), "contrast"),
        run=f"{run} of them run" if run < len(verdicts) else "all run",
        margin=study["analysis"]["margin"],
        detectable=_detectable(verdicts),
    )


def _detectable(verdicts: Sequence[Mapping[str, str]]) -> str:
    if not (span := detectable_span(verdicts)):
        return "No contrast was tested, so that no detectable difference is known."
    return (
        f"With the spread of the patients' differences that was found, the test finds a true difference of {span} with "
        f"a probability of {100 * POWER:.0f} %; no sample size was calculated beforehand."
    )


def detectable_span(verdicts: Sequence[Mapping[str, str]]) -> str:
    """The smallest and the largest detectable difference of the contrasts; empty where none was tested."""
    found = [float(row["detectable_difference"]) for row in verdicts if row["detectable_difference"]]
    bounds = [f"{bound:.3f}" for bound in (min(found), max(found))] if found else []
    return " to ".join(dict.fromkeys(bounds))


def software_in_words(trainings: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Snakemake, and the versions of the packages that the trainings used."""
    return f"Every step ran in Snakemake (reference 5); trainings with {versions_in_words(trainings)}."


def versions_in_words(trainings: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Each package with all its versions that trained."""
    seen: dict[str, set[str]] = {}
    for _, card in trainings:
        for package, version in card["versions"].items():
            seen.setdefault(package, set()).add(version)
    return ", ".join(f"{package} {' and '.join(sorted(found))}" for package, found in sorted(seen.items()))


def _data(study: Mapping[str, Any]) -> str:
    source = "a phantom" if study["phantom"] else "the CHAOS challenge's MRI (references 1 and 2)"
    encodings = " ".join(f"{name}: {encoding_in_words(encoding)}." for name, encoding in study["encodings"].items())
    return (
        f"Slices of {source}: {' and '.join(cohorts_in_words(study))}. Images and ground truth were paired by name and "
        f"place along z; masks are grey ranges of the ground truth. Encodings: {encodings}"
    )


def _deviations(study: Mapping[str, Any]) -> list[str]:
    heads = ["Setting", "Original study", "Here", "Experiments"]
    return [
        "<h2>Deviations from the original study</h2>",
        plain_table(heads, deviations_of(study)),
        f"<p>{escape(ALWAYS)}</p>",
    ]
