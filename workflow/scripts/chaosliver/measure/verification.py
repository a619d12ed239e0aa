"""Whether the files of a study are still as they were made: Snakemake cannot see changes inside folders."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.cards import check_origin, read_card
from ..base.errors import InputError
from ..base.files import sha256_of
from ..base.indexes import problems_of
from ..base.lots import FOLDER, problems_of_lot

INDEXED = ("raw", "masks", "png", "augmented", "predictions", "logits", "triplets")
MODELS = "models"


def verify(*, results: Path, origins: dict[str, dict[str, Any]]) -> None:
    """Check every indexed file and every network below `results` against the checksum taken when it was made.

    `origins` says by <experiment>/<run> what the cards of the study's networks must say of their training. Raises
    InputError that names every missing or altered file, with the command that makes it again.
    """
    indexes = [
        index for tree in INDEXED for index in sorted((results / tree).rglob("*.tsv")) if index.with_suffix("").is_dir()
    ]
    cards = sorted((results / MODELS).rglob("card.json"))
    lots = sorted((results / FOLDER).rglob("*.tsv"))
    problems = [problem for lot in lots for problem in problems_of_lot(lot)]
    problems += [problem for index in indexes for problem in problems_of(index, index.with_suffix(""))]
    problems += [problem for card in cards for problem in _problems_of_model(card, origins)]
    if problems:
        raise InputError(f"{len(problems)} file(s) are not what was made:\n" + "\n".join(problems))
    logging.getLogger("progress").info("all is as it was made: %d folders and %d networks", len(indexes), len(cards))


def _problems_of_model(card: Path, origins: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    try:
        facts = read_card(card, ("weights_sha256", "snapshots"))
        check_origin(card, facts, origins.get(f"{card.parent.parent.name}/{card.parent.name}", {}))
    except InputError as problem:
        yield str(problem)
        return
    expected = {card.with_name("weights.safetensors"): facts["weights_sha256"]}
    expected |= {
        card.parent / "snapshots" / f"epoch{epoch}.safetensors": snapshot["weights_sha256"]
        for epoch, snapshot in facts["snapshots"].items()
    }
    remedy = f"Make it anew with: rm {card} && snakemake --cores 1 {card}"
    for path, digest in expected.items():
        if not path.is_file():
            yield f"{path}: is missing, but {card} describes it. {remedy}"
        elif sha256_of(path) != digest:
            yield f"{path}: is not what {card} describes. {remedy}"
