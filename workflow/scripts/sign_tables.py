"""Say where the study's tables come from: configuration, code, packages and data."""

from chaosliver.base.jobs import run
from chaosliver.tables.signing import sign_tables

if "snakemake" in globals():
    run(snakemake, sign_tables)
