"""The settings of a training, as its parameters and its card hold them."""

from dataclasses import dataclass
from typing import Any, Literal

from ..prepare.samples import Leaks


@dataclass(frozen=True)
class GridSettings:
    """The network's pixels: `spacing_mm` a pixel around the middle of the body, or the whole image where it is None."""

    rows: int
    columns: int
    spacing_mm: float | None


@dataclass(frozen=True)
class CoarseStart:
    """The `share` of a training's epochs, its first ones, that see images on a coarser `grid`."""

    share: float
    grid: GridSettings


@dataclass(frozen=True)
class Contrasts:
    """The probability with which an image's grey values are changed, for each kind of change (network/contrasts).

    By a `curve` through random grey values, `clusters` of grey values each by itself, `organs` each by itself, and by
    `inversion`.
    """

    curve: float
    clusters: float
    organs: float
    inversion: float


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; workflow/schemas/config.schema.yaml says what each setting may be.

    `grid` holds the pixels that a finished network sees, `coarse_start` those of the first epochs where they differ;
    `context` is the number of neighbouring slices on either side; `mixing` the probability with which an image gets a
    part of another patient's; `balanced` whether every batch holds each sequence as often; `samples_per_epoch` how
    many slices an epoch passes through, each of them once where it is None; `largest_gradient` the norm to which
    gradients are cut; `average` the decay of the moving average of the weights, 0 for none; `patience` the number of
    epochs without a better one after which a training stops.
    """

    grid: GridSettings
    coarse_start: CoarseStart | None
    context: int
    normalisation: Literal["window", "volume", "none"]
    transforms: Literal["none", "mild", "strong"]
    contrasts: Contrasts
    mixing: float
    balanced: bool
    epochs: int
    samples_per_epoch: int | None
    batch_size: int
    loss: Literal["bce", "bce_dice"]
    optimiser: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float
    largest_gradient: float | None
    schedule: Literal["constant", "cosine"]
    warmup_epochs: float
    average: float
    precision: Literal["auto", "float32"]
    compile: bool
    choose: Literal["last", "best"]
    patience: int | None
    snapshots: tuple[int, ...]
    targets: Literal["binary", "grey"]
    stays_in_evaluation_mode: bool

    @property
    def coarse_epochs(self) -> int:
        """How many of the first epochs see the coarse grid."""
        return int(self.coarse_start.share * self.epochs) if self.coarse_start else 0


@dataclass(frozen=True)
class TrainingSettings:
    """Everything but the data that determines the weights.

    `network` holds the network's name and its own settings, and `code` the digest of the code that computes.
    """

    network: dict[str, Any]
    recipe: Recipe
    keep_originals: bool
    leaks: Leaks
    seed: int
    threads: int
    code: str
