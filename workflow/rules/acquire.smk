"""From the archive to each patient's files.

Requires the config's archives and the patient sheet.
Makes raw/{patient}/ and its index raw/{patient}.tsv.
"""


rule download_archive:
    """Download an archive, resuming an earlier download."""
    output:
        archive=protected(f"{RESULTS}/raw/{{cohort}}.zip"),
        receipt=f"{RESULTS}/raw/{{cohort}}.sha256",
    log:
        f"{RESULTS}/logs/download_archive/{{cohort}}.log",
    wildcard_constraints:
        cohort=one_of(PLAN.cohorts_from("url")),
    conda:
        "../../envs/data.yaml"
    params:
        url=lookup(dpath="archives/{cohort}/url", within=config),
        sha256=lookup(dpath="archives/{cohort}/sha256", within=config, default=None),
    script:
        "../scripts/download_archive.py"


rule download_parts:
    """Download the members of an archive that the study needs, and no others."""
    output:
        receipt=f"{RESULTS}/raw/{{cohort}}.sha256",
    log:
        f"{RESULTS}/logs/download_parts/{{cohort}}.log",
    wildcard_constraints:
        cohort=one_of(PLAN.cohorts_from("parts")),
    conda:
        "../../envs/data.yaml"
    params:
        url=lookup(dpath="archives/{cohort}/url", within=config),
        # Not declared as an output, since Snakemake would delete what was fetched before.
        archive=entry_of(PLAN.archives, "cohort"),
        patients=of_job(Plan.sequences_in),
        ground_truth=lookup(dpath="archives/{cohort}/ground_truth", within=config),
    script:
        "../scripts/download_parts.py"


rule draw_phantom:
    """Draw a small phantom archive with the layout of the challenge's archive."""
    output:
        archive=f"{RESULTS}/raw/{{cohort}}.zip",
        receipt=f"{RESULTS}/raw/{{cohort}}.sha256",
    log:
        f"{RESULTS}/logs/draw_phantom/{{cohort}}.log",
    wildcard_constraints:
        cohort=one_of(PLAN.cohorts_from("phantom")),
    conda:
        "../../envs/data.yaml"
    params:
        patients=of_job(Plan.cohort_patients),
        seed=lookup(dpath="archives/{cohort}/phantom/seed", within=config),
        ground_truth=lookup(dpath="archives/{cohort}/ground_truth", within=config),
        code=digest_of("draw_phantom"),
    script:
        "../scripts/draw_phantom.py"


rule check_archive:
    """Check an archive that is already on disk."""
    output:
        receipt=f"{RESULTS}/raw/{{cohort}}.sha256",
    log:
        f"{RESULTS}/logs/check_archive/{{cohort}}.log",
    wildcard_constraints:
        cohort=one_of(PLAN.cohorts_from("path")),
    conda:
        "../../envs/data.yaml"
    params:
        archive=entry_of(PLAN.archives, "cohort"),
        sha256=lookup(dpath="archives/{cohort}/sha256", within=config, default=None),
    script:
        "../scripts/check_archive.py"


rule unpack_patient:
    """Unpack the files of one patient that the study needs."""
    input:
        unpack(inputs_of(inputs.unpack_patient, age_ignored=["made"])),
    output:
        folder=directory(f"{RESULTS}/raw/{{patient}}"),
        listed=f"{RESULTS}/raw/{{patient}}.listed.tsv",
        index=f"{RESULTS}/raw/{{patient}}.tsv",
    log:
        f"{RESULTS}/logs/unpack_patient/{{patient}}.log",
    # All patients are checked before one with errors stops the study, so that all errors are shown at once.
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        archive=of_job(Plan.archive_of),
        cohort=of_job(Plan.cohort_of),
        sequences=of_job(Plan.sequences_of),
        ground_truth=of_job(Plan.has_ground_truth),
        code=digest_of("unpack_patient"),
    script:
        "../scripts/unpack_patient.py"
