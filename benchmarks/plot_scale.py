"""Plot the results of scale.py: CPU time and memory against patients and against trainings, on logarithmic axes."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from prepare import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

from chaosliver.figures.style import PALETTE, STYLE

MEASURES = {"processor_seconds": "processor time, s", "peak_mb": "peak memory, MB"}
# By what the study grows, and what stays the same.
GROWTHS = {"patients": "trainings == 10", "trainings": "patients == 20"}


def main() -> None:
    """Plot the table given first into the picture given second."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    measured = pd.read_csv(arguments.table, sep="\t")
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(2, 2, figsize=(10, 7), layout="constrained", sharex="col", sharey="row")
        for column, (grows, same) in enumerate(GROWTHS.items()):
            for row, (measure, title) in enumerate(MEASURES.items()):
                panel, rows = panels[row, column], measured.query(same)
                sns.lineplot(rows, x=grows, y=measure, hue="what", marker="o", palette=PALETTE[:2], ax=panel)
                panel.margins(y=0.12)
                panel.set(xscale="log", yscale="log", xlabel=f"{grows} ({same.replace(' == ', ': ')})", ylabel=title)
                panel.xaxis.set_major_locator(FixedLocator(sorted(rows[grows].unique())))
                panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                for axis in (panel.xaxis, panel.yaxis):
                    axis.set_minor_locator(NullLocator())
                    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
                panel.get_legend().remove()
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(arguments.picture)


if __name__ == "__main__":
    main()
