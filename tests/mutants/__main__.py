"""Plants small bugs in the library, one at a time, and lists those that the unit tests do not notice.

PYTHONPATH=tests python -m mutants measure.metrics base.files --sample 60 --seed 1
"""

import argparse
import csv
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .finding import draw, equivalents, modules, tests_of
from .planting import Mutant
from .running import GRACE_S, ROOT, SLOWER, copies, import_big_libraries, path_of, test_each, test_unmutated

COLUMNS = (
    "module",
    "drawn",
    "killed",
    "by_time_limit",
    "survived",
    "equivalent",
    "share_killed",
    "command",
    "date",
    "commit",
)


@dataclass
class Count:
    """What became of a module's mutants; those known as equivalent are left out of `killed` and of `survivors`.

    Those that a time limit ended count as killed.
    """

    killed: int = 0
    timed_out: int = 0
    equivalent: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.killed + len(self.survivors)

    @property
    def share(self) -> float:
        return self.killed / self.tried if self.tried else 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="such as measure.metrics, or measure for a whole package; all")
    parser.add_argument("--sample", type=int, help="how many mutants are drawn; all of them")
    parser.add_argument("--each", type=int, help="how many mutants are drawn of each module; all of them")
    parser.add_argument("--seed", type=int, default=1, help="decides which are drawn")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants are tested at once")
    parser.add_argument(
        "--limit", type=float, help="seconds of the processor's time for one mutant; measured where not given"
    )
    parser.add_argument("--bar", type=float, default=0, help="exit with 1 below this percentage of killed mutants")
    parser.add_argument("--table", type=Path, help="a table of figures by module, in which its rows are replaced")
    return parser.parse_args()


def chosen(names: Sequence[str]) -> list[str]:
    """The modules of these names, and those of the packages of these names."""
    every = modules()
    if unknown := [name for name in names if not any(f"{module}.".startswith(f"{name}.") for module in every)]:
        sys.exit(f"No such module below the library: {', '.join(unknown)}. There are: {', '.join(every)}")
    return [module for module in every if not names or any(f"{module}.".startswith(f"{name}.") for name in names)]


def report(mutant: Mutant) -> str:
    place = f"{path_of(mutant.module)}:{mutant.line} {mutant.function}"
    return f"SURVIVED {place}\n    - {mutant.before}\n    + {mutant.after}"


def count_killed(mutants: Sequence[Mutant], jobs: int, limit_s: float | None) -> dict[str, Count]:
    """Tests each mutant with the tests of its module, and prints each survivor at once."""
    counts = {mutant.module: Count() for mutant in mutants}
    known = equivalents()
    tried = []
    for mutant in mutants:
        if (mutant.module, mutant.function, mutant.before, mutant.after) in known:
            counts[mutant.module].equivalent += 1
        else:
            tried.append(mutant)
    import_big_libraries()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = copies(Path(folder), jobs)
        limits = {}
        for files in {tests_of(mutant.module) for mutant in tried} if limit_s is None else ():
            outcome = test_unmutated(trees[0], files)
            if not outcome.passed:
                sys.exit(f"{' '.join(files)} fail without a mutant:\n{outcome.output[-3000:]}")
            limits[files] = SLOWER * outcome.seconds + GRACE_S
            print(f"{' '.join(files)}: {outcome.seconds:.1f} s without a mutant", file=sys.stderr, flush=True)
        work = ((mutant, tests_of(mutant.module), limits.get(tests_of(mutant.module), limit_s)) for mutant in tried)
        for mutant, outcome in test_each(trees, work):
            if outcome.passed:
                counts[mutant.module].survivors.append(mutant)
                print(report(mutant), flush=True)
            else:
                counts[mutant.module].killed += 1
                counts[mutant.module].timed_out += outcome.timed_out
    return counts


def print_shares(counts: Mapping[str, Count]) -> float:
    """Prints the counts by module, and returns the percentage of all."""
    print(f"\n{'module':<40}{'killed':>8}{'survived':>10}{'equivalent':>12}{'share':>9}")
    for module, count in counts.items():
        print(
            f"{module:<40}{count.killed:>8}{len(count.survivors):>10}{count.equivalent:>12}{100 * count.share:>8.1f}%"
        )
    killed, tried = sum(count.killed for count in counts.values()), sum(count.tried for count in counts.values())
    share = 100 * killed / tried if tried else 100.0
    timed_out = sum(count.timed_out for count in counts.values())
    print(f"{killed} of {tried} killed: {share:.1f} %; {timed_out} of them by a time limit")
    return share


def update_table(path: Path, counts: Mapping[str, Count]) -> None:
    """Replaces the rows of these modules in a table, and keeps the others."""
    held = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            held = {row["module"]: row for row in csv.DictReader(file, delimiter="\t")}
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    command = f"PYTHONPATH=tests python -m mutants {shlex.join(sys.argv[1:])}"
    for module, count in counts.items():
        held[module] = {
            "module": module,
            "drawn": count.tried + count.equivalent,
            "killed": count.killed,
            "by_time_limit": count.timed_out,
            "survived": len(count.survivors),
            "equivalent": count.equivalent,
            "share_killed": f"{count.share:.3f}",
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit,
        }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(held[module] for module in sorted(held))


def main() -> None:
    options = arguments()
    mutants = draw(chosen(options.modules), options.sample, options.each, options.seed)
    counts = count_killed(mutants, options.jobs, options.limit)
    share = print_shares(counts)
    if options.table:
        update_table(options.table, counts)
    if share < options.bar:
        sys.exit(f"Fewer than {options.bar:g} % of the mutants were killed")


if __name__ == "__main__":
    main()
