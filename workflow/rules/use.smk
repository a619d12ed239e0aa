"""From a study to its network for use, and from studies of one's own to masks.

Requires models/, volumes/, inventory/ and raw/, or a pack from elsewhere.
Makes model/, onnx/ and segmented/.
"""


rule make_pack:
    """Put the network for use into one folder: weights, preprocessing, what to expect of it, and whom it learned from."""
    input:
        unpack(inputs_of(inputs.make_pack)),
    output:
        folder=directory(f"{RESULTS}/model"),
    log:
        f"{RESULTS}/logs/make_pack.log",
    conda:
        "../../envs/publish.yaml"
    params:
        settings=lambda wildcards: PLAN.pack_settings(),
        trained_as=lambda wildcards: [PLAN.origin_of(run) for run in PLAN.model_runs],
        source=PLAN.source,
        of_patients=patients_of(inputs.make_pack),
        code=digest_of("make_pack"),
    script:
        "../scripts/make_pack.py"


rule model:
    """The network for use, as a pack."""
    input:
        rules.quality_control.output,
        rules.make_pack.output,


rule export_onnx:
    """Write a pack as one ONNX file that holds everything from grey values to mask, for programs without torch."""
    input:
        pack=PLAN.pack,
    output:
        model=f"{RESULTS}/onnx/model.onnx",
    log:
        f"{RESULTS}/logs/export_onnx.log",
    conda:
        "../../envs/onnx.yaml"
    resources:
        mem_mb=config["training"]["memory_mb"],
    params:
        state=lambda wildcards: PLAN.pack_state,
        code=lambda wildcards: PLAN.code_for_packs("export_onnx"),
    script:
        "../scripts/export_onnx.py"


# Where a study is named, what is wrong with its name or path is told before anything is planned.
EXAMS = PLAN.exams if config["exam"] is not None else None


rule segment:
    """Segment studies of one's own with the networks of a pack, loaded once: masks, pictures, and a row for each."""
    input:
        pack=PLAN.pack,
    output:
        table=f"{RESULTS}/segmented/{{batch}}.tsv",
    log:
        f"{RESULTS}/logs/segment/{{batch}}.log",
    wildcard_constraints:
        batch=EXAM_NAME,
    conda:
        "../../envs/use.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
    params:
        exams=lambda wildcards: list(PLAN.exams.members),
        # Not declared as outputs, since Snakemake would delete the masks of every study where one cannot be read.
        folder=subpath(output.table, parent=True),
        anonymise=config["anonymise"],
        tolerance_mm=config["surface_tolerance_mm"],
        # As many as the call gives the job: unlike a training's, a mask does not depend on it.
        threads=lambda wildcards, threads: threads,
        state=lambda wildcards: PLAN.exam_state,
        code=lambda wildcards: PLAN.code_for_packs("segment"),
    script:
        "../scripts/segment.py"


rule segmented:
    """Masks of studies of one's own: `--config study=PATH`, and `pack=PATH` for networks from elsewhere."""
    input:
        lambda wildcards: f"{RESULTS}/segmented/{PLAN.exams.name}.tsv",
