"""From a study to its network for use.

Requires models/, volumes/, inventory/ and raw/.
Makes model/.
"""


rule make_pack:
    """Put the network for use into one folder: weights, preprocessing, what to expect of it, and whom it learned from."""
    input:
        unpack(lambda wildcards: inputs.make_pack(PLAN)),
    output:
        folder=directory(f"{RESULTS}/model"),
    log:
        f"{RESULTS}/logs/make_pack.log",
    conda:
        "../../envs/publish.yaml"
    params:
        settings=lambda wildcards: PLAN.pack_settings(),
        source=PLAN.source,
        code=digest_of("make_pack"),
    script:
        "../scripts/make_pack.py"


rule model:
    """The network for use, as a pack."""
    input:
        rules.quality_control.output,
        rules.make_pack.output,
