"""Put the network for use into one folder."""

from chaosliver.base.jobs import run
from chaosliver.tables.packs import make_pack

if "snakemake" in globals():
    run(snakemake, make_pack)
