"""Checks the configuration, plans the study, and lets rules ask the plan for inputs and parameters. No rules."""

import logging
import os
import re
import sys
import time
from inspect import signature
from pathlib import Path


def workflow_folder():
    """The folder of the workflow; if it is used from GitHub or GitLab, its copy in Snakemake's cache."""
    folder = workflow.current_basedir.join("..")
    if folder.is_local:
        return Path(folder.get_path_or_uri(secret_free=True))
    # Snakemake itself copies only the adapter of a job, not what it imports.
    files = folder.hosted_repo.repo.commit(folder.ref).tree[folder.path].list_traverse()
    names = [file.path.removeprefix(folder.path) for file in files if file.type == "blob"]
    copies = [workflow.source_path(f"..{name}") for name in names]
    return Path(copies[0].removesuffix(names[0]))


FOLDER = workflow_folder()
sys.path.insert(0, str(FOLDER / "scripts"))

from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.base.terminal import Sentences, show_briefly
from chaosliver.study import inputs
from chaosliver.study.configfiles import read_file
from chaosliver.study.configuration import check_config, check_results, read_schema
from chaosliver.study.for_use import EXAM_NAME, with_exam
from chaosliver.study.lots import check_layout, files_in_short
from chaosliver.study.patients import COHORTS
from chaosliver.study.plan import TABLES, Plan
from chaosliver.study.provenance import digest_of, digest_of_texts
from chaosliver.study.runs import EVERYONE, RUN_PATTERN, labels_of

STARTED = time.time()
# Threads that wait for one another otherwise spin for long, which on a busy machine takes the processor from those they
# wait for (docs/scaling.md). GNU's runtime, which torch brings, goes by the second. The weights stay the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
SCHEMA = read_schema(FOLDER / "schemas/config.schema.yaml")
logging.getLogger("snakemake.logging").addFilter(Sentences())
# Overlays override the workflow's own file, and later ones the earlier.
CONFIG_FILES = [*reversed(workflow.overwrite_configfiles), *map(Path, workflow.configfiles)]
config.update(with_exam(config, [read_file(path) for path in dict.fromkeys(CONFIG_FILES)]))
check_config(config, SCHEMA)
check_results(config["results"], [Path.cwd(), FOLDER.parent])
PLAN = Plan.of(config, SCHEMA)
RESULTS = PLAN.results
check_layout(RESULTS, PLAN.lots)


def one_of(names):
    """A pattern that matches only these names, and nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    patient="[A-Za-z0-9_-]+",
    lot=one_of(PLAN.lots),
    cohort="|".join(COHORTS),
    sequence="|".join(SEQUENCES),
    organ="|".join(ORGANS),
    fold=rf"\d+|{EVERYONE}",
    seed=r"\d+",
    run=RUN_PATTERN,


def of_job(function):
    """An input or parameter: what a function of the plan returns for a job's wildcards, found by their names."""
    _, *names = signature(function).parameters
    return lambda wildcards: function(PLAN, *(wildcards[name] for name in names))


def inputs_of(function, age_ignored=()):
    """A rule's input function: the plan's files by name. If age is ignored, another input has the content's checksum."""
    wanted = of_job(function)

    def files(wildcards):
        named = PLAN.lists.in_place_of(wanted(wildcards))
        return {name: ancient(paths) if name in age_ignored else paths for name, paths in named.items()}

    return files


def patients_of(function):
    """A parameter: where patients are prepared in lots, the files of each that the job reads, in short; else None."""
    wanted = of_job(function)
    return lambda wildcards: files_in_short(PLAN.lists.of_patients(wanted(wildcards))) if PLAN.lots else None


def entry_of(table, wildcard):
    """A parameter: a table's entry under a wildcard of the job. `lookup` would walk the whole table for each job."""
    return lambda wildcards: table[wildcards[wildcard]]


def patterns(files):
    """A parameter: the names of a rule's files, by argument, with the patient still to be filled in."""
    return {name: str(path) for name, path in files.items()}


def experiment_setting(key):
    """A parameter: a setting of the job's experiment."""
    return lambda wildcards: getattr(PLAN.experiments[wildcards.experiment], key)


def code_with_network(adapter):
    """A parameter: the digest of an adapter's code and of the network of the job's experiment."""
    return lambda wildcards: PLAN.code_with_network(adapter, wildcards.experiment)


def in_report(path, caption, category, subcategory=None, **labels):
    """An output in the results folder that the report shows, with the caption workflow/report/<caption>.rst."""
    caption = f"../report/{caption}.rst"
    return report(f"{RESULTS}/{path}", caption=caption, category=category, subcategory=subcategory, labels=labels)


def table_file(name, caption, label):
    """A table to download from the report."""
    return in_report(f"tables/{name}", caption, "5 Tables", "2 Files to download", table=label)


def table_page(name, caption, label):
    """A table to read and sort in the report."""
    return in_report(f"tables/pages/{name}.html", caption, "5 Tables", "1 Pages to read and sort", table=label)


def study_figure(name, label):
    """A figure of the whole study, shown in the report with the caption of its name."""
    return in_report(f"figures/{name}.png", name, "4 Figures", figure=label)


def show_summary():
    """Print the Dice table, if this call made it, and where the other results are."""
    summary = Path(RESULTS) / "tables" / "summary.txt"
    if summary.is_file() and summary.stat().st_mtime >= STARTED:
        said = f"Tables: {RESULTS}/tables   Figures: {RESULTS}/figures"
        print(f"\n{summary.read_text(encoding='utf-8')}\n{said}", file=sys.stderr)


def shorten_output():
    """Show the brief output, unless other output was asked for; returns the function that removes its bar."""
    asked = workflow.output_settings
    is_module = not workflow.modifier.is_main_snakefile()
    if is_module or not workflow.is_main_process or asked.verbose or asked.quiet or asked.debug_dag:
        return lambda: None
    stages = {rule.name: Path(rule.snakefile).stem for rule in workflow.rules}
    return show_briefly(logging.getLogger("snakemake.logging"), stages, {"train"}, dry_run=asked.dryrun)
