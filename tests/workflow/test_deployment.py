"""The workflow as snakedeploy sets it up: folders with config and profiles, and a Snakefile with it as a module."""

import shutil
import subprocess
from pathlib import Path

import pytest
from workflow.conftest import Study

REPOSITORY = "somebody/chaos-liver"
# As snakedeploy 0.17.1 writes it, but for comments.
SNAKEFILE = """
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

module chaos_liver:
    snakefile:
        {source}
    config:
        config

use rule * from chaos_liver
"""
FILES = ("splits/two_fold.tsv", "inventory/9.pairs.tsv", "png/8bit/t1_in_phase/1.tsv")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def put_into_cache(clone: Path, cache: Path) -> None:
    """Commit and tag a copy of the workflow, and put it where Snakemake keeps what it cloned from GitHub."""
    git(clone, "init", "--initial-branch", "main")
    git(clone, "add", "--all")
    git(clone, "commit", "--message", "The workflow")
    git(clone, "tag", "v1")
    kept = cache / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com" / REPOSITORY
    git(clone, "clone", "--bare", str(clone), str(kept))


@pytest.fixture(params=["a clone", "a tag on GitHub", "a branch on GitHub"])
def deployed(request, fresh, tmp_path, monkeypatch) -> Study:
    """The small study in a folder of its own that uses the workflow of `fresh`."""
    folder = tmp_path / "deployed"
    for part in ("config", "profiles"):
        shutil.copytree(fresh.folder / part, folder / part)
    source = f'"{fresh.folder}/workflow/Snakefile"'
    if request.param != "a clone":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        put_into_cache(fresh.folder, tmp_path / "cache")
        reference = 'tag="v1"' if "tag" in request.param else 'branch="main"'
        source = f'github("{REPOSITORY}", path="workflow/Snakefile", {reference})'
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(SNAKEFILE.format(source=source))
    return Study(folder, fresh.config)


def test_a_deployed_workflow_plans_the_jobs_and_makes_the_files_of_a_clone(deployed, fresh):
    assert deployed.planned() == fresh.planned() != {}
    wanted = [f"results/small/{file}" for file in FILES]
    for study in (deployed, fresh):
        study.succeed("--quiet", "--", *wanted)
    for file in FILES:
        assert (deployed.results / file).read_bytes() == (fresh.results / file).read_bytes()
    # The parameters, digests of code among them, are the clone's too.
    assert deployed.planned() == fresh.planned()
    assert not (deployed.folder / "workflow/scripts").exists()
