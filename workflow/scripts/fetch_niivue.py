"""Fetch NiiVue, which draws the volumes of the viewer."""

from chaosliver.acquire.npm import fetch_package_file
from chaosliver.base.jobs import run

if "snakemake" in globals():
    run(snakemake, fetch_package_file)
