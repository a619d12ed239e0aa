"""The workflow at the top level, where `snakemake` looks first; Snakemake's catalogue looks for workflow/Snakefile."""


include: "workflow/Snakefile"


# What an included file calls its default is not taken for the whole workflow's.
workflow.default_target = "all"
