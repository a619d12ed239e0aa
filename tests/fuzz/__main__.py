"""Changes small files at random, and lists those that the library neither refuses by name nor reads as others do.

PYTHONPATH=tests:workflow/scripts python -m fuzz --count 4000 --seed 1
"""

import argparse
import secrets
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .kinds import KINDS
from .outcomes import ACCEPTED, REFUSED, Outcome
from .running import input_of, try_each

# Ignored by git.
FOUND = Path(__file__).resolve().parents[2] / ".fuzz"
MOST_SHOWN = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all")
    parser.add_argument("--seed", type=int, help="decides, with an input's number, what it is; another one each time")
    parser.add_argument(
        "--count", type=int, default=sys.maxsize, help="how many inputs are tried; as many as time allows"
    )
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--minutes", type=float, default=60, help="no input is begun later")
    parser.add_argument("--jobs", type=int, default=1, help="how many are tried at once")
    parser.add_argument("--least", type=int, default=0, help="exit with 1 if fewer were tried")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no kind {', '.join(sorted(unknown))}. There are: {', '.join(KINDS)}")
    return options


def keep(outcome: Outcome, seed: int, kinds: Sequence[str]) -> str:
    """Save an input that was found, with its message, and say how to try it again."""
    with warnings.catch_warnings(action="ignore"):
        name, content = input_of(seed, outcome.number, kinds)
    folder = FOUND / f"{name}-{seed}-{outcome.number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KINDS[name].name).write_bytes(content)
    (folder / "message.txt").write_text(f"{outcome.what}\n{outcome.detail}\n", encoding="utf-8")
    last = outcome.detail.strip().splitlines()[-1] if outcome.detail.strip() else ""
    again = f"make fuzz SEED={seed} FIRST={outcome.number} COUNT=1" + (f' KINDS="{" ".join(kinds)}"' if kinds else "")
    return f"FOUND {name} {outcome.number}: {outcome.what}: {last[:300]}\n    {folder}; again: {again}"


def main() -> None:
    options = arguments()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"fuzz: seed {seed}", flush=True)
    started = time.monotonic()
    numbers = range(options.first, min(options.first + options.count, sys.maxsize))
    counts: dict[str, Counter[str]] = {name: Counter() for name in options.kinds or KINDS}
    faults = 0
    for outcome in try_each(numbers, seed, options.kinds, options.jobs, started + 60 * options.minutes):
        name = list(counts)[outcome.number % len(counts)]
        counts[name][outcome.what if outcome.what in (ACCEPTED, REFUSED) else "found"] += 1
        if outcome.is_fault:
            faults += 1
            said = keep(outcome, seed, options.kinds)
            if faults <= MOST_SHOWN:
                print(said, flush=True)
    tried = sum(counter.total() for counter in counts.values())
    print(f"\n{'kind':<16}{'tried':>8}{'refused':>9}{'accepted':>10}{'found':>7}")
    for name, counter in counts.items():
        print(f"{name:<16}{counter.total():>8}{counter[REFUSED]:>9}{counter[ACCEPTED]:>10}{counter['found']:>7}")
    print(f"{tried} inputs of seed {seed} in {time.monotonic() - started:.0f} s: {faults} found")
    if faults:
        sys.exit(f"{faults} inputs were found: they lie in {FOUND}")
    if tried < options.least:
        sys.exit(f"Only {tried} inputs were tried, fewer than {options.least}")


if __name__ == "__main__":
    main()
