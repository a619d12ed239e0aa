"""On request: keep the cache of finished work that people share within its limit.

Reads and deletes entries of the config's `cache`. Makes nothing.
"""


rule prune_cache:
    """Delete the oldest entries of the cache until the others take no more than `cache.most_gb`."""
    log:
        f"{RESULTS}/logs/prune_cache.log",
    conda:
        "../../envs/data.yaml"
    params:
        settings=config["cache"],
    script:
        "../scripts/prune_cache.py"
