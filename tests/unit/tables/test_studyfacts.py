"""What is told of a study by name; test_checklists has the rest by its answers."""

from unit.tables.examples import experiment, result, study_of, tables_of, verdict, volume

from chaosliver.tables.studyfacts import holding, words_of


def text(rows):
    return [{key: str(value) for key, value in row.items()} for row in rows]


def test_counts_and_spans_by_hand():
    volumes = text([volume("1", 30, 1.4), volume("2", 26, 1.9), {**volume("3", 10), "rows": 288, "columns": 320}])
    words = words_of(study_of(), tables_of(volumes=volumes))
    assert (words["slices"], words["spacings"], words["distances"]) == ("66 slices", "1.4 to 1.9", "5.5")
    assert words["matrices"] == "256 x 256 and 288 x 320"
    assert (words["development"], words["test"]) == ("6 patients", "0 patients")
    assert (words["resamples"], words["bootstrap_seed"], words["fewest"]) == ("10,000", "1", "6")
    assert (words["tolerance"], words["margin"]) == ("3.5", "0.03")
    assert (words["trainings"], words["threads"], words["versions"]) == ("1 training", "4 threads", "torch 2.13.0")


def test_experiments_are_told_once_for_each_of_their_values():
    spleen = experiment(
        organ="spleen", score_on=["t2_spir"], threshold=0.25, seeds=[2], recipe={"normalisation": "none"}
    )
    words = words_of(study_of(experiments={"a": experiment(), "b": experiment(), "c": spleen}), tables_of())
    assert (words["experiments"], words["baseline"]) == ("3 experiments", "a")
    assert (words["organs"], words["scored"]) == ("the liver and spleen", "T1 in phase and T2-SPIR")
    assert (words["thresholds"], words["seeds"]) == ("0.5 and 0.25", "seeds 1 and 2")
    assert words["normalisations"] == "grey values from 0 to 1 over the window, clipped to it; raw grey values"
    assert words["networks"] == "U-Net (reference 4), channels 64, depth 4, dropout 0.2"


def test_verdicts_are_counted_and_the_first_experiments_results_told():
    rows = [verdict(verdict="better"), verdict(verdict="undecided"), verdict(verdict="better")]
    tables = tables_of(verdicts=text(rows), experiments=text([result(), result(name="b"), result(cohort="test")]))
    words = words_of(study_of(), tables)
    assert (words["contrasts"], words["verdicts"]) == ("3 contrasts", "2 better, 1 undecided")
    assert words["results"] == ("3D Dice of plain, mean ± SD over patients: T1 in phase 0.883 ± 0.044 [0.850, 0.920]")
    assert words["detectable"] == ""


def test_a_study_is_on_the_cpu_alone_where_every_torch_is():
    cpu, other = ({"versions": {"torch": version}} for version in ("2.13.0+cpu", "2.13.0+cu130"))
    assert "cpu" in holding(study_of(), tables_of(trainings=[("a", cpu), ("b", cpu)]))
    assert "cpu" not in holding(study_of(), tables_of(trainings=[("a", cpu), ("b", other)]))
