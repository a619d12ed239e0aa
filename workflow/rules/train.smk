"""From training samples to networks.

Requires png/, masks/ and augmented/.
Makes models/{experiment}/fold{fold}_seed{seed}/.
"""


rule train:
    """Train one network, or take the finished checkpoint with the same settings, data and code."""
    input:
        unpack(inputs_of(inputs.train)),
        checked=f"{RESULTS}/inventory/development.checked.tsv",
    output:
        history=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/history.tsv",
        weights=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/weights.safetensors",
        card=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/card.json",
        snapshots=directory(f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/snapshots"),
    log:
        f"{RESULTS}/logs/train/{{experiment}}/fold{{fold}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{experiment}}/fold{{fold}}_seed{{seed}}.tsv"
    wildcard_constraints:
        experiment=one_of(PLAN.trained),
    conda:
        "../../envs/network.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=1,
        mem_mb=config["training"]["memory_mb"],
        runtime=config["training"]["runtime_minutes"],
    params:
        settings=of_job(Plan.training_settings),
        # Not declared as outputs, since Snakemake would delete them if the job is killed.
        checkpoints=f"{RESULTS}/checkpoints/{{experiment}}/fold{{fold}}_seed{{seed}}",
        events=f"{RESULTS}/tensorboard/{{experiment}}/fold{{fold}}_seed{{seed}}",
        computing=of_job(Plan.computing_code),
        of_patients=patients_of(inputs.train),
        code=code_with_network("train"),
    script:
        "../scripts/train.py"


rule take_snapshot:
    """Make a snapshot of a training the model of an experiment of its own."""
    input:
        unpack(inputs_of(inputs.take_snapshot, age_ignored=["snapshots"])),
    output:
        history=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/history.tsv",
        weights=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/weights.safetensors",
        card=f"{RESULTS}/models/{{experiment}}/fold{{fold}}_seed{{seed}}/card.json",
    log:
        f"{RESULTS}/logs/take_snapshot/{{experiment}}/fold{{fold}}_seed{{seed}}.log",
    wildcard_constraints:
        experiment=one_of(PLAN.snapshots),
    conda:
        "../../envs/data.yaml"
    params:
        epoch=of_job(Plan.snapshot_epoch),
        code=digest_of("take_snapshot"),
    script:
        "../scripts/take_snapshot.py"


rule trained:
    """Every network of the study."""
    input:
        rules.quality_control.output,
        # File by file: Snakemake does not make a deleted file again unless a target names it.
        [
            f"{RESULTS}/models/{run.experiment}/{run.name}/{name}"
            for run in PLAN.runs
            for name in ("card.json", "weights.safetensors", "history.tsv")
        ],
