"""Delete the oldest entries of the cache until the others keep to its limit."""

from chaosliver.base.jobs import run
from chaosliver.base.sharing import prune_cache

if "snakemake" in globals():
    run(snakemake, prune_cache)
