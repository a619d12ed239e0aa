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


def test_a_volume_of_one_slice_has_no_distance_and_needs_none():
    alone = text([{**volume("1", 1), "slice_distance_mm": ""}])
    assert words_of(study_of(), tables_of(volumes=alone))["distances"] == "unknown"
    beside = alone + text([volume("2", 20)])
    assert words_of(study_of(), tables_of(volumes=beside))["distances"] == "5.5"


def test_networks_are_told_once_with_their_parameters_and_snapshots_not_again():
    small = experiment(network={"name": "fast", "channels": 4, "depth": 2})
    snapshot = {**small, "snapshot": {"of": "c", "epoch": 3}}
    study = study_of(experiments={"a": experiment(), "b": experiment(), "c": small, "c_epoch3": snapshot})
    words = words_of(study, tables_of(parameters={"a": 31042369, "b": 31042369, "c": 500}))
    assert words["sized_networks"] == (
        "U-Net (reference 4), channels 64, depth 4, dropout 0.2: 31,042,369 parameters; "
        "small U-Net (after reference 4), channels 4, depth 2: 500 parameters"
    )
