"""A finished study as a crate: what a stranger finds in it, and that it runs again."""

import json

from rocrate.rocrate import ROCrate
from workflow.conftest import Study
from workflow.privacy import told, words_of

from chaosliver.base.files import sha256_of


def test_a_stranger_reads_the_crate_and_runs_its_study(finished):
    finished.succeed("crate")
    folder = finished.results / "crate"
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    described = {entity["@id"]: entity for entity in graph}
    (run,) = [entity for entity in graph if entity["@type"] == "CreateAction"]
    results = {entry["@id"] for entry in run["result"]}
    # Every table, figure and model card of the study, and nothing else.
    stages = [finished.results / stage for stage in ("tables", "figures", "models")]
    files = {path for stage in stages for path in stage.rglob("*") if path.is_file()}
    folders = {"contact_sheets", "snapshots"}
    left_out = {path for path in files if path.suffix == ".safetensors" or folders & set(path.parts)}
    assert left_out
    assert results == {path.relative_to(finished.results).as_posix() for path in files - left_out}
    for place in results:
        assert described[place]["sha256"] == sha256_of(folder / place) == sha256_of(finished.results / place)
    archive = (finished.results / "raw/development.sha256").read_text().split()[0]
    assert described["#archive-development"]["value"] == archive
    cards = [json.loads(path.read_text()) for path in finished.results.glob("models/small/*/card.json")]
    versions = {entity["softwareVersion"] for entity in graph if entity.get("name") == "torch"}
    assert versions == {card["versions"]["torch"] for card in cards}
    assert ROCrate(folder).mainEntity.id == "workflow/Snakefile"
    # The code names its phantoms.
    assert told(folder, words_of(finished.folder), ("workflow",)) == []
    # Nothing is left to do where it was made; in the crate the whole study is.
    assert finished.planned("crate") == {}
    again = Study(folder, "config/config.yaml")
    planned = again.planned()
    assert planned["train"] == 2 and planned == everything_of(finished)


def everything_of(study: Study) -> dict[str, int]:
    """The jobs of a study of which nothing exists yet."""
    study.configure(results="results/elsewhere")
    return study.planned()
