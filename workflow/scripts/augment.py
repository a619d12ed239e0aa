"""Draw augmented samples of a fold's training slices with Augmentor's operations."""

from chaosliver.base.sharing import run_shared
from chaosliver.prepare.augmentation import augment

if "snakemake" in globals():
    run_shared(snakemake, augment)
