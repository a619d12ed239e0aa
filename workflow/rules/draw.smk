"""From tables, predictions, masks and images to figures.

Requires tables/, models/, dice/, predictions/, masks/ and png/.
Makes figures/, and the table of training by scored sequence.
"""


rule plot_dice:
    """Draw the box plots of Dice by experiment."""
    input:
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        png=study_figure("dice", "1 Dice by experiment"),
        svg=f"{RESULTS}/figures/dice.svg",
    log:
        f"{RESULTS}/logs/plot_dice.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=PLAN.shown,
        organs=PLAN.other_organs(),
        code=digest_of("plot_dice"),
    script:
        "../scripts/plot_dice.py"


rule plot_differences:
    """Draw the differences in Dice between experiments, with intervals."""
    input:
        comparisons_table=f"{RESULTS}/tables/comparisons.tsv",
    output:
        png=study_figure("differences", "2 Differences in Dice"),
        svg=f"{RESULTS}/figures/differences.svg",
    log:
        f"{RESULTS}/logs/plot_differences.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("plot_differences"),
    script:
        "../scripts/plot_differences.py"


rule plot_verdicts:
    """Draw the verdicts of the plan, with the intervals that decide."""
    input:
        verdicts_table=f"{RESULTS}/tables/verdicts.tsv",
    output:
        png=study_figure("verdicts", "0 Verdicts of the plan"),
        svg=f"{RESULTS}/figures/verdicts.svg",
    log:
        f"{RESULTS}/logs/plot_verdicts.log",
    conda:
        "../../envs/report.yaml"
    params:
        margin=config["analysis"]["margin"],
        code=digest_of("plot_verdicts"),
    script:
        "../scripts/plot_verdicts.py"


rule plot_along_liver:
    """Draw the Dice along the liver, from dome to tip."""
    input:
        slices_table=f"{RESULTS}/tables/slices.tsv",
    output:
        png=study_figure("along_liver", "3 Dice along the liver"),
        svg=f"{RESULTS}/figures/along_liver.svg",
    log:
        f"{RESULTS}/logs/plot_along_liver.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=PLAN.shown,
        organs=PLAN.other_organs(),
        code=digest_of("plot_along_liver"),
    script:
        "../scripts/plot_along_liver.py"


rule plot_volumes:
    """Draw the agreement of predicted volumes with the ground truth."""
    input:
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        png=study_figure("volumes", "6 Agreement of volumes (Bland-Altman)"),
        svg=f"{RESULTS}/figures/volumes.svg",
    log:
        f"{RESULTS}/logs/plot_volumes.log",
    conda:
        "../../envs/report.yaml"
    params:
        experiments=PLAN.shown,
        organs=PLAN.other_organs(),
        code=digest_of("plot_volumes"),
    script:
        "../scripts/plot_volumes.py"


rule plot_learning_curve:
    """Draw the Dice by number of training patients."""
    input:
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        png=study_figure("learning_curve", "5 Learning curve by number of training patients"),
        svg=f"{RESULTS}/figures/learning_curve.svg",
    log:
        f"{RESULTS}/logs/plot_learning_curve.log",
    conda:
        "../../envs/report.yaml"
    params:
        training_patients=PLAN.training_patients(),
        code=digest_of("plot_learning_curve"),
    script:
        "../scripts/plot_learning_curve.py"


rule cross_sequence:
    """Tabulate and draw how well a network trained on one sequence segments another."""
    input:
        experiments_table=f"{RESULTS}/tables/experiments.tsv",
    output:
        matrix_table=table_file("cross_sequence.tsv", "cross_sequence", "3 Training by scored sequence, TSV"),
        png=study_figure("cross_sequence", "4 Training by scored sequence"),
        svg=f"{RESULTS}/figures/cross_sequence.svg",
    log:
        f"{RESULTS}/logs/cross_sequence.log",
    conda:
        "../../envs/report.yaml"
    params:
        train_on=PLAN.cross_sequence_experiments(),
        code=digest_of("cross_sequence"),
    script:
        "../scripts/cross_sequence.py"


rule plot_training:
    """Draw loss and validation Dice of every training, and the best epoch if its weights are used."""
    input:
        histories=[f"{RESULTS}/models/{run.experiment}/{run.name}/history.tsv" for run in PLAN.trainings],
    output:
        png=in_report("figures/training.png", "training", "3 Training", figure="Training curves"),
        svg=f"{RESULTS}/figures/training.svg",
    log:
        f"{RESULTS}/logs/plot_training.log",
    conda:
        "../../envs/report.yaml"
    params:
        labels=[
            {**run._asdict(), "choose": PLAN.experiments[run.experiment].recipe["choose"]} for run in PLAN.trainings
        ],
        code=digest_of("plot_training"),
    script:
        "../scripts/plot_training.py"


rule draw_overlays:
    """Draw an experiment's best, median and worst slices with the contours of prediction and ground truth."""
    input:
        unpack(inputs_of(inputs.draw_overlays)),
    output:
        picture=in_report(
            "figures/overlays/{experiment}.png",
            "overlays",
            "6 Slices",
            "1 Best, median and worst slices",
            experiment="{experiment}",
        ),
    log:
        f"{RESULTS}/logs/draw_overlays/{{experiment}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs=of_job(Plan.overlay_runs),
        predictions=f"{RESULTS}/predictions/{{experiment}}",
        masks=of_job(inputs.masks_folder),
        images=of_job(inputs.images_folder),
        organ=experiment_setting("organ"),
        of_patients=patients_of(inputs.draw_overlays),
        code=digest_of("draw_overlays"),
    script:
        "../scripts/draw_overlays.py"


rule draw_contact_sheets:
    """Draw all slices of each patient of an experiment with the contours of prediction and ground truth."""
    input:
        unpack(inputs_of(inputs.draw_overlays)),
    output:
        folder=directory(f"{RESULTS}/figures/contact_sheets/{{experiment}}"),
        worst=in_report(
            "figures/worst_patients/{experiment}.png",
            "contact_sheets",
            "6 Slices",
            "2 Patient with the lowest Dice",
            experiment="{experiment}",
        ),
    log:
        f"{RESULTS}/logs/draw_contact_sheets/{{experiment}}.log",
    conda:
        "../../envs/report.yaml"
    params:
        runs=of_job(Plan.overlay_runs),
        predictions=f"{RESULTS}/predictions/{{experiment}}",
        masks=of_job(inputs.masks_folder),
        images=of_job(inputs.images_folder),
        of_patients=patients_of(inputs.draw_overlays),
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
        rules.count_slices.output,
        rules.compare_experiments.output,
        rules.price_errors.output,
        rules.judge_contrasts.output,
        rules.write_publication_table.output,
        rules.cross_sequence.output,
        rules.list_trainings.output,
        rules.sign_tables.output,
        rules.show_tables.output,
        rules.write_methods.output,
        rules.write_checklists.output,
        rules.plot_dice.output,
        rules.plot_differences.output,
        rules.plot_verdicts.output,
        rules.plot_along_liver.output,
        rules.plot_volumes.output,
        rules.plot_learning_curve.output,
        rules.plot_training.output,
        expand(rules.draw_overlays.output, experiment=PLAN.shown),
        expand(rules.draw_contact_sheets.output, experiment=PLAN.shown),
