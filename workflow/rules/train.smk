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
        snapshots=directory(f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/snapshots"),
    log:
        f"{R}/logs/train/{{experiment}}/fold{{fold}}_seed{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/train/{{experiment}}/fold{{fold}}_seed{{seed}}.tsv"
    wildcard_constraints:
        experiment=one_of(TRAINED),
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
        runtime=config["training"]["runtime_minutes"],
    params:
        settings=training_settings,
        # Undeclared as outputs: Snakemake would delete them when the job is killed.
        checkpoints=f"{R}/checkpoints/{{experiment}}/fold{{fold}}_seed{{seed}}",
        events=f"{R}/tensorboard/{{experiment}}/fold{{fold}}_seed{{seed}}",
        code=training_code,
    script:
        "../scripts/train.py"


rule take_snapshot:
    """Hand on a snapshot of a training as the model of an experiment of its own."""
    input:
        unpack(snapshot_inputs),
    output:
        history=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/history.tsv",
        weights=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/weights.safetensors",
        card=f"{R}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/card.json",
    log:
        f"{R}/logs/take_snapshot/{{experiment}}/fold{{fold}}_seed{{seed}}.log",
    wildcard_constraints:
        experiment=one_of(SNAPSHOTS),
    conda:
        "../../envs/data.yaml"
    params:
        epoch=snapshot_epoch,
        code=digest_of("take_snapshot"),
    script:
        "../scripts/take_snapshot.py"


rule trained:
    """Every network of the study."""
    input:
        rules.quality_control.output,
        # Each file by itself: Snakemake makes nothing anew that is deleted and that no target names.
        [
            f"{R}/models/{run.experiment}/{run.name}/{name}"
            for run in RUNS
            for name in ("card.json", "weights.safetensors", "history.tsv")
        ],
