"""On request: is every file still as it was made?

Reads all folders that have an index, and models/. Makes nothing.
"""


rule verify:
    """Check every file of the study against the checksum taken when it was made."""
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=RESULTS,
        origins=lambda wildcards: PLAN.origins(),
    script:
        "../scripts/verify.py"
