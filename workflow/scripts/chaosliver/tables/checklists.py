"""Checklists for the reporting of a study, filled from its configuration and its tables.

The items are in the folder `checklist_items`: their numbers are those of the papers, their topics are in our words.
An item may have several rows; the first whose condition holds of the study answers it, and an empty condition always
does. An answer names the study's words (`studyfacts.words_of`) between braces.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from ..base.columns import EXPERIMENT_COLUMNS, FINDING_COLUMNS, VERDICT_COLUMNS, VOLUME_COLUMNS
from ..base.files import read_tsv, write_text
from .methods import read_cards
from .pages import plain_table, write_page
from .parameters import count_parameters
from .references import REFERENCES
from .studyfacts import Tables, holding, words_of

FOLDER = Path(__file__).with_name("checklist_items")
ITEM_COLUMNS = ("section", "item", "topic", "when", "status", "answer", "where")
NOT_DONE = "not done"
STATUSES = ("done", "partly", NOT_DONE, "not applicable")
HEADS = ("Section", "Item", "Topic", "Status", "This study", "Where")
NOTE = (
    "Filled from the configuration and the tables of this run. Numbers of items are those of the papers, topics are in "
    "our own words: for what an item asks, read the paper. What a workflow cannot know, such as funding or the "
    "discussion, is called not done. A checklist says what was reported, not how good the study is. References by "
    "number are those of the methods page."
)


class Checklist(NamedTuple):
    """A checklist: its title, the file of its items, what to know of it, and its paper."""

    title: str
    file: str
    note: str
    reference: str


CHECKLISTS = (
    Checklist(
        "CLAIM 2024",
        "claim_2024.tsv",
        "All 44 items.",
        "Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): "
        "2024 update. Radiology: Artificial Intelligence 6 (2024) e240300. doi 10.1148/ryai.240300",
    ),
    Checklist(
        "TRIPOD+AI",
        "tripod_ai.tsv",
        "All 27 items with their parts. The checklist is made for models that predict a diagnosis or a prognosis; here "
        "the predictor is an image, and the outcome whether a pixel belongs to an organ.",
        "Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting clinical "
        "prediction models that use regression or machine learning methods. BMJ 385 (2024) e078378. "
        "doi 10.1136/bmj-2023-078378",
    ),
    Checklist(
        "Metrics Reloaded",
        "metrics_reloaded.tsv",
        "Those recommendations that concern the semantic segmentation of an organ, a selection of ours. Numbers with "
        "FP are those of the paper's problem fingerprint.",
        next(reference for reference in REFERENCES if "Metrics reloaded" in reference),
    ),
)


class Answer(NamedTuple):
    """An item, and what the study says to it."""

    section: str
    item: str
    topic: str
    status: str
    answer: str
    where: str


def write_checklists(
    *,
    study: Mapping[str, Any],
    cards: list[Path],
    experiments_table: Path,
    verdicts_table: Path,
    volumes_table: Path,
    findings_table: Path,
    page: Path,
    markdown: Path,
) -> None:
    """Write all checklists as a page and as Markdown.

    `study` is that of `write_methods`; a training's weights lie beside its card; `volumes_table` and `findings_table`
    are those of quality control. Raises InputError where a table or the weights are missing.
    """
    tables = Tables(
        experiments=read_tsv(experiments_table, EXPERIMENT_COLUMNS),
        verdicts=read_tsv(verdicts_table, VERDICT_COLUMNS),
        volumes=read_tsv(volumes_table, VOLUME_COLUMNS),
        findings=read_tsv(findings_table, FINDING_COLUMNS),
        trainings=read_cards(cards),
        # Beside its card, which holds their checksum: large files are no input of a rule by themselves.
        parameters={card.parent.parent.name: count_parameters(card.with_name("weights.safetensors")) for card in cards},
    )
    words, conditions = words_of(study, tables), holding(study, tables)
    filled = [(checklist, answers_of(read_items(checklist), words, conditions)) for checklist in CHECKLISTS]
    parts = [part for checklist, answers in filled for part in _as_html(checklist, answers)]
    write_page(page, "Reporting checklists", [f"<p>{escape(NOTE)}</p>", *parts])
    texts = [_as_markdown(checklist, answers) for checklist, answers in filled]
    write_text(markdown, "\n".join(["# Reporting checklists", "", NOTE, "", *texts]))


def read_items(checklist: Checklist) -> list[dict[str, str]]:
    """The rows of a checklist's file."""
    return read_tsv(FOLDER / checklist.file, ITEM_COLUMNS)


def answers_of(
    rows: Sequence[Mapping[str, str]], words: Mapping[str, str], conditions: Collection[str]
) -> list[Answer]:
    """Each item of the rows once, by its first row that is without a condition or whose condition holds."""
    answers: dict[tuple[str, str], Answer] = {}
    for row in rows:
        if not row["when"] or row["when"] in conditions:
            answer = Answer(*(row[field] for field in Answer._fields))
            answers.setdefault((row["item"], row["topic"]), answer._replace(answer=_filled(row, words)))
    return list(answers.values())


def _filled(row: Mapping[str, str], words: Mapping[str, str]) -> str:
    # Words may be empty, also the last ones.
    return row["answer"].format(**words).strip()


def _tally(answers: Sequence[Answer]) -> str:
    counts = Counter(answer.status for answer in answers)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES)


def _as_html(checklist: Checklist, answers: Sequence[Answer]) -> list[str]:
    return [
        f"<h2>{escape(checklist.title)}</h2>",
        f"<p>{escape(checklist.note)} {_tally(answers)}. {escape(checklist.reference)}</p>",
        plain_table(HEADS, answers).replace(f"<td>{NOT_DONE}</td>", f"<td><b>{NOT_DONE}</b></td>"),
    ]


def _as_markdown(checklist: Checklist, answers: Sequence[Answer]) -> str:
    lines = [HEADS, ["---"] * len(HEADS), *answers]
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    head = f"## {checklist.title}\n\n{checklist.note} {_tally(answers)}. {checklist.reference}"
    return f"{head}\n\n{table}\n"


def _cell(text: str) -> str:
    return f"**{text}**" if text == NOT_DONE else text.replace("|", r"\|")
