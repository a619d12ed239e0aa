"""Training pairs to networks.

Requires png/, masks/ and augmented/.
Makes models/{experiment}/fold{fold}_seed{seed}/.
"""


rule train:
    """Train one network, or take its finished checkpoint of the same settings, data and code."""
    input:
        unpack(training_inputs),
        checked=f"{R}/inventory/development.checked.tsv",
    output:
        history=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/history.tsv",
        weights=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/weights.safetensors",
        card=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/card.json",
    log:
        f"{R}/logs/train/{{experiment}}/fold{{fold}}_seed{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/train/{{experiment}}/fold{{fold}}_seed{{seed}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
        runtime=config["training"]["runtime_minutes"],
    params:
        settings=training_settings,
        # Undeclared as an output: Snakemake would delete it when the job is killed.
        checkpoint=f"{R}/checkpoints/{{experiment}}/fold{{fold}}_seed{{seed}}.pt",
        code=training_code,
    script:
        "../scripts/train.py"


rule trained:
    """Every network of the study."""
    input:
        rules.quality_control.output,
        [f"{R}/models/{run.experiment}/{run.name}/card.json" for run in RUNS],
