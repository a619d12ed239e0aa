"""Tables, predictions, masks and images to figures.

Requires tables/, models/, dice/, predictions/, masks/ and png/.
Makes figures/, and the table of training by scored sequence.
"""


rule plot_dice:
    """Draw the box plots of Dice by experiment."""
    input:
        patients_table=f"{R}/tables/patients.tsv",
    output:
        png=study_figure("dice", "1 Dice by experiment"),
        svg=f"{R}/figures/dice.svg",
    log:
        f"{R}/logs/plot_dice.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=SHOWN,
        organs=other_organs(),
        code=digest_of("plot_dice"),
    script:
        "../scripts/plot_dice.py"


rule plot_differences:
    """Draw how far the experiments' Dice differ, with intervals."""
    input:
        comparisons_table=f"{R}/tables/comparisons.tsv",
    output:
        png=study_figure("differences", "2 Differences in Dice"),
        svg=f"{R}/figures/differences.svg",
    log:
        f"{R}/logs/plot_differences.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("plot_differences"),
    script:
        "../scripts/plot_differences.py"


rule plot_along_liver:
    """Draw the Dice along the liver, from dome to tip."""
    input:
        slices_table=f"{R}/tables/slices.tsv",
    output:
        png=study_figure("along_liver", "3 Dice along the liver"),
        svg=f"{R}/figures/along_liver.svg",
    log:
        f"{R}/logs/plot_along_liver.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=SHOWN,
        organs=other_organs(),
        code=digest_of("plot_along_liver"),
    script:
        "../scripts/plot_along_liver.py"


rule plot_volumes:
    """Draw how far predicted volumes agree with the ground truth."""
    input:
        patients_table=f"{R}/tables/patients.tsv",
    output:
        png=study_figure("volumes", "6 Agreement of volumes (Bland-Altman)"),
        svg=f"{R}/figures/volumes.svg",
    log:
        f"{R}/logs/plot_volumes.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=SHOWN,
        organs=other_organs(),
        code=digest_of("plot_volumes"),
    script:
        "../scripts/plot_volumes.py"


rule plot_learning_curve:
    """Draw the Dice by number of training patients."""
    input:
        patients_table=f"{R}/tables/patients.tsv",
    output:
        png=study_figure("learning_curve", "5 Learning curve by number of training patients"),
        svg=f"{R}/figures/learning_curve.svg",
    log:
        f"{R}/logs/plot_learning_curve.log",
    conda:
        "../../envs/report.yaml"
    params:
        training_patients=training_patients(),
        code=digest_of("plot_learning_curve"),
    script:
        "../scripts/plot_learning_curve.py"


rule cross_sequence:
    """Tabulate and draw what a network trained on one sequence is worth on another."""
    input:
        experiments_table=f"{R}/tables/experiments.tsv",
    output:
        matrix_table=table_file("cross_sequence.tsv", "cross_sequence", "3 Training by scored sequence, TSV"),
        png=study_figure("cross_sequence", "4 Training by scored sequence"),
        svg=f"{R}/figures/cross_sequence.svg",
    log:
        f"{R}/logs/cross_sequence.log",
    conda:
        "../../envs/report.yaml"
    params:
        train_on=cross_sequence_experiments(),
        code=digest_of("cross_sequence"),
    script:
        "../scripts/cross_sequence.py"


rule plot_training:
    """Draw loss and validation Dice of every training, and the best epoch where it is the one that is used."""
    input:
        histories=[f"{R}/models/{run.experiment}/{run.name}/history.tsv" for run in TRAININGS],
    output:
        png=in_report("figures/training.png", "training", "3 Training", figure="Training curves"),
        svg=f"{R}/figures/training.svg",
    log:
        f"{R}/logs/plot_training.log",
    conda:
        "../../envs/report.yaml"
    params:
        labels=[{**run._asdict(), "choose": EXPERIMENTS[run.experiment]["recipe"]["choose"]} for run in TRAININGS],
        code=digest_of("plot_training"),
    script:
        "../scripts/plot_training.py"


rule draw_overlays:
    """Draw an experiment's best, median and worst slices with the contours of prediction and ground truth."""
    input:
        unpack(overlay_inputs),
    output:
        picture=in_report(
            "figures/overlays/{experiment}.png",
            "overlays",
            "6 Slices",
            "1 Best, median and worst slices",
            experiment="{experiment}",
        ),
    log:
        f"{R}/logs/draw_overlays/{{experiment}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs=overlay_runs,
        predictions=f"{R}/predictions/{{experiment}}",
        masks=masks_folder,
        images=images_folder,
        organ=experiment_setting("organ"),
        code=digest_of("draw_overlays"),
    script:
        "../scripts/draw_overlays.py"


rule draw_contact_sheets:
    """Draw all slices of each patient of an experiment with the contours of prediction and ground truth."""
    input:
        unpack(overlay_inputs),
    output:
        folder=directory(f"{R}/figures/contact_sheets/{{experiment}}"),
        worst=in_report(
            "figures/worst_patients/{experiment}.png",
            "contact_sheets",
            "6 Slices",
            "2 Patient with the lowest Dice",
            experiment="{experiment}",
        ),
    log:
        f"{R}/logs/draw_contact_sheets/{{experiment}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs=overlay_runs,
        predictions=f"{R}/predictions/{{experiment}}",
        masks=masks_folder,
        images=images_folder,
        code=digest_of("draw_contact_sheets"),
    script:
        "../scripts/draw_contact_sheets.py"


rule summarised:
    """The whole study: tables, figures, triplets and quality control."""
    input:
        rules.prepared.input,
        rules.trained.input,
        rules.evaluated.input,
        rules.collect_tables.output,
        rules.compare_experiments.output,
        rules.price_errors.output,
        rules.write_publication_table.output,
        rules.cross_sequence.output,
        rules.list_trainings.output,
        rules.sign_tables.output,
        rules.show_tables.output,
        rules.write_methods.output,
        rules.plot_dice.output,
        rules.plot_differences.output,
        rules.plot_along_liver.output,
        rules.plot_volumes.output,
        rules.plot_learning_curve.output,
        rules.plot_training.output,
        expand(rules.draw_overlays.output, experiment=SHOWN),
        expand(rules.draw_contact_sheets.output, experiment=SHOWN),
