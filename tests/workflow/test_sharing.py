"""Two clones with one cache train each network once, at the same time or one after the other."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import yaml
from object_store import object_store
from workflow.conftest import SHEET, SMALL, Study, copy_workflow, write_sheet

SHARED_RULES = {"train": 2, "augment": 2, "predict": 3}
PREDICTIONS = [f"results/small/predictions/small/{run}.tsv" for run in ("fold0_seed1", "fold1_seed1", "test_cohort")]


def clone(folder, cache):
    """The small study, as a colleague has it."""
    copy_workflow(folder)
    (folder / "config/small.yaml").write_text(yaml.safe_dump({**SMALL, "cache": {"path": cache}}))
    write_sheet(folder / "config/small.tsv", SHEET)
    return Study(folder, "config/small.yaml")


def logs_of(study):
    return {
        rule: {
            str(log.relative_to(study.results)): log.read_text() for log in study.results.glob(f"logs/{rule}/**/*.log")
        }
        for rule in SHARED_RULES
    }


def count(study, words):
    """How many jobs of each rule logged these words."""
    return {rule: sum(words in text for text in logs.values()) for rule, logs in logs_of(study).items()}


def networks_of(study):
    files = sorted(study.results.glob("models/**/weights.safetensors"))
    return {str(path.relative_to(study.results)): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_two_clones_at_once_make_each_step_once(tmp_path, kind):
    with object_store() if kind == "bucket" else nullcontext({}) as environment:
        (tmp_path / "shared").mkdir()
        cache = "s3://lab/liver" if kind == "bucket" else str(tmp_path / "shared")
        studies = [clone(tmp_path / name, cache) for name in ("one", "two")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda study: study.succeed(*PREDICTIONS, **environment), studies))
    made, taken = ([count(study, words) for study in studies] for words in ("INFO put into", "INFO taken from"))
    for rule, number in SHARED_RULES.items():
        assert made[0][rule] + made[1][rule] == number
        assert [made[side][rule] + taken[side][rule] for side in (0, 1)] == [number, number]
    assert sum(count(study, "epoch 1/1")["train"] for study in studies) == 2
    assert len(networks_of(studies[0])) == 2
    assert networks_of(studies[0]) == networks_of(studies[1])


def test_a_later_clone_makes_only_what_its_own_patients_change(tmp_path):
    """Of the test cohort it has one patient more, so that prediction is another."""
    (tmp_path / "shared").mkdir()
    first, later = (clone(tmp_path / name, str(tmp_path / "shared")) for name in ("first", "later"))
    first.succeed(*PREDICTIONS)
    write_sheet(later.folder / "config/small.tsv", {**SHEET, "8": "test"})
    later.succeed(*PREDICTIONS)
    assert count(later, "INFO taken from") == {"train": 2, "augment": 2, "predict": 2}
    assert count(later, "INFO put into") == {"train": 0, "augment": 0, "predict": 1}


def test_a_cache_switched_on_runs_nothing_again_and_pruning_says_what_it_holds(finished):
    shared = finished.folder / "shared"
    shared.mkdir()
    finished.configure(cache={"path": str(shared), "most_gb": 1})
    assert finished.planned() == {}
    assert f"{shared} holds 0 entries, 0.0 MB" in finished.succeed("prune_cache")
    shutil.rmtree(finished.results / "models")
    finished.succeed("trained")
    # From its own checkpoints, which are now in the cache as well.
    assert f"{shared} holds 2 entries" in finished.succeed("prune_cache")
    finished.configure(cache=None)
    assert "config key cache: is null, so there is nothing to prune" in finished.fail("prune_cache")
