"""Plot the results of scale.py: CPU time and memory against jobs, on logarithmic axes."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from prepare import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from chaosliver.figures.style import PALETTE, STYLE

PANELS = {"processor_seconds": "processor time, s", "peak_mb": "peak memory, MB"}
SERIES = {"20 patients, ever more trainings": "patients == 20", "10 trainings, ever more patients": "trainings == 10"}


def main() -> None:
    """Plot the table given first into the picture given second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    measured = pd.read_csv(arguments.table, sep="\t")
    # Both series start with the smallest study.
    rows = pd.concat([measured.query(which).assign(series=name) for name, which in SERIES.items()])
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(PANELS), figsize=(10, 4), layout="constrained")
        for panel, (column, title) in zip(panels, PANELS.items(), strict=True):
            sns.lineplot(
                rows,
                **{"x": "jobs", "y": column, "hue": "what", "style": "series", "markers": True},
                palette=PALETTE[:2],
                ax=panel,
            )
            panel.margins(y=0.12)
            panel.set(xscale="log", yscale="log", xlabel="jobs", ylabel=title)
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_minor_locator(NullLocator())
                axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            _draw_proportional(panel, rows["jobs"], rows[column])
        handles, labels = panels[0].get_legend_handles_labels()
        for panel in panels:
            panel.get_legend().remove()
        # seaborn's legend includes the names of the columns.
        named = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label not in rows.columns]
        figure.legend(*zip(*named, strict=True), loc="outside lower center", ncols=5)
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(arguments.picture)


def _draw_proportional(panel: plt.Axes, jobs: pd.Series, values: pd.Series) -> None:
    """A line through the largest study that shows growth in proportion to the jobs."""
    largest = jobs.max()
    ends = [largest * values.min() / values.max(), largest]
    panel.plot(ends, [values.min(), values.max()], color="grey", linestyle=":", label="in proportion to jobs")


if __name__ == "__main__":
    main()
