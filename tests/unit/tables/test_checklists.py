"""Every item is answered once, from this study's own numbers, and switches of the study change the answers."""

import html
import re
from collections import Counter

import pytest
from unit.tables.examples import DICE, T1, T2, experiment, result, study_of, tables_of, verdict, volume, write_header

from chaosliver.base.cards import write_card
from chaosliver.base.columns import EXPERIMENT_COLUMNS, FINDING_COLUMNS, VERDICT_COLUMNS, VOLUME_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.tables.checklists import (
    CHECKLISTS,
    FOLDER,
    STATUSES,
    Checklist,
    answers_of,
    read_items,
    write_checklists,
)
from chaosliver.tables.methods import read_cards
from chaosliver.tables.studyfacts import holding, words_of

CLAIM, TRIPOD, METRICS = CHECKLISTS
# What the rows of the files may ask for.
CONDITIONS = {
    *("phantom", "planned", "tested", "repeated", "unseen", "leaking", "test_cohort", "test_scored", "intervals"),
    *("several_organs", "dice_loss", "cpu"),
}


class Filled:
    """The written checklists: answers by title and number of the item, as page and as Markdown."""

    def __init__(self, folder, study=None, results=None, verdicts=(), cards=None, findings=()):
        study = study or study_of()
        paths = {name: folder / f"{name}.tsv" for name in ("experiments", "verdicts", "volumes", "findings")}
        write_tsv(paths["experiments"], EXPERIMENT_COLUMNS, [result()] if results is None else results)
        write_tsv(paths["verdicts"], VERDICT_COLUMNS, verdicts)
        volumes = [volume(str(number), 20 + number, 1.36 + number / 10) for number in range(1, 7)]
        write_tsv(paths["volumes"], VOLUME_COLUMNS, volumes)
        write_tsv(paths["findings"], FINDING_COLUMNS, findings)
        cards = cards or [{"chosen_epoch": 79, "threads": 4, "versions": {"torch": "2.13.0"}}]
        for number, card in enumerate(cards):
            path = folder / "plain" / str(number) / "card.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_card(path, card)
            write_header(path.with_name("weights.safetensors"), {"head.weight": {"shape": [1234, 5, 3, 3]}})
        write_checklists(
            study=study,
            cards=[folder / "plain" / str(number) / "card.json" for number in range(len(cards))],
            experiments_table=paths["experiments"],
            verdicts_table=paths["verdicts"],
            volumes_table=paths["volumes"],
            findings_table=paths["findings"],
            page=folder / "checklists.html",
            markdown=folder / "checklists.md",
        )
        self.page = (folder / "checklists.html").read_text()
        self.markdown = (folder / "checklists.md").read_text()
        self.rows = {}
        for chapter in self.markdown.split("\n## ")[1:]:
            title, *lines = chapter.splitlines()
            cells = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")][2:]
            self.rows[title] = [[cell.strip() for cell in row] for row in cells]

    def of(self, title, item):
        """Status and answer of an item."""
        (row,) = [row for row in self.rows[title] if row[1] == item]
        return row[3].strip("*"), row[4]


@pytest.fixture
def fill(tmp_path):
    return lambda **changes: Filled(tmp_path, **changes)


# The items of the papers, numbered as there.
TRIPOD_PARTS = {
    3: "abc",
    5: "ab",
    6: "abc",
    8: "abc",
    9: "abc",
    12: "abcdefg",
    18: "abcdef",
    20: "abc",
    23: "ab",
    27: "abc",
}


def test_the_items_are_those_of_the_papers_in_their_order(fill):
    rows = fill().rows
    assert [row[1] for row in rows["CLAIM 2024"]] == [str(number) for number in range(1, 45)]
    numbers = [f"{number}{part}" for number in range(1, 28) for part in TRIPOD_PARTS.get(number, [""])]
    assert [row[1] for row in rows["TRIPOD+AI"]] == numbers and len(numbers) == 52
    assert [row[1] for row in rows["Metrics Reloaded"]].count("Boundary") == 2
    assert {row[1] for row in rows["Metrics Reloaded"]} > {"FP2.1", "FP2.2", "FP3.1", "FP4.6", "FP5.2", "Intervals"}


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda checklist: checklist.title)
def test_every_item_ends_with_a_row_without_a_condition_and_asks_for_known_conditions_alone(checklist):
    rows = read_items(checklist)
    last = {(row["item"], row["topic"]): row["when"] for row in rows}
    assert set(last.values()) == {""}
    assert {row["when"] for row in rows} <= CONDITIONS | {""}
    assert {row["status"] for row in rows} <= set(STATUSES)
    assert checklist.reference.split(". doi ")[1].startswith("10.")


def test_no_condition_and_no_file_is_there_in_vain():
    asked = {row["when"] for checklist in CHECKLISTS for row in read_items(checklist)}
    assert asked == CONDITIONS | {""}
    assert {path.name for path in FOLDER.iterdir()} == {checklist.file for checklist in CHECKLISTS}


def test_every_answer_can_be_filled_whatever_its_condition():
    words = words_of(study_of(), tables_of())
    for checklist in CHECKLISTS:
        for row in read_items(checklist):
            filled = row["answer"].format(**words)
            assert filled and "{" not in filled and "None" not in filled.split()[1:], row


def test_the_first_row_whose_condition_holds_answers():
    fields = {"section": "s", "topic": "t", "where": ""}
    rows = [
        {**fields, "item": "1", "when": "a", "status": "done", "answer": "{x} of a"},
        {**fields, "item": "1", "when": "b", "status": "partly", "answer": "b"},
        {**fields, "item": "1", "when": "", "status": "not done", "answer": "none"},
        {**fields, "item": "2", "when": "", "status": "done", "answer": "two"},
    ]
    for conditions, status, text in (
        ({"a", "b"}, "done", "5 of a"),
        ({"b"}, "partly", "b"),
        (set(), "not done", "none"),
    ):
        first, second = answers_of(rows, {"x": "5"}, conditions)
        assert (first.status, first.answer) == (status, text)
        assert (second.item, second.answer) == ("2", "two")


def test_patients_slices_and_results_are_those_of_the_tables(fill):
    findings = [dict.fromkeys(FINDING_COLUMNS, "x") | {"severity": severity} for severity in ("warning", "warning")]
    filled = fill(findings=findings)
    # 21 + 22 + ... + 26 slices.
    assert "6 patients of the development cohort (6 with T1 in phase); 141 slices" in filled.of("CLAIM 2024", "35")[1]
    assert "0 errors and 2 warnings" in filled.of("CLAIM 2024", "35")[1]
    status, text = filled.of("CLAIM 2024", "37")
    mean, deviation = sum(DICE) / 6, (sum((each - sum(DICE) / 6) ** 2 for each in DICE) / 5) ** 0.5
    assert (status, f"T1 in phase {mean:.3f} ± {deviation:.3f} [0.850, 0.920]" in text) == ("done", True)
    assert "256 x 256 pixels of 1.46 to 1.96 mm, slices 5.5 mm apart" in filled.of("CLAIM 2024", "13")[1]
    assert "25%" in filled.of("Metrics Reloaded", "FP4.6")[1]


def test_what_was_not_done_is_called_that(fill):
    filled = fill()
    for title, item in (
        *(("CLAIM 2024", item) for item in ("18", "21", "30", "31", "33", "36", "42", "44")),
        *(("TRIPOD+AI", item) for item in ("10", "14", "18a", "18c", "18d", "19", "20b", "23b")),
    ):
        assert filled.of(title, item)[0] == "not done", (title, item)
    assert "**not done**" in filled.markdown
    assert "no detectable difference" in filled.of("CLAIM 2024", "21")[1]


def test_the_counts_above_a_table_are_those_of_its_rows(fill):
    filled = fill()
    for title, rows in filled.rows.items():
        counts = Counter(row[3].strip("*") for row in rows)
        told = ", ".join(f"{counts[status]} {status}" for status in STATUSES)
        assert told in filled.markdown and told in filled.page, title


def test_page_and_markdown_say_the_same_with_what_is_not_done_in_bold(fill):
    filled = fill()
    cells = re.findall("<td[^>]*>(.*?)</td>", filled.page)
    assert "<b>not done</b>" in cells and "not done" not in cells
    shown = [html.unescape(re.sub("</?b>", "**", cell)) for cell in cells]
    assert shown == [cell for rows in filled.rows.values() for row in rows for cell in row]
    assert re.findall("<h2>(.*?)</h2>", filled.page) == [checklist.title for checklist in CHECKLISTS]


def test_a_plan_is_told_with_its_contrasts_and_what_its_tests_could_find(fill):
    verdicts = [
        verdict(detectable_difference=0.0312),
        verdict(question="T2 added", verdict="not run"),
        verdict(question="8 bit", verdict="better", detectable_difference=0.0197),
    ]
    filled = fill(verdicts=verdicts)
    assert filled.of("CLAIM 2024", "4") == ("done", "3 contrasts: dropout; T2 added; 8 bit.")
    status, text = filled.of("CLAIM 2024", "21")
    assert status == "not done" and "a true difference in 3D Dice of 0.020 to 0.031" in text
    assert filled.of("CLAIM 2024", "29")[0] == "done"
    status, text = filled.of("TRIPOD+AI", "18c")
    assert status == "partly" and "margin of 0.03" in text and "docs/analysis_plan.md" in text
    assert "1 undecided, 1 not run, 1 better" in filled.of("TRIPOD+AI", "25")[1]
    assert filled.of("Metrics Reloaded", "Together")[0] == "done"


def test_a_plan_of_which_nothing_was_run_has_no_test(fill):
    filled = fill(verdicts=[verdict(verdict="not run")])
    assert "no detectable difference" in filled.of("CLAIM 2024", "21")[1]
    assert filled.of("CLAIM 2024", "29")[0] == "partly"
    assert filled.of("TRIPOD+AI", "25")[0] == "not done"


def test_without_a_plan_nothing_is_called_a_protocol_or_a_hypothesis(fill):
    filled = fill()
    assert filled.of("CLAIM 2024", "42") == ("not done", "No protocol and no contrasts were planned.")
    assert filled.of("CLAIM 2024", "4")[0] == "partly"
    assert filled.of("Metrics Reloaded", "Together")[0] == "partly"


def test_seeds_and_draws_are_told_as_they_are(fill):
    seeds = study_of(experiments={"plain": experiment(seeds=[3, 5])})
    status, text = fill(study=seeds).of("CLAIM 2024", "30")
    assert status == "partly" and text.startswith("Seeds of each training: 2; draws of the folds: 1;")
    assert "from seeds 3 and 5" in fill(study=seeds).of("CLAIM 2024", "24")[1]
    draws = study_of(splits={"folds": {"folds": 3, "draws": 4, "validation": 0, "seed": 1}})
    assert "draws of the folds: 4;" in fill(study=draws).of("CLAIM 2024", "30")[1]


def test_scoring_on_other_sequences_is_told_as_the_shift_that_it_is(fill):
    assert "No network was scored on a sequence" in fill().of("CLAIM 2024", "30")[1]
    wider = study_of(experiments={"plain": experiment(), "wide": experiment(score_on=[T1, T2])})
    status, text = fill(study=wider).of("CLAIM 2024", "30")
    assert status == "partly" and text.startswith("Some networks were scored on sequences, too,")
    for title, study, told in (("none", None, "No network was scored"), ("some", wider, "Some networks were scored")):
        assert told in fill(study=study).of("TRIPOD+AI", "16")[1], title
    assert "One seed and one draw of the folds" in text


COHORTS = {"1": ["development", [T1]], "8": ["test", [T1]], "9": ["test", [T1]]}


def test_a_test_cohort_counts_as_external_only_where_it_was_scored(fill):
    study = study_of(patients=COHORTS)
    unscored = result(cohort="test", dice_3d_mean="", dice_3d_ci_low="")
    status, text = fill(study=study, results=[result(), unscored]).of("CLAIM 2024", "33")
    assert status == "not done" and "2 patients of the test cohort were segmented, but" in text
    scored = fill(study=study, results=[result(), result(cohort="test")])
    assert scored.of("CLAIM 2024", "33")[0] == "partly"
    assert scored.of("CLAIM 2024", "27")[1].startswith("The networks of an experiment segment the test cohort together")
    assert scored.of("TRIPOD+AI", "16")[0] == "partly"
    assert "No network was scored on a sequence" in scored.of("TRIPOD+AI", "16")[1]
    assert fill().of("TRIPOD+AI", "20c")[0] == "not applicable"


def test_the_cpu_is_named_where_torch_can_do_nothing_else(fill):
    assert "whether a GPU was used" in fill().of("CLAIM 2024", "25")[1]
    cpu = {"chosen_epoch": 79, "threads": 1, "versions": {"torch": "2.13.0+cpu"}}
    status, text = fill(cards=[cpu, cpu]).of("CLAIM 2024", "25")
    assert status == "partly" and "2 trainings;" in text and "On the CPU with 1 thread;" in text
    mixed = [cpu, {**cpu, "threads": 4, "versions": {"torch": "2.13.0"}}]
    assert "1 and 4 threads each; whether a GPU" in fill(cards=mixed).of("CLAIM 2024", "25")[1]


def test_a_phantom_has_no_patients_to_tell_of(fill):
    filled = fill(study=study_of(phantom=True))
    for item in ("5", "11", "18", "36"):
        assert filled.of("CLAIM 2024", item)[0] == "not applicable", item
    assert "a phantom that the workflow drew" in filled.of("CLAIM 2024", "7")[1]
    drawn = fill(study=study_of(phantom=True, patients=COHORTS), results=[result(), result(cohort="test")])
    assert drawn.of("CLAIM 2024", "33")[0] == "not done"
    assert "CHAOS" not in "".join(cell for rows in filled.rows.values() for row in rows for cell in row)


@pytest.mark.parametrize(
    "split",
    [
        {"folds": 3, "validation": "held_out", "seed": 1},
        {"folds": 3, "validation": 0, "copies": 0.1, "seed": 1},
        {"folds": 3, "validation": 0, "validation_slices": 0.2, "seed": 1},
    ],
    ids=str,
)
def test_a_split_that_lets_slices_through_is_not_called_disjoint(fill, split):
    leaky = experiment(split="leaky", recipe={"choose": "last" if "copies" in split else "best"})
    snapshot = leaky | {"snapshot": {"of": "plain", "epoch": 9}}
    study = study_of(
        splits={**study_of()["splits"], "leaky": split},
        experiments={"fine": experiment(), "plain": leaky, "plain_epoch9": snapshot},
    )
    status, text = fill(study=study).of("CLAIM 2024", "20")
    assert status == "partly" and text.endswith(": plain.")
    assert fill().of("CLAIM 2024", "20")[0] == "done"


@pytest.mark.parametrize("split", [{"validation": "held_out"}, {"validation": 0, "validation_slices": 0.2}], ids=str)
def test_slices_that_are_watched_and_choose_nothing_are_no_leak(fill, split):
    study = study_of(splits={"folds": {"folds": 3, "seed": 1, **split}})
    assert fill(study=study).of("CLAIM 2024", "20")[0] == "done"


def test_too_few_patients_have_no_interval(fill):
    few = [result(values=DICE[:2], dice_3d_ci_low="", dice_3d_ci_high="")]
    filled = fill(results=few)
    assert filled.of("CLAIM 2024", "29")[0] == "not done"
    assert filled.of("CLAIM 2024", "37")[0] == "partly"
    assert filled.of("Metrics Reloaded", "Intervals") == ("not done", "With fewer than 6 patients none is given.")


def test_empty_predictions_of_all_experiments_are_counted(fill):
    rows = [result(empty_predictions=2, volumes_without_distance=3), result(name="b", empty_predictions=1)]
    study = study_of(experiments={"plain": experiment(), "b": experiment()})
    text = fill(study=study, results=rows).of("CLAIM 2024", "39")[1]
    assert text.startswith("3 empty predictions, 3 volumes without a distance;")


def test_several_organs_and_a_loss_of_overlap_are_told(fill):
    several = {"plain": experiment(), "spleen": experiment(organ="spleen", recipe={"loss": "bce_dice"})}
    filled = fill(study=study_of(experiments=several))
    assert "(the liver and spleen)" in filled.of("Metrics Reloaded", "Category")[1]
    assert filled.of("TRIPOD+AI", "13")[0] == "partly"
    assert fill().of("TRIPOD+AI", "13")[0] == "not applicable"


def test_of_the_plain_study_almost_nothing_holds_and_of_another_everything():
    assert holding(study_of(), tables_of()) == {"intervals"}
    everything = study_of(
        patients=COHORTS,
        phantom=True,
        splits={"folds": {"folds": 3, "draws": 2, "validation": 0, "copies": 0.1, "seed": 1}},
        experiments={
            "plain": experiment(score_on=[T2]),
            "spleen": experiment(organ="spleen", recipe={"loss": "bce_dice"}),
        },
    )
    rows = [result(), result(cohort="test")]
    tables = tables_of(
        experiments=[{key: str(value) for key, value in row.items()} for row in rows],
        verdicts=[verdict(detectable_difference="0.03")],
        trainings=[("plain", {"versions": {"torch": "2.13.0+cpu"}})],
    )
    assert holding(everything, tables) == CONDITIONS


def test_the_cards_are_read_with_the_experiment_that_they_are_of(tmp_path):
    path = tmp_path / "small" / "fold0_seed1" / "card.json"
    path.parent.mkdir(parents=True)
    write_card(path, {"threads": 2})
    assert read_cards([path]) == [("small", {"threads": 2})]


def test_a_bar_in_a_text_does_not_end_its_cell(fill):
    study = study_of(experiments={"a|b": experiment()})
    filled = fill(study=study, results=[result(name="a|b")])
    assert "3D Dice of a\\|b" in filled.markdown
    assert {line.replace("\\|", "").count("|") for line in filled.markdown.splitlines() if line.startswith("|")} == {7}


def test_a_checklist_names_its_paper():
    for checklist, doi in ((CLAIM, "10.1148/ryai.240300"), (TRIPOD, "10.1136/bmj-2023-078378")):
        assert isinstance(checklist, Checklist) and checklist.reference.endswith(f"doi {doi}")
    assert METRICS.reference.endswith("doi 10.1038/s41592-023-02151-z")


def test_the_networks_are_told_with_the_parameters_that_their_weights_hold(fill):
    status, text = fill().of("CLAIM 2024", "22")
    # 1234 * 5 * 3 * 3
    assert (status, text.split(". ")[0]) == (
        "done",
        "U-Net (reference 4), channels 64, depth 4, dropout 0.2: 55,530 parameters",
    )


def test_weights_that_are_missing_are_named(fill, tmp_path):
    fill()
    (tmp_path / "plain/0/weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"plain/0/weights\.safetensors"):
        write_checklists(
            study=study_of(),
            cards=[tmp_path / "plain/0/card.json"],
            **{
                f"{name}_table": tmp_path / f"{name}.tsv" for name in ("experiments", "verdicts", "volumes", "findings")
            },
            page=tmp_path / "page.html",
            markdown=tmp_path / "page.md",
        )
    assert not (tmp_path / "page.html").exists()


def test_scoring_by_grey_logits_is_told_with_whose_it_is(fill):
    masks = experiment(scores="mask")
    leaks = experiment(scores="logits")
    snapshot = {**leaks, "snapshot": {"of": "leaks", "epoch": 9}}
    mixed = fill(study=study_of(experiments={"plain": masks, "leaks": leaks, "leaks_epoch9": snapshot}))
    plain = fill(study=study_of(experiments={"plain": masks}))
    for title, item in (("CLAIM 2024", "28"), ("TRIPOD+AI", "12g"), ("TRIPOD+AI", "15")):
        told = " The Dice of slices is of grey logits, as in the original study, in leaks."
        assert mixed.of(title, item)[1] == plain.of(title, item)[1] + told
        assert "logits" not in plain.of(title, item)[1]
    assert " </td>" not in plain.page


def test_the_protocol_is_not_said_to_hold_questions_that_are_only_configured(fill):
    for title, item in (("CLAIM 2024", "42"), ("TRIPOD+AI", "18c")):
        told = fill(verdicts=[verdict()]).of(title, item)[1]
        assert told.startswith("The questions and the margin of 0.03 are those of `analysis` in the configuration, ")
