"""What a study's crate holds and says, read as plain JSON."""

import builtins
import hashlib
import json
import os

import pytest
import yaml

from chaosliver.base.errors import InputError
from chaosliver.tables.crates import write_crate

MIT = "https://spdx.org/licenses/MIT"
CC_BY_NC_SA = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
PROVENANCE = {
    "commit": "abc1234-dirty",
    "packages": {"snakemake": "9.27.1", "numpy": "2.4.6"},
    "archives_sha256": {"development": "d" * 64, "test": "e" * 64},
    "trainings": {
        "small/fold0_seed1": {"packages": {"torch": "2.13.0+cpu", "numpy": "2.4.6"}},
        "small/fold1_seed1": {"packages": {"torch": "2.12.0", "numpy": "2.4.6"}},
    },
}
FILES = {
    "tables/verdicts.tsv": ("text/tab-separated-values", "a\tb\n"),
    "tables/provenance.json": ("application/json", json.dumps(PROVENANCE)),
    "figures/overlays/small.png": ("image/png", "png"),
    "models/small/fold0_seed1/README.md": ("text/markdown", "# A card\n"),
}
ENDED = 1_700_000_000


@pytest.fixture
def study(tmp_path):
    """What write_crate takes, of a study named `trial`."""
    folder = tmp_path / "results/trial"
    for place, (_, text) in FILES.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (0, ENDED - len(place)))
    os.utime(folder / "figures/overlays/small.png", (0, ENDED))
    (tmp_path / "sheet.tsv").write_text("patient\n1\n")
    return {
        "made": [folder / place for place in FILES],
        "provenance": folder / "tables/provenance.json",
        "sheet": tmp_path / "sheet.tsv",
        "configuration": {"results": "results/trial", "patients": "config/mine.tsv", "study": ["größe"]},
        "source": "chaos",
        "crate": folder / "crate",
    }


def entities(study):
    write_crate(**study)
    written = json.loads((study["crate"] / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert written["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    found = {entity["@id"]: entity for entity in written["@graph"]}
    assert len(found) == len(written["@graph"])
    return found


def ids(value):
    return [entry["@id"] for entry in (value if isinstance(value, list) else [value])]


def test_each_result_stands_there_with_its_checksum_format_and_licence(study):
    found = entities(study)
    for place, (kind, text) in FILES.items():
        assert (study["crate"] / place).read_text() == text
        entity = found[place]
        assert entity["@type"] == "File" and entity["encodingFormat"] == kind
        assert entity["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert entity["contentSize"] == str(len(text.encode()))
        assert ids(entity["license"]) == [CC_BY_NC_SA]
    assert set(ids(found["#run"]["result"])) == set(FILES)
    assert set(FILES) < set(ids(found["./"]["hasPart"]))


def test_all_that_is_referred_to_is_described_and_every_part_exists(study):
    found = entities(study)
    outside = {"https://w3id.org/ro/crate/1.1", "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"}
    outside |= {"https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE", "https://snakemake.readthedocs.io"}
    outside |= {"https://doi.org/10.1093/bioinformatics/bts480"}
    for entity in found.values():
        for value in entity.values():
            entries = [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]
            assert set(ids(entries)) <= set(found) | outside
    for part in ids(found["./"]["hasPart"]):
        assert (study["crate"] / part).exists(), part


def test_the_run_used_the_workflow_the_settings_and_the_archives(study):
    found = entities(study)
    run, workflow = found["#run"], found["workflow/Snakefile"]
    assert run["@type"] == "CreateAction" and ids(run["instrument"]) == ["workflow/Snakefile"]
    # 1,700,000,000 seconds after 1970: the youngest of the results.
    assert run["endTime"] == "2023-11-14T22:13:20+00:00"
    data = "https://doi.org/10.5281/zenodo.3431873"
    given = ["config/config.yaml", "config/patients.tsv", "#archive-development", "#archive-test", data]
    assert ids(run["object"]) == given
    for cohort, checksum in PROVENANCE["archives_sha256"].items():
        archive = found[f"#archive-{cohort}"]
        assert archive["@type"] == "PropertyValue" and archive["value"] == checksum and cohort in archive["name"]
    assert ids(found[data]["license"]) == [CC_BY_NC_SA]
    # Each input and output is that of a parameter of the workflow.
    parameters = [found[name] for name in ids(workflow["input"])]
    assert [parameter["@type"] for parameter in parameters] == ["FormalParameter"] * 4
    assert [ids(found[name]["exampleOfWork"])[0] for name in given[:4]] == ids(workflow["input"])
    assert {ids(found[place]["exampleOfWork"])[0] for place in FILES} == set(ids(workflow["output"]))


def test_the_workflow_has_its_licence_commit_language_and_packages(study):
    found = entities(study)
    workflow = found["workflow/Snakefile"]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert ids(found["./"]["mainEntity"]) == ["workflow/Snakefile"]
    assert ids(workflow["license"]) == ids(found["workflow/"]["license"]) == [MIT]
    assert workflow["version"] == "abc1234-dirty"
    (language,) = ids(workflow["programmingLanguage"])
    assert (found[language]["name"], found[language]["version"]) == ("Snakemake", "9.27.1")
    packages = [found[name] for name in ids(workflow["softwareRequirements"])]
    assert [(package["name"], package["softwareVersion"]) for package in packages] == [
        *(("numpy", "2.4.6"), ("snakemake", "9.27.1"), ("torch", "2.12.0"), ("torch", "2.13.0+cpu"))
    ]
    assert {package["@type"] for package in packages} == {"SoftwareApplication"}


def test_outside_of_git_the_workflow_has_no_version(study):
    study["provenance"].write_text(json.dumps(PROVENANCE | {"commit": None}))
    assert "version" not in entities(study)["workflow/Snakefile"]


def test_it_names_the_profiles_that_it_follows(study):
    found = entities(study)
    profiles = ids(found["./"]["conformsTo"])
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles and "https://w3id.org/ro/wfrun/process/0.5" in profiles
    assert [(found[name]["@type"], found[name]["version"]) for name in profiles] == [
        *(("CreativeWork", "0.5"), ("CreativeWork", "0.5"), ("CreativeWork", "1.0"))
    ]
    assert ids(found["./"]["mentions"]) == ["#run"] and ids(found["README.md"]["about"]) == ["./"]


def test_a_study_of_phantoms_shows_no_data_of_the_challenge(study):
    found = entities(study | {"source": "phantom"})
    text = json.dumps(found)
    assert ids(found["./"]["license"]) == [MIT]
    assert "zenodo" not in text and "CHAOS" not in text and CC_BY_NC_SA not in text
    assert "phantoms" in found["./"]["description"] and "2 trainings" in found["./"]["description"]


def test_a_study_of_patients_says_whose_data_its_pictures_show(study):
    found = entities(study)
    assert ids(found["./"]["license"]) == [CC_BY_NC_SA]
    assert "CHAOS data, which are under CC BY-NC-SA 4.0" in found["./"]["description"]
    readme = (study["crate"] / "README.md").read_text()
    assert found["./"]["description"] in readme and found["./"]["name"] == "chaos-liver: the study trial"


def test_the_configuration_is_kept_whole_and_names_the_sheet_beside_it(study):
    write_crate(**study)
    kept = yaml.safe_load((study["crate"] / "config/config.yaml").read_text(encoding="utf-8"))
    assert kept == study["configuration"] | {"patients": "config/patients.tsv"}
    assert (study["crate"] / "config/patients.tsv").read_text() == "patient\n1\n"
    code = study["crate"] / "workflow"
    assert (code / "scripts/chaosliver/tables/crates.py").is_file() and (code / "rules/publish.smk").is_file()
    assert (study["crate"] / "envs/publish.yaml").is_file() and not list(code.rglob("__pycache__"))


def test_what_an_earlier_crate_held_is_gone(study):
    write_crate(**study)
    (study["crate"] / "old.txt").write_text("old")
    write_crate(**study)
    assert not (study["crate"] / "old.txt").exists()


def test_without_the_package_one_message_says_how_to_install_it(study, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **others):
        if name.startswith("rocrate"):
            raise ImportError(name)
        return real(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"rocrate is not installed.*pip install --group crate"):
        write_crate(**study)
    assert not study["crate"].exists()
