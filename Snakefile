"""From the CHAOS archive to an honestly measured liver segmentation network."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/tabulate.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/verify.smk"


# Rules without a GPU take seconds and run where Snakemake runs; a cluster gets the others (docs/cluster.md).
workflow.localrules(*(rule.name for rule in workflow.rules if "gpu" not in rule.resources))


# The terminal shows stages, a bar and errors; with `--verbose` or `--quiet` it shows what Snakemake itself shows.
take_bar_away = shorten_output()


# The whole study. (A comment: snakefmt 2.1 puts `default_target` before a docstring, and then cannot read it.)
rule all:
    default_target: True
    input:
        rules.summarised.input,


onsuccess:
    take_bar_away()
    show_summary()


onerror:
    take_bar_away()
