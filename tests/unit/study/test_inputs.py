"""Which files each rule reads, path by path."""

from unit.study.configs import ROOT, SCHEMA, load

from chaosliver.study import inputs
from chaosliver.study.plan import Plan


def test_a_training_never_reads_a_held_out_patient(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = Plan.of(load("demo"), SCHEMA)
    for run in plan.trainings:
        held_out = plan.scored_patients(run.experiment, run.name)
        named = [index for indexes in inputs.train(plan, run.experiment, run.fold).values() for index in indexes]
        assert held_out and not [index for index in named if index.rsplit("/", 1)[1][:-4] in held_out]
