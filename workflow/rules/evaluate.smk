"""Networks to figures per slice and per patient.

Requires models/, png/, masks/ and inventory/.
Makes predictions/, dice/, volumes/ and triplets/.
"""


rule predict:
    """Segment the patients that a network never saw, or the test cohort by all networks of an experiment."""
    input:
        unpack(prediction_inputs),
    output:
        folder=directory(f"{R}/predictions/{{experiment}}/{{run}}"),
        index=f"{R}/predictions/{{experiment}}/{{run}}.tsv",
    log:
        f"{R}/logs/predict/{{experiment}}/{{run}}.log",
    benchmark:
        f"{R}/benchmarks/predict/{{experiment}}/{{run}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
    params:
        threshold=experiment_setting("threshold"),
        largest_component=experiment_setting("largest_component"),
        cohort=predicted_cohort,
        threads=config["training"]["threads"],
        code=prediction_code,
    script:
        "../scripts/predict.py"


rule predict_logits:
    """Write the grey logits that the original study scored in place of masks, for experiments that do so too."""
    input:
        unpack(prediction_inputs),
    output:
        folder=directory(f"{R}/logits/{{experiment}}/{{run}}"),
        index=f"{R}/logits/{{experiment}}/{{run}}.tsv",
    log:
        f"{R}/logs/predict_logits/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
    params:
        cohort=predicted_cohort,
        threads=config["training"]["threads"],
        code=prediction_logits_code,
    script:
        "../scripts/predict_logits.py"


rule evaluate:
    """Measure a run's predictions against the ground truth, per slice and per patient."""
    input:
        unpack(evaluation_inputs),
        prediction_index=f"{R}/predictions/{{experiment}}/{{run}}.tsv",
    output:
        slices=f"{R}/dice/{{experiment}}/{{run}}.tsv",
        patients=f"{R}/volumes/{{experiment}}/{{run}}.tsv",
    log:
        f"{R}/logs/evaluate/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        labels=labels_of,
        code=digest_of("evaluate"),
    script:
        "../scripts/evaluate.py"


rule draw_triplets:
    """Show image, prediction and ground truth of each slice side by side, as the original study did."""
    input:
        unpack(scored_indexes),
        prediction_index=f"{R}/predictions/{{experiment}}/{{run}}.tsv",
    output:
        folder=directory(f"{R}/triplets/{{experiment}}/{{run}}"),
        index=f"{R}/triplets/{{experiment}}/{{run}}.tsv",
    log:
        f"{R}/logs/draw_triplets/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        masks=masks_folder,
        images=images_folder,
        code=digest_of("draw_triplets"),
    script:
        "../scripts/draw_triplets.py"


rule describe_model:
    """Write the card that goes with a network: use, licence, split, scores on patients it never saw, training."""
    input:
        card=f"{R}/models/{{experiment}}/{{run}}/card.json",
        patients=f"{R}/volumes/{{experiment}}/{{run}}.tsv",
    output:
        model_card=f"{R}/models/{{experiment}}/{{run}}/model_card.json",
    log:
        f"{R}/logs/describe_model/{{experiment}}/{{run}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        source="phantom" if source_of("development", config) == "phantom" else "chaos",
        code=digest_of("describe_model"),
    script:
        "../scripts/describe_model.py"


rule evaluated:
    """Every figure per slice and per patient, the triplets and the models' cards."""
    input:
        rules.quality_control.output,
        [
            f"{R}/{stage}/{name}/{run}.tsv"
            for name, runs in PREDICTIONS.items()
            for run in runs
            for stage in ("predictions", "dice", "volumes", *(["triplets"] if name in SHOWN else []))
        ],
        [f"{R}/models/{run.experiment}/{run.name}/model_card.json" for run in RUNS],
