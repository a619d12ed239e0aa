"""Draw augmented samples of a fold's training slices with Augmentor's operations."""

from chaosliver.base.jobs import run
from chaosliver.prepare.augmentation import augment

if "snakemake" in globals():
    run(snakemake, augment)
