"""What a change of the code costs that alters no PNG: the sample's 14 patients, one call, and two calls in turn.

In a copy of the workflow a small study of both sequences runs once. Then the module that converts images gets a
statement that does nothing, so that all images are converted again to the same bytes. In one call Snakemake then runs
everything below them, too. With a call that ends at the images first, the next one finds that they did not change.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, copy_workflow, parse_with_archive

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv

MODULE = "workflow/scripts/chaosliver/prepare/images.py"
# What converts images, of single patients and of lots.
RULES = ("convert_images", "convert_images_of_lot")
COLUMNS = ("lot_size", "calls", "what", "jobs", "seconds")
# Small trainings: they are not what is measured.
TINY = {
    "based_on": "fast",
    "split": "three_fold",
    "train_on": ["t1_in_phase"],
    "score_on": ["t1_in_phase", "t2_spir"],
    "network": {"channels": 4, "depth": 2},
    "recipe": {"grid": {"rows": 32, "columns": 48, "spacing_mm": 8.0}, "epochs": 2},
}


def main() -> None:
    """Measure each size of lots, print the table, and write it to `--output`."""
    arguments = _arguments()
    rows: list[dict[str, Any]] = []
    for lot_size in arguments.lot_sizes:
        with TemporaryDirectory() as name:
            study = make_study(Path(name) / "study", arguments.archive.resolve(), lot_size)
            call(study, ["all"])
            for calls in ([["all"]], [["--until", RULES[lot_size > 1], "--", "all"], ["all"]]):
                with (study / MODULE).open("a", encoding="utf-8") as code:
                    code.write(f"\n_CHANGE = {len(rows)}\n")
                done = [call(study, arguments) for arguments in calls]
                jobs, seconds = (sum(part) for part in zip(*done, strict=True))
                rows.append({"lot_size": lot_size, "calls": len(calls), "what": ", then ".join(map(" ".join, calls))})
                rows[-1] |= {"jobs": jobs, "seconds": round(seconds, 1)}
                print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def make_study(study: Path, archive: Path, lot_size: int) -> Path:
    """A copy of the workflow with an overlay."""
    copy_workflow(study)
    overlay = {
        "results": "results/cutoff",
        "archives": {"development": {"path": str(archive)}},
        "experiments": {"tiny": TINY},
        "study": ["tiny"],
        "training": {"threads": 1},
        "lot_size": lot_size,
    }
    (study / "config/cutoff.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return study


def call(study: Path, arguments: list[str]) -> tuple[int, float]:
    """Jobs that a call of Snakemake ran, and its seconds."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--resources", "gpu=2"]
    # With that of profiles/default a call would end up to ten seconds late.
    command += ["--max-jobs-per-timespan", "100/1s", "--verbose"]
    command += ["--configfile", "config/sample.yaml", "config/cutoff.yaml"]
    started = time.perf_counter()
    # Options before targets, which a list of files would take for its own.
    done = subprocess.run(
        [*command, *(arguments if "--" in arguments else ["--", *arguments])],
        cwd=study,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    # With --until, "of 65 steps" counts those, too, that are not reached.
    return len(re.findall(r"^Finished jobid: ", done.stdout + done.stderr, re.MULTILINE)), seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the 14 patients, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("--lot-sizes", type=int, nargs="+", default=[1, 7], help="default: 1 7")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parse_with_archive(parser)


if __name__ == "__main__":
    main()
