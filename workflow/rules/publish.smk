"""On request: the finished study as one folder to hand on.

Requires tables/, figures/ and models/.
Makes crate/.
"""


rule crate:
    """Describe the finished study as a Workflow Run RO-Crate, with its code, configuration and results."""
    input:
        # Neither weights nor contact sheets, which are folders.
        made=[
            path
            for path in rules.summarised.input
            if path.startswith(tuple(f"{RESULTS}/{stage}/" for stage in ("tables", "figures", "models")))
            and Path(path).suffix not in ("", ".safetensors")
        ],
        provenance=rules.sign_tables.output.provenance,
        sheet=config["patients"],
    output:
        crate=directory(f"{RESULTS}/crate"),
    log:
        f"{RESULTS}/logs/crate.log",
    conda:
        "../../envs/publish.yaml"
    params:
        configuration=config,
        source=PLAN.source,
        code=digest_of("crate"),
    script:
        "../scripts/crate.py"
