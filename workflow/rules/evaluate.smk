"""From networks to predictions, and scores per slice and per patient.

Requires models/, png/, masks/ and inventory/.
Makes predictions/, dice/, volumes/ and triplets/.
"""


rule predict:
    """Segment the patients that a network never saw, or the test cohort by all networks of an experiment."""
    input:
        unpack(inputs_of(inputs.predict, age_ignored=["weights"])),
    output:
        folder=directory(f"{RESULTS}/predictions/{{experiment}}/{{run}}"),
        index=f"{RESULTS}/predictions/{{experiment}}/{{run}}.tsv",
    log:
        f"{RESULTS}/logs/predict/{{experiment}}/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict/{{experiment}}/{{run}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
    params:
        threshold=experiment_setting("threshold"),
        largest_component=experiment_setting("largest_component"),
        cohort=of_job(Plan.predicted_cohort),
        trained_as=of_job(Plan.trained_as),
        threads=config["training"]["threads"],
        of_patients=patients_of(inputs.predict),
        code=code_with_network("predict"),
    script:
        "../scripts/predict.py"


rule predict_logits:
    """Write the grey logits that the original study scored instead of masks, for experiments that do the same."""
    input:
        unpack(inputs_of(inputs.predict, age_ignored=["weights"])),
    output:
        folder=directory(f"{RESULTS}/logits/{{experiment}}/{{run}}"),
        index=f"{RESULTS}/logits/{{experiment}}/{{run}}.tsv",
    log:
        f"{RESULTS}/logs/predict_logits/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
    params:
        cohort=of_job(Plan.predicted_cohort),
        trained_as=of_job(Plan.trained_as),
        threads=config["training"]["threads"],
        of_patients=patients_of(inputs.predict),
        code=code_with_network("predict_logits"),
    script:
        "../scripts/predict_logits.py"


rule evaluate:
    """Score a run's predictions against the ground truth, per slice and per patient."""
    input:
        unpack(inputs_of(inputs.evaluate)),
        prediction_index=f"{RESULTS}/predictions/{{experiment}}/{{run}}.tsv",
    output:
        slices=f"{RESULTS}/dice/{{experiment}}/{{run}}.tsv",
        patients=f"{RESULTS}/volumes/{{experiment}}/{{run}}.tsv",
    log:
        f"{RESULTS}/logs/evaluate/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        labels=lambda wildcards: labels_of(wildcards.experiment, wildcards.run),
        tolerance_mm=config["surface_tolerance_mm"],
        of_patients=patients_of(inputs.evaluate),
        code=digest_of("evaluate"),
    script:
        "../scripts/evaluate.py"


rule draw_triplets:
    """Show image, prediction and ground truth of each slice side by side, as the original study did."""
    input:
        unpack(inputs_of(inputs.draw_triplets)),
        prediction_index=f"{RESULTS}/predictions/{{experiment}}/{{run}}.tsv",
    output:
        folder=directory(f"{RESULTS}/triplets/{{experiment}}/{{run}}"),
        index=f"{RESULTS}/triplets/{{experiment}}/{{run}}.tsv",
    log:
        f"{RESULTS}/logs/draw_triplets/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        masks=of_job(inputs.masks_folder),
        images=of_job(inputs.images_folder),
        of_patients=patients_of(inputs.draw_triplets),
        code=digest_of("draw_triplets"),
    script:
        "../scripts/draw_triplets.py"


rule describe_model:
    """Write a network's model card: use, licence, split, scores on patients that it never saw, training."""
    input:
        unpack(inputs_of(inputs.describe_model)),
    output:
        readme=f"{RESULTS}/models/{{experiment}}/{{run}}/README.md",
    log:
        f"{RESULTS}/logs/describe_model/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/publish.yaml"
    params:
        settings=of_job(Plan.model_settings),
        source=PLAN.source,
        code=digest_of("describe_model"),
    script:
        "../scripts/describe_model.py"


rule evaluated:
    """All scores per slice and per patient, the triplets and the model cards."""
    input:
        rules.quality_control.output,
        [
            f"{RESULTS}/{stage}/{name}/{run}.tsv"
            for name, runs in PLAN.predictions.items()
            for run in runs
            for stage in ("predictions", "dice", "volumes", *(["triplets"] if name in PLAN.shown else []))
        ],
        [f"{RESULTS}/models/{run.experiment}/{run.name}/README.md" for run in PLAN.runs],
