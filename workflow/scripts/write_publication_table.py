"""Write the table of experiments as a paper prints it."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables import publication


def main(*, experiments_table: Path, tidy: Path, markdown: Path, latex: Path) -> None:
    """Write the publication table as tidy TSV, Markdown and LaTeX."""
    publication.write_publication_table(experiments_table, tidy, markdown, latex)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        experiments_table=Path(snakemake.input.experiments_table),
        tidy=Path(snakemake.output.tidy),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
