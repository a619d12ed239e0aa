"""On request: the finished study as one folder to hand on, and the challenge's entry.

Requires tables/, figures/, models/, and for the entry predictions/, inventory/ and raw/.
Makes crate/ and submission/.
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


rule make_submission:
    """Put the masks of the challenge's test patients into the zip that it asks for, and read it back."""
    input:
        unpack(inputs_of(inputs.make_submission)),
    output:
        archive=f"{RESULTS}/submission/chaos_task3.zip",
        contents=f"{RESULTS}/submission/contents.tsv",
    log:
        f"{RESULTS}/logs/make_submission.log",
    conda:
        "../../envs/data.yaml"
    params:
        folders=lambda wildcards: list(PLAN.submission),
        of_patients=patients_of(inputs.make_submission),
        code=digest_of("make_submission"),
    script:
        "../scripts/make_submission.py"


rule submission:
    """The zip that the challenge asks for, of its 20 test patients."""
    input:
        rules.quality_control.output,
        rules.make_submission.output,


rule check_submission:
    """Check a zip that is to be sent to the challenge: `--config submission_zip=PATH`."""
    input:
        unpack(inputs_of(inputs.check_submission)),
    log:
        f"{RESULTS}/logs/check_submission.log",
    conda:
        "../../envs/data.yaml"
    params:
        of_patients=patients_of(inputs.check_submission),
        submission_zip=lambda wildcards: PLAN.submission_zip,
    script:
        "../scripts/check_submission.py"
