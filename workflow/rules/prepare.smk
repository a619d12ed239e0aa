"""Patients to training pairs.

Requires raw/{patient}.tsv.
Makes inventory/, splits/, masks/, png/ and augmented/.
"""


rule inventory_patient:
    """Describe every slice of a patient, and flag what is wrong with it."""
    input:
        raw_index=f"{R}/raw/{{patient}}.tsv",
    output:
        slices=f"{R}/inventory/{{patient}}.slices.tsv",
        findings=f"{R}/inventory/{{patient}}.findings.tsv",
    log:
        f"{R}/logs/inventory_patient/{{patient}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        sequences=patient_sequences,
        ground_truth=patient_has_ground_truth,
        code=digest_of("inventory_patient"),
    script:
        "../scripts/inventory_patient.py"


rule check_cohort:
    """Stop the study where a patient of a cohort has an error, or the same mask as another."""
    input:
        unpack(cohort_inventories),
    output:
        checked=f"{R}/inventory/{{cohort}}.checked.tsv",
    log:
        f"{R}/logs/check_cohort/{{cohort}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        code=digest_of("check_cohort"),
    script:
        "../scripts/check_cohort.py"


rule quality_control:
    """Gather what the inventory found over all patients, as tables and a picture."""
    input:
        slices=expand(f"{R}/inventory/{{patient}}.slices.tsv", patient=PATIENTS),
        findings=expand(f"{R}/inventory/{{patient}}.findings.tsv", patient=PATIENTS),
    output:
        patients_table=f"{R}/inventory/patients.tsv",
        findings_table=f"{R}/inventory/findings.tsv",
        picture=in_report("figures/quality_control.png", "qc", "2 Data", result="1 Quality control of every patient"),
    log:
        f"{R}/logs/quality_control.log",
    priority: 1
    conda:
        "../../envs/report.yaml"
    params:
        code=digest_of("quality_control"),
    script:
        "../scripts/quality_control.py"


rule pair_slices:
    """Admit a patient without errors to the study, each image paired with its ground truth."""
    input:
        slices=f"{R}/inventory/{{patient}}.slices.tsv",
        findings=f"{R}/inventory/{{patient}}.findings.tsv",
    output:
        pairs=f"{R}/inventory/{{patient}}.pairs.tsv",
    log:
        f"{R}/logs/pair_slices/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=digest_of("pair_slices"),
    script:
        "../scripts/pair_slices.py"


rule split_patients:
    """Assign the development patients to training, validation and test, fold by fold."""
    output:
        table=f"{R}/splits/{{split}}.tsv",
    log:
        f"{R}/logs/split_patients/{{split}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        folds=entry_of(FOLDS, "split"),
        code=digest_of("split_patients"),
    script:
        "../scripts/split_patients.py"


rule extract_masks:
    """Turn the ground truth of a patient's sequence into masks of one organ."""
    input:
        raw_index=f"{R}/raw/{{patient}}.tsv",
        pairs=f"{R}/inventory/{{patient}}.pairs.tsv",
    output:
        folder=directory(f"{R}/masks/{{organ}}/{{sequence}}/{{patient}}"),
        index=f"{R}/masks/{{organ}}/{{sequence}}/{{patient}}.tsv",
    log:
        f"{R}/logs/extract_masks/{{organ}}/{{sequence}}/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        grey_range=entry_of(config["grey_ranges"], "organ"),
        code=digest_of("extract_masks"),
    script:
        "../scripts/extract_masks.py"


rule convert_images:
    """Turn the DICOM slices of a patient's sequence into PNG."""
    input:
        raw_index=f"{R}/raw/{{patient}}.tsv",
        pairs=f"{R}/inventory/{{patient}}.pairs.tsv",
    output:
        folder=directory(f"{R}/png/{{encoding}}/{{sequence}}/{{patient}}"),
        index=f"{R}/png/{{encoding}}/{{sequence}}/{{patient}}.tsv",
    log:
        f"{R}/logs/convert_images/{{encoding}}/{{sequence}}/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        encoding=entry_of(config["encodings"], "encoding"),
        code=digest_of("convert_images"),
    script:
        "../scripts/convert_images.py"


rule augment:
    """Draw augmented samples of a fold's training slices."""
    input:
        unpack(augmentation_inputs),
    output:
        folder=directory(f"{R}/augmented/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}"),
        index=f"{R}/augmented/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.tsv",
    log:
        f"{R}/logs/augment/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.log",
    benchmark:
        f"{R}/benchmarks/augment/{{augmentation}}/{{encoding}}/{{organ}}/{{sequences}}/{{split}}_fold{{fold}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        settings=entry_of(config["augmentations"], "augmentation"),
        leaks=augmentation_leaks,
        code=digest_of("augment"),
    script:
        "../scripts/augment.py"


rule prepared:
    """Every slice checked, split, converted and augmented: all that training needs."""
    input:
        rules.quality_control.output,
        expand(f"{R}/raw/{{patient}}.tsv", patient=PATIENTS),
        expand(f"{R}/inventory/{{patient}}.pairs.tsv", patient=PATIENTS),
        expand(rules.check_cohort.output, cohort={patient.cohort for patient in PATIENTS.values()}),
        expand(rules.split_patients.output, split=FOLDS),
        training_data(),
