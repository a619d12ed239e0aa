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
include: "workflow/rules/summarise.smk"


rule all:
    default_target: True
    """The whole study: tables, figures and quality control."""
    input:
        rules.summarised.input,


onsuccess:
    show_summary()
