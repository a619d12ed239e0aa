"""Figures per slice and per patient to tables and pictures for people.

Requires dice/, volumes/, models/, predictions/, masks/ and png/.
Makes tables/ and figures/.
"""


rule collect_tables:
    """Collect all runs into tidy tables, one row per slice, per patient and per experiment."""
    input:
        slices=[f"{R}/dice/{name}/{run}.tsv" for name, runs in PREDICTIONS.items() for run in runs],
        patients=[f"{R}/volumes/{name}/{run}.tsv" for name, runs in PREDICTIONS.items() for run in runs],
    output:
        slices_table=f"{R}/tables/slices.tsv",
        patients_table=report(
            f"{R}/tables/patients.tsv",
            caption="../report/patients.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "4 Patients, TSV"},
        ),
        experiments_table=report(
            f"{R}/tables/experiments.tsv",
            caption="../report/tables.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "1 Experiments, TSV"},
        ),
        summary=f"{R}/tables/summary.txt",
    log:
        f"{R}/logs/collect_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("collect_tables"),
    script:
        "../scripts/collect_tables.py"


rule compare_experiments:
    """Compare each experiment with the study's first and with what it is based on, patient by patient."""
    input:
        patients_table=f"{R}/tables/patients.tsv",
    output:
        comparisons_table=report(
            f"{R}/tables/comparisons.tsv",
            caption="../report/comparisons.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "2 Paired comparisons, TSV"},
        ),
    log:
        f"{R}/logs/compare_experiments.log",
    conda:
        "../../envs/report.yaml"
    params:
        pairs=comparisons_of(EXPERIMENTS, config),
        code=digest_of("compare_experiments"),
    script:
        "../scripts/compare_experiments.py"


rule price_errors:
    """Tell what each error of a published study is worth, put right alone, and all of them together."""
    input:
        slices_table=f"{R}/tables/slices.tsv",
    output:
        prices_table=report(
            f"{R}/tables/prices.tsv",
            caption="../report/prices.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "6 Prices of the published errors, TSV"},
        ),
    log:
        f"{R}/logs/price_errors.log",
    conda:
        "../../envs/report.yaml"
    params:
        prices=prices_of(EXPERIMENTS, config),
        code=digest_of("price_errors"),
    script:
        "../scripts/price_errors.py"


rule write_publication_table:
    """Print the table of experiments as a paper does."""
    input:
        experiments_table=f"{R}/tables/experiments.tsv",
    output:
        tidy=f"{R}/tables/publication.tsv",
        markdown=report(
            f"{R}/tables/publication.md",
            caption="../report/publication.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "7 For publication, Markdown"},
        ),
        latex=report(
            f"{R}/tables/publication.tex",
            caption="../report/publication.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "8 For publication, LaTeX"},
        ),
    log:
        f"{R}/logs/write_publication_table.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("write_publication_table"),
    script:
        "../scripts/write_publication_table.py"


rule list_trainings:
    """Tabulate every training: what it learned from, the epoch taken, and validation beside held-out Dice."""
    input:
        cards=ALL_CARDS,
        patients_table=f"{R}/tables/patients.tsv",
    output:
        trainings_table=report(
            f"{R}/tables/trainings.tsv",
            caption="../report/trainings.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "5 Trainings, TSV"},
        ),
    log:
        f"{R}/logs/list_trainings.log",
    conda:
        "../../envs/report.yaml"
    params:
        labels=[run._asdict() for run in RUNS],
        code=digest_of("list_trainings"),
    script:
        "../scripts/list_trainings.py"


rule sign_tables:
    """Say where the tables come from: configuration, code, packages, archives and trainings."""
    input:
        tables=TABLES,
        receipts=[f"{R}/raw/{cohort}.sha256" for cohort in ARCHIVES],
        cards=ALL_CARDS,
    output:
        provenance=report(
            f"{R}/tables/provenance.json",
            caption="../report/provenance.rst",
            category="1 Methods",
            labels={"page": "3 Provenance, JSON to download"},
        ),
    log:
        f"{R}/logs/sign_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        configuration=described_study(),
        all_code=table_code(),
        code=digest_of("sign_tables"),
    script:
        "../scripts/sign_tables.py"


rule write_methods:
    """Write the methods of the study as a page, from the configuration that was run."""
    input:
        cards=CARDS,
    output:
        page=report(
            f"{R}/tables/methods.html",
            caption="../report/methods.rst",
            category="1 Methods",
            labels={"page": "1 Methods, references and licence"},
        ),
    log:
        f"{R}/logs/write_methods.log",
    conda:
        "../../envs/report.yaml"
    params:
        study=described_study(),
        code=digest_of("write_methods"),
    script:
        "../scripts/write_methods.py"


rule show_tables:
    """Write the tables as pages to read and sort in the report."""
    input:
        experiments_table=f"{R}/tables/experiments.tsv",
        comparisons_table=f"{R}/tables/comparisons.tsv",
        matrix_table=f"{R}/tables/cross_sequence.tsv",
        patients_table=f"{R}/tables/patients.tsv",
        trainings_table=f"{R}/tables/trainings.tsv",
        prices_table=f"{R}/tables/prices.tsv",
        findings_table=f"{R}/inventory/findings.tsv",
        provenance=f"{R}/tables/provenance.json",
    output:
        experiments=report(
            f"{R}/tables/pages/experiments.html",
            caption="../report/tables.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "1 Experiments"},
        ),
        comparisons=report(
            f"{R}/tables/pages/comparisons.html",
            caption="../report/comparisons.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "2 Paired comparisons"},
        ),
        cross_sequence=report(
            f"{R}/tables/pages/cross_sequence.html",
            caption="../report/cross_sequence.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "3 Training by scored sequence"},
        ),
        patients=report(
            f"{R}/tables/pages/patients.html",
            caption="../report/patients.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "4 Patients"},
        ),
        trainings=report(
            f"{R}/tables/pages/trainings.html",
            caption="../report/trainings.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "5 Trainings"},
        ),
        prices=report(
            f"{R}/tables/pages/prices.html",
            caption="../report/prices.rst",
            category="5 Tables",
            subcategory="1 Pages to read and sort",
            labels={"table": "6 Prices of the published errors"},
        ),
        findings=report(
            f"{R}/tables/pages/findings.html",
            caption="../report/findings.rst",
            category="2 Data",
            labels={"result": "2 Findings, file by file"},
        ),
        provenance=report(
            f"{R}/tables/pages/provenance.html",
            caption="../report/provenance.rst",
            category="1 Methods",
            labels={"page": "2 Provenance of the tables"},
        ),
    log:
        f"{R}/logs/show_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("show_tables"),
    script:
        "../scripts/show_tables.py"


rule plot_dice:
    """Draw the box plots of Dice by experiment."""
    input:
        patients_table=f"{R}/tables/patients.tsv",
    output:
        png=report(
            f"{R}/figures/dice.png",
            caption="../report/dice.rst",
            category="4 Figures",
            labels={"figure": "1 Dice by experiment"},
        ),
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
        png=report(
            f"{R}/figures/differences.png",
            caption="../report/differences.rst",
            category="4 Figures",
            labels={"figure": "2 Differences in Dice"},
        ),
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
        png=report(
            f"{R}/figures/along_liver.png",
            caption="../report/along_liver.rst",
            category="4 Figures",
            labels={"figure": "3 Dice along the liver"},
        ),
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
        png=report(
            f"{R}/figures/volumes.png",
            caption="../report/volumes.rst",
            category="4 Figures",
            labels={"figure": "6 Agreement of volumes (Bland-Altman)"},
        ),
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
        png=report(
            f"{R}/figures/learning_curve.png",
            caption="../report/learning_curve.rst",
            category="4 Figures",
            labels={"figure": "5 Learning curve by number of training patients"},
        ),
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
        matrix_table=report(
            f"{R}/tables/cross_sequence.tsv",
            caption="../report/cross_sequence.rst",
            category="5 Tables",
            subcategory="2 Files to download",
            labels={"table": "3 Training by scored sequence, TSV"},
        ),
        png=report(
            f"{R}/figures/cross_sequence.png",
            caption="../report/cross_sequence.rst",
            category="4 Figures",
            labels={"figure": "4 Training by scored sequence"},
        ),
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
        png=report(
            f"{R}/figures/training.png",
            caption="../report/training.rst",
            category="3 Training",
            labels={"figure": "Training curves"},
        ),
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
        picture=report(
            f"{R}/figures/overlays/{{experiment}}.png",
            caption="../report/overlays.rst",
            category="6 Slices",
            subcategory="1 Best, median and worst slices",
            labels={"experiment": "{experiment}"},
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
        worst=report(
            f"{R}/figures/worst_patients/{{experiment}}.png",
            caption="../report/contact_sheets.rst",
            category="6 Slices",
            subcategory="2 Patient with the lowest Dice",
            labels={"experiment": "{experiment}"},
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
