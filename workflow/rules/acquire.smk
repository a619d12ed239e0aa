"""Archive to patients.

Requires the config's archives and the patient sheet.
Makes raw/{patient}/ and its index raw/{patient}.tsv.
"""


rule download_archive:
    """Fetch an archive, resuming what an earlier call left."""
    output:
        archive=protected(f"{R}/raw/{{cohort}}.zip"),
        receipt=f"{R}/raw/{{cohort}}.sha256",
    log:
        f"{R}/logs/download_archive/{{cohort}}.log",
    wildcard_constraints:
        cohort=cohorts_from("url"),
    conda:
        "../../envs/data.yaml"
    params:
        url=lookup(dpath="archives/{cohort}/url", within=config),
        sha256=lookup(dpath="archives/{cohort}/sha256", within=config, default=None),
    script:
        "../scripts/download_archive.py"


rule draw_phantom:
    """Draw a small phantom archive, laid out as the challenge's own."""
    output:
        archive=f"{R}/raw/{{cohort}}.zip",
        receipt=f"{R}/raw/{{cohort}}.sha256",
    log:
        f"{R}/logs/draw_phantom/{{cohort}}.log",
    wildcard_constraints:
        cohort=cohorts_from("phantom"),
    conda:
        "../../envs/data.yaml"
    params:
        patients=cohort_patients,
        seed=lookup(dpath="archives/{cohort}/phantom/seed", within=config),
        ground_truth=lookup(dpath="archives/{cohort}/ground_truth", within=config),
        code=digest_of("draw_phantom"),
    script:
        "../scripts/draw_phantom.py"


rule check_archive:
    """Check an archive that is already on disk."""
    output:
        receipt=f"{R}/raw/{{cohort}}.sha256",
    log:
        f"{R}/logs/check_archive/{{cohort}}.log",
    wildcard_constraints:
        cohort=cohorts_from("path"),
    conda:
        "../../envs/data.yaml"
    params:
        archive=archive_of,
        sha256=lookup(dpath="archives/{cohort}/sha256", within=config, default=None),
    script:
        "../scripts/check_archive.py"


rule unpack_patient:
    """Unpack what the study needs of one patient."""
    input:
        unpack(archive_inputs),
    output:
        folder=directory(f"{R}/raw/{{patient}}"),
        index=f"{R}/raw/{{patient}}.tsv",
    log:
        f"{R}/logs/unpack_patient/{{patient}}.log",
    # All patients are looked at before one with errors stops the study: then every error is told at once.
    priority: 1
    conda:
        "../../envs/data.yaml"
    params:
        archive=archive_of,
        cohort=cohort_of,
        sequences=patient_sequences,
        ground_truth=patient_has_ground_truth,
        code=digest_of("unpack_patient"),
    script:
        "../scripts/unpack_patient.py"
