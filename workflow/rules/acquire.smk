"""Archive to patients.

Requires the config's archives and the patient sheet.
Makes raw/{patient}/ and its index raw/{patient}.tsv.
"""


rule download_archive:
    """Fetch an archive, resuming what an earlier call left."""
    output:
        archive=protected(f"{R}/raw/{{cohort}}.zip"),
    log:
        f"{R}/logs/download_archive/{{cohort}}.log",
    wildcard_constraints:
        cohort=cohorts_from("url"),
    conda:
        "../../envs/data.yaml"
    params:
        url=lookup(dpath="archives/{cohort}/url", within=config),
        sha256=expected_sha256,
    script:
        "../scripts/download_archive.py"


rule draw_phantom:
    """Draw a small phantom archive, laid out as the challenge's own."""
    output:
        archive=f"{R}/raw/{{cohort}}.zip",
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


rule list_archive:
    """List the archive's members that the study needs, and refuse a wrong or incomplete archive."""
    input:
        archive=fetched_archive,
    output:
        members=f"{R}/raw/{{cohort}}.members.tsv",
    log:
        f"{R}/logs/list_archive/{{cohort}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        archive=archive_of,
        sha256=expected_sha256,
        phantom=drawn_from,
        patients=cohort_sequences,
        ground_truth=lookup(dpath="archives/{cohort}/ground_truth", within=config),
        code=digest_of("list_archive"),
    script:
        "../scripts/list_archive.py"


rule unpack_patient:
    """Unpack one patient's members."""
    input:
        archive=fetched_archive,
        # The list grows with the sheet: what of it concerns this patient stands in the params.
        members=ancient(members_of),
    output:
        folder=directory(f"{R}/raw/{{patient}}"),
        index=f"{R}/raw/{{patient}}.tsv",
    log:
        f"{R}/logs/unpack_patient/{{patient}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        archive=archive_of,
        sha256=expected_sha256,
        phantom=drawn_from,
        sequences=patient_sequences,
        ground_truth=patient_has_ground_truth,
        code=digest_of("unpack_patient"),
    script:
        "../scripts/unpack_patient.py"
