"""From scores per slice and per patient to tables.

Requires dice/, volumes/, models/, raw/, inventory/, png/ and masks/.
Makes tables/.
"""


rule collect_tables:
    """Collect all runs into tables with one row per slice, per patient and per experiment."""
    input:
        slices=[f"{RESULTS}/dice/{name}/{run}.tsv" for name, runs in PLAN.predictions.items() for run in runs],
        patients=[f"{RESULTS}/volumes/{name}/{run}.tsv" for name, runs in PLAN.predictions.items() for run in runs],
    output:
        slices_table=f"{RESULTS}/tables/slices.tsv",
        patients_table=table_file("patients.tsv", "patients", "4 Patients, TSV"),
        experiments_table=table_file("experiments.tsv", "tables", "1 Experiments, TSV"),
        summary=f"{RESULTS}/tables/summary.txt",
    log:
        f"{RESULTS}/logs/collect_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        folds_per_draw=PLAN.folds_per_draw(),
        code=digest_of("collect_tables"),
    script:
        "../scripts/collect_tables.py"


rule count_slices:
    """Count the slices of every patient from the archive to the tables, and stop if one is lost."""
    input:
        unpack(inputs_of(inputs.count_slices)),
        slices_table=f"{RESULTS}/tables/slices.tsv",
    output:
        counts_table=in_report(
            "tables/counts.tsv", "counts", "2 Data", result="3 Slices from the archive to the tables, TSV"
        ),
    log:
        f"{RESULTS}/logs/count_slices.log",
    conda:
        "../../envs/report.yaml"
    params:
        of_patients=patients_of(inputs.count_slices),
        code=digest_of("count_slices"),
    script:
        "../scripts/count_slices.py"


rule compare_experiments:
    """Compare each experiment with the first and with the one that it is based on, paired by patient."""
    input:
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        comparisons_table=table_file("comparisons.tsv", "comparisons", "2 Paired comparisons, TSV"),
    log:
        f"{RESULTS}/logs/compare_experiments.log",
    conda:
        "../../envs/report.yaml"
    params:
        pairs=PLAN.comparisons,
        code=digest_of("compare_experiments"),
    script:
        "../scripts/compare_experiments.py"


rule price_errors:
    """Tabulate by how much each error of a published study changed its Dice, alone and all together."""
    input:
        slices_table=f"{RESULTS}/tables/slices.tsv",
    output:
        prices_table=table_file("prices.tsv", "prices", "6 Prices of the published errors, TSV"),
    log:
        f"{RESULTS}/logs/price_errors.log",
    conda:
        "../../envs/report.yaml"
    params:
        prices=PLAN.prices,
        code=digest_of("price_errors"),
    script:
        "../scripts/price_errors.py"


rule judge_contrasts:
    """Judge each contrast of the plan of analysis: better, worse, equivalent or undecided, as one family."""
    input:
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        verdicts_table=table_file("verdicts.tsv", "verdicts", "7 Verdicts of the plan, TSV"),
        variances_table=table_file("variances.tsv", "variances", "8 Spread of patients, draws and seeds, TSV"),
    log:
        f"{RESULTS}/logs/judge_contrasts.log",
    conda:
        "../../envs/report.yaml"
    params:
        contrasts=PLAN.contrasts,
        margin=config["analysis"]["margin"],
        code=digest_of("judge_contrasts"),
    script:
        "../scripts/judge_contrasts.py"


rule write_publication_table:
    """Write the table of experiments for a paper."""
    input:
        experiments_table=f"{RESULTS}/tables/experiments.tsv",
    output:
        tidy=f"{RESULTS}/tables/publication.tsv",
        markdown=table_file("publication.md", "publication", "9 For publication, Markdown"),
        latex=table_file("publication.tex", "publication", "9 For publication, LaTeX"),
    log:
        f"{RESULTS}/logs/write_publication_table.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("write_publication_table"),
    script:
        "../scripts/write_publication_table.py"


rule list_trainings:
    """Tabulate every training: its patients, the chosen epoch, validation and held-out Dice."""
    input:
        cards=inputs.cards_of(PLAN, PLAN.runs),
        patients_table=f"{RESULTS}/tables/patients.tsv",
    output:
        trainings_table=table_file("trainings.tsv", "trainings", "5 Trainings, TSV"),
    log:
        f"{RESULTS}/logs/list_trainings.log",
    conda:
        "../../envs/report.yaml"
    params:
        labels=[run._asdict() for run in PLAN.runs],
        code=digest_of("list_trainings"),
    script:
        "../scripts/list_trainings.py"


rule sign_tables:
    """Record what the tables were made from: configuration, code, packages, archives and trainings."""
    input:
        tables=[f"{RESULTS}/tables/{name}.tsv" for name in TABLES],
        receipts=[f"{RESULTS}/raw/{cohort}.sha256" for cohort in PLAN.archives],
        cards=inputs.cards_of(PLAN, PLAN.runs),
    output:
        provenance=in_report("tables/provenance.json", "provenance", "1 Methods", page="3 Provenance, JSON to download"),
    log:
        f"{RESULTS}/logs/sign_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        configuration=PLAN.described_study(),
        all_code=PLAN.table_code(),
        code=digest_of("sign_tables"),
    script:
        "../scripts/sign_tables.py"


rule write_methods:
    """Write the page of methods, from the configuration that was run."""
    input:
        cards=inputs.cards_of(PLAN, PLAN.trainings),
        verdicts_table=f"{RESULTS}/tables/verdicts.tsv",
    output:
        page=in_report("tables/methods.html", "methods", "1 Methods", page="1 Methods, references and licence"),
    log:
        f"{RESULTS}/logs/write_methods.log",
    conda:
        "../../envs/report.yaml"
    params:
        study=PLAN.described_study(),
        code=digest_of("write_methods"),
    script:
        "../scripts/write_methods.py"


rule write_checklists:
    """Fill the checklists of CLAIM, TRIPOD+AI and Metrics Reloaded from the run."""
    input:
        cards=inputs.cards_of(PLAN, PLAN.trainings),
        experiments_table=f"{RESULTS}/tables/experiments.tsv",
        verdicts_table=f"{RESULTS}/tables/verdicts.tsv",
        volumes_table=f"{RESULTS}/inventory/patients.tsv",
        findings_table=f"{RESULTS}/inventory/findings.tsv",
    output:
        page=in_report("tables/checklists.html", "checklists", "1 Methods", page="4 Reporting checklists"),
        markdown=in_report(
            "tables/checklists.md", "checklists", "1 Methods", page="5 Reporting checklists, Markdown to download"
        ),
    log:
        f"{RESULTS}/logs/write_checklists.log",
    conda:
        "../../envs/report.yaml"
    params:
        study=PLAN.described_study(),
        texts=digest_of_texts("tables/checklist_items"),
        code=digest_of("write_checklists"),
    script:
        "../scripts/write_checklists.py"


rule show_tables:
    """Write the tables as pages to read and sort in the report."""
    input:
        experiments=f"{RESULTS}/tables/experiments.tsv",
        comparisons=f"{RESULTS}/tables/comparisons.tsv",
        cross_sequence=f"{RESULTS}/tables/cross_sequence.tsv",
        patients=f"{RESULTS}/tables/patients.tsv",
        trainings=f"{RESULTS}/tables/trainings.tsv",
        prices=f"{RESULTS}/tables/prices.tsv",
        verdicts=f"{RESULTS}/tables/verdicts.tsv",
        variances=f"{RESULTS}/tables/variances.tsv",
        findings=f"{RESULTS}/inventory/findings.tsv",
        provenance=f"{RESULTS}/tables/provenance.json",
    output:
        experiments=table_page("experiments", "tables", "1 Experiments"),
        comparisons=table_page("comparisons", "comparisons", "2 Paired comparisons"),
        cross_sequence=table_page("cross_sequence", "cross_sequence", "3 Training by scored sequence"),
        patients=table_page("patients", "patients", "4 Patients"),
        trainings=table_page("trainings", "trainings", "5 Trainings"),
        prices=table_page("prices", "prices", "6 Prices of the published errors"),
        verdicts=table_page("verdicts", "verdicts", "7 Verdicts of the plan"),
        variances=table_page("variances", "variances", "8 Spread of patients, draws and seeds"),
        findings=in_report("tables/pages/findings.html", "findings", "2 Data", result="2 Findings, file by file"),
        provenance=in_report(
            "tables/pages/provenance.html", "provenance", "1 Methods", page="2 Provenance of the tables"
        ),
    log:
        f"{RESULTS}/logs/show_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("show_tables"),
    script:
        "../scripts/show_tables.py"
