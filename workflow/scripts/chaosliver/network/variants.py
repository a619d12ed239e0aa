"""Random variants of a batch in training: moved, mixed between patients, in other contrasts, with other grey values."""

from collections.abc import Sequence

import torch

from . import contrasts, mixing, transforms
from .recipe import Recipe


def vary(
    recipe: Recipe, images: torch.Tensor, masks: torch.Tensor, patients: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A variant of images [batch, channels, rows, columns] and masks [batch, organs, rows, columns] by the recipe.

    `patients` says whose image each is. Draws from torch's global generator, but not for what the recipe leaves out.
    """
    strength = transforms.STRENGTHS.get(recipe.transforms)
    drawn = transforms.draw(images, strength) if strength else None
    if drawn:
        images, masks = transforms.move(drawn, images, masks)
    if recipe.mixing:
        images, masks = mixing.apply(mixing.draw(recipe.mixing, patients, images), images, masks)
    images = contrasts.apply(contrasts.draw(recipe.contrasts, masks), images, masks)
    return (transforms.change_greys(drawn, images) if drawn else images), masks
