"""On request: a page on which volumes are looked through, with ground truth and predictions over them.

Requires raw/, inventory/, masks/, predictions/ and tables/, and segmented/ where there is one.
Makes viewer/ and niivue/.
"""


rule fetch_niivue:
    """Fetch NiiVue from npm, once."""
    output:
        file=f"{RESULTS}/niivue/niivue.umd.js",
    log:
        f"{RESULTS}/logs/fetch_niivue.log",
    conda:
        "../../envs/view.yaml"
    params:
        package="@niivue/niivue@0.69.0",
        # Of the package as npm packs it. No digest of the code: an edit of ours makes it no other.
        sha512="60c8d0bc9803d56d9bec3ba8c64c250b85716eb80878f449e6ac90cd72b18b6b"
        "f6301560dbce4ffc2210ca0e3aa030c60c871a3656ddf8c86d3bf79d31b5c990",
        member="package/dist/niivue.umd.js",
    script:
        "../scripts/fetch_niivue.py"


rule viewer:
    """Write the page, and each volume with its ground truth and predictions."""
    input:
        unpack(inputs_of(inputs.viewer)),
        page=sorted(map(str, (FOLDER / "viewer").iterdir())),
        niivue=rules.fetch_niivue.output.file,
    output:
        viewer=directory(f"{RESULTS}/viewer"),
    log:
        f"{RESULTS}/logs/viewer.log",
    conda:
        "../../envs/view.yaml"
    params:
        experiments=PLAN.viewed,
        name=Path(RESULTS).name,
        source=PLAN.source,
        of_patients=patients_of(inputs.viewer),
        code=digest_of("viewer"),
    script:
        "../scripts/viewer.py"
