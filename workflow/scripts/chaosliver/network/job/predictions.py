"""Predictions as a job: from cards, weights and indexes of images to PNG and their index."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...base.cards import check_origin
from ...base.columns import PREDICTION_COLUMNS
from ...base.errors import InputError
from ...base.indexes import write_index
from ...base.png import write_png
from ...base.settings import from_mapping
from ...prepare.samples import list_images
from ..models import load_model
from ..numerics import set_tf32
from ..prediction import Draw, for_inference, logits_of_volume, segment_volume
from ..recipe import Recipe
from .gpus import claimed_device
from .memory import memory_advice


def predict_patients(
    *,
    cards: list[Path],
    weights: list[Path],
    trained_as: list[dict[str, Any]],
    images: list[Path],
    threshold: float,
    largest_component: bool,
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write `folder`/<sequence>/<patient>/<stem>.png, 0 or 255 on each image's own grid, and their index.

    `images` are the indexes <encoding>/<sequence>/<patient>.tsv. A pixel is of the organ where the networks' mean
    probability is at least `threshold` and, if asked for, in the volume's largest connected component. `trained_as`
    says what each card must say of its training, so that no network that saw these patients stands in for the one that
    did not. Raises InputError where weights are not those of their card, a card is of another training, and where the
    networks' recipes differ.
    """
    draw = partial(segment_volume, threshold=threshold, largest_component=largest_component)
    _predict(draw, cards, weights, trained_as, images, threads, cohort, folder, index)


def predict_logits(
    *,
    cards: list[Path],
    weights: list[Path],
    trained_as: list[dict[str, Any]],
    images: list[Path],
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write what the original study took for its predictions: logits times 255, cut to 8 bit, in place of masks.

    Files and arguments are those of `predict_patients`; the logits are the networks' mean.
    """
    _predict(logits_of_volume, cards, weights, trained_as, images, threads, cohort, folder, index)


def _predict(
    draw: Draw,
    cards: Sequence[Path],
    weights: Sequence[Path],
    trained_as: Sequence[Mapping[str, Any]],
    images: Sequence[Path],
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    torch.set_num_threads(threads)
    models = [load_model(card, path) for card, path in zip(cards, weights, strict=True)]
    for card, (_, facts), origin in zip(cards, models, trained_as, strict=True):
        check_origin(card, facts, origin)
    recipe = common_recipe(cards, [facts["recipe"] for _, facts in models])
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    with claimed_device(threads) as device, memory_advice(recipe):
        set_tf32(device, recipe.precision)
        networks = [for_inference(network, device, recipe.precision) for network, _ in models]
        for image_index in images:
            volume = list_images(image_index)
            drawn = draw(networks, [sample.plane() for sample in volume], recipe, device)
            for sample, pixels in zip(volume, drawn, strict=True):
                name = f"{sample.sequence}/{sample.patient}/{sample.stem}.png"
                write_png(folder / name, pixels)
                listed.append({**sample._asdict(), "file": name, "cohort": cohort})
    write_index(index, folder, listed, PREDICTION_COLUMNS)


def common_recipe(cards: Sequence[Path], recipes: Sequence[dict[str, Any]]) -> Recipe:
    """The recipe of networks that answer together. Raises InputError where they were trained with different ones."""
    for card, recipe in zip(cards, recipes, strict=True):
        if recipe != recipes[0]:
            raise InputError(f"{cards[0]} and {card}: models trained with different recipes. Retrain them together")
    return from_mapping(Recipe, recipes[0])
