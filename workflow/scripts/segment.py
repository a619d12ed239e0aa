"""Segment studies of one's own with the network for use."""

from chaosliver.base.jobs import run
from chaosliver.exams.segmenting import segment_exams

if "snakemake" in globals():
    run(snakemake, segment_exams)
