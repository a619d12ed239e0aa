"""From each patient's files to images, masks and augmented samples.

Requires raw/{patient}.tsv.
Makes inventory/, splits/, masks/, png/ and augmented/.
"""


rule inventory_patient:
    """Describe every slice of a patient, and report what is wrong with it."""
    input:
        raw_index=f"{RESULTS}/raw/{{patient}}.tsv",
        listed=f"{RESULTS}/raw/{{patient}}.listed.tsv",
    output:
        slices=f"{RESULTS}/inventory/{{patient}}.slices.tsv",
        findings=f"{RESULTS}/inventory/{{patient}}.findings.tsv",
    log:
        f"{RESULTS}/logs/inventory_patient/{{patient}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        sequences=of_job(Plan.sequences_of),
        ground_truth=of_job(Plan.has_ground_truth),
        code=digest_of("inventory_patient"),
    script:
        "../scripts/inventory_patient.py"


rule check_cohort:
    """Stop the study if a patient of a cohort has an error, or the same mask as another patient."""
    input:
        unpack(inputs_of(inputs.check_cohort)),
    output:
        checked=f"{RESULTS}/inventory/{{cohort}}.checked.tsv",
    log:
        f"{RESULTS}/logs/check_cohort/{{cohort}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        accepted=of_job(Plan.accepted_in),
        of_patients=patients_of(inputs.check_cohort),
        code=digest_of("check_cohort"),
    script:
        "../scripts/check_cohort.py"


rule quality_control:
    """Summarise the inventory of all patients, as tables and a picture."""
    input:
        unpack(inputs_of(inputs.quality_control)),
    output:
        patients_table=f"{RESULTS}/inventory/patients.tsv",
        findings_table=f"{RESULTS}/inventory/findings.tsv",
        picture=in_report("figures/quality_control.png", "qc", "2 Data", result="1 Quality control of every patient"),
    log:
        f"{RESULTS}/logs/quality_control.log",
    priority: 1
    conda:
        "../../envs/report.yaml"
    params:
        accepted=PLAN.accepted,
        of_patients=patients_of(inputs.quality_control),
        code=digest_of("quality_control"),
    script:
        "../scripts/quality_control.py"


rule pair_slices:
    """Pair each image of a patient without errors with its ground truth."""
    input:
        slices=f"{RESULTS}/inventory/{{patient}}.slices.tsv",
        findings=f"{RESULTS}/inventory/{{patient}}.findings.tsv",
    output:
        pairs=f"{RESULTS}/inventory/{{patient}}.pairs.tsv",
    log:
        f"{RESULTS}/logs/pair_slices/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        accepted=of_job(Plan.accepted_of),
        code=digest_of("pair_slices"),
    script:
        "../scripts/pair_slices.py"


rule split_patients:
    """Assign the development patients to training, validation and test, fold by fold."""
    output:
        table=f"{RESULTS}/splits/{{split}}.tsv",
    log:
        f"{RESULTS}/logs/split_patients/{{split}}.log",
    # People alone read the table: nothing waits for it, and it would be the last of its stage.
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        folds=entry_of(PLAN.folds, "split"),
        code=digest_of("split_patients"),
    script:
        "../scripts/split_patients.py"


rule extract_masks:
    """Convert the ground truth of a patient's sequence to masks of one organ."""
    input:
        raw_index=f"{RESULTS}/raw/{{patient}}.tsv",
        pairs=f"{RESULTS}/inventory/{{patient}}.pairs.tsv",
    output:
        folder=directory(f"{RESULTS}/masks/{{organ}}/{{sequence}}/{{patient}}"),
        index=f"{RESULTS}/masks/{{organ}}/{{sequence}}/{{patient}}.tsv",
    log:
        f"{RESULTS}/logs/extract_masks/{{organ}}/{{sequence}}/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        grey_range=entry_of(config["grey_ranges"], "organ"),
        code=digest_of("extract_masks"),
    script:
        "../scripts/extract_masks.py"


rule convert_images:
    """Convert the DICOM slices of a patient's sequence to PNG."""
    input:
        raw_index=f"{RESULTS}/raw/{{patient}}.tsv",
        pairs=f"{RESULTS}/inventory/{{patient}}.pairs.tsv",
    output:
        folder=directory(f"{RESULTS}/png/{{encoding}}/{{sequence}}/{{patient}}"),
        index=f"{RESULTS}/png/{{encoding}}/{{sequence}}/{{patient}}.tsv",
    log:
        f"{RESULTS}/logs/convert_images/{{encoding}}/{{sequence}}/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        settings=entry_of(config["encodings"], "encoding"),
        code=digest_of("convert_images"),
    script:
        "../scripts/convert_images.py"


rule augment:
    """Draw augmented samples of a fold's training slices."""
    input:
        unpack(inputs_of(inputs.augment)),
    output:
        folder=directory(
            f"{RESULTS}/augmented/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}"
        ),
        index=f"{RESULTS}/augmented/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.tsv",
    log:
        f"{RESULTS}/logs/augment/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/augment/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        settings=entry_of(config["augmentations"], "augmentation"),
        leaks=of_job(Plan.leaks_of),
        of_patients=patients_of(inputs.augment),
        code=digest_of("augment"),
    script:
        "../scripts/augment.py"


rule prepared:
    """All that training needs: every slice checked, split, converted and augmented."""
    input:
        rules.quality_control.output,
        # Table by table: Snakemake does not make a deleted file again unless a target names it, or it needs it.
        PLAN.lists.lists_of(inputs.tables_of_patients(PLAN)),
        expand(rules.check_cohort.output, cohort=PLAN.cohorts),
        expand(rules.split_patients.output, split=PLAN.folds),
        PLAN.lists.lists_of(inputs.training_data(PLAN)),
