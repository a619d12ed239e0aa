"""Of large cohorts: from the archive to images and masks, one job for each lot of patients and step.

Requires what acquire.smk and prepare.smk require, whose files these rules make for many patients at once.
Makes raw/, inventory/, masks/ and png/, and lots/, the lists on which later jobs depend.
"""


rule unpack_lot:
    """Unpack the files of a lot's patients that the study needs."""
    input:
        unpack(inputs_of(inputs.unpack_lot, age_ignored=["made"])),
    output:
        lot=f"{RESULTS}/lots/raw/{{lot}}.tsv",
    log:
        f"{RESULTS}/logs/unpack_lot/{{lot}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        archive=of_job(Plan.archive_of_lot),
        cohort=of_job(Plan.cohort_of_lot),
        ground_truth=of_job(Plan.lot_has_ground_truth),
        patients=of_job(Plan.sequences_in_lot),
        reads={},
        makes=patterns(rules.unpack_patient.output),
        code=digest_of("unpack_lot"),
    script:
        "../scripts/unpack_lot.py"


rule inventory_lot:
    """Describe every slice of a lot's patients, and report what is wrong with it."""
    input:
        lists=[f"{RESULTS}/lots/raw/{{lot}}.tsv"],
    output:
        lot=f"{RESULTS}/lots/inventory/{{lot}}.tsv",
    log:
        f"{RESULTS}/logs/inventory_lot/{{lot}}.log",
    priority: 1
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        ground_truth=of_job(Plan.lot_has_ground_truth),
        patients=of_job(Plan.sequences_in_lot),
        reads=patterns(rules.inventory_patient.input),
        makes=patterns(rules.inventory_patient.output),
        code=digest_of("inventory_lot"),
    script:
        "../scripts/inventory_lot.py"


rule pair_lot:
    """Pair each image of a lot's patients, if they have no errors, with its ground truth."""
    input:
        lists=[f"{RESULTS}/lots/inventory/{{lot}}.tsv"],
    output:
        lot=f"{RESULTS}/lots/pairs/{{lot}}.tsv",
    log:
        f"{RESULTS}/logs/pair_lot/{{lot}}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        patients=of_job(Plan.accepted_in_lot),
        reads=patterns(rules.pair_slices.input),
        makes=patterns(rules.pair_slices.output),
        code=digest_of("pair_lot"),
    script:
        "../scripts/pair_lot.py"


rule extract_masks_of_lot:
    """Convert the ground truth of a sequence of a lot's patients to masks of one organ."""
    input:
        lists=[f"{RESULTS}/lots/raw/{{lot}}.tsv", f"{RESULTS}/lots/pairs/{{lot}}.tsv"],
    output:
        lot=f"{RESULTS}/lots/masks/{{organ}}/{{sequence}}/{{lot}}.tsv",
    log:
        f"{RESULTS}/logs/extract_masks_of_lot/{{organ}}/{{sequence}}/{{lot}}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        grey_range=entry_of(config["grey_ranges"], "organ"),
        patients=of_job(Plan.with_sequence_in_lot),
        reads=patterns(rules.extract_masks.input),
        makes=patterns(rules.extract_masks.output),
        code=digest_of("extract_masks_of_lot"),
    script:
        "../scripts/extract_masks_of_lot.py"


rule convert_images_of_lot:
    """Convert the DICOM slices of a sequence of a lot's patients to PNG."""
    input:
        lists=[f"{RESULTS}/lots/raw/{{lot}}.tsv", f"{RESULTS}/lots/pairs/{{lot}}.tsv"],
    output:
        lot=f"{RESULTS}/lots/png/{{encoding}}/{{sequence}}/{{lot}}.tsv",
    log:
        f"{RESULTS}/logs/convert_images_of_lot/{{encoding}}/{{sequence}}/{{lot}}.log",
    conda:
        "../../envs/data.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=entry_of(config["encodings"], "encoding"),
        patients=of_job(Plan.with_sequence_in_lot),
        reads=patterns(rules.convert_images.input),
        makes=patterns(rules.convert_images.output),
        code=digest_of("convert_images_of_lot"),
    script:
        "../scripts/convert_images_of_lot.py"
