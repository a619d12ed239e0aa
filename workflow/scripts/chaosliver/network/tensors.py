"""Steps before and after a network as tensor operations alone, which ONNX can hold: no loop over pixels, no OpenCV.

Each does what its twin in prepare/images.py, network/grids.py or network/prediction.py does with NumPy and OpenCV, and
takes volumes of any size: whatever depends on it is computed from tensors.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

# OpenCV's kernel for floats reaches so many standard deviations to both sides together.
KERNEL_DEVIATIONS = 8
DRAWN_LEVELS, BLACK_TO_WHITE = 256, 255


def quantile(values: Tensor, share: float) -> Tensor:
    """The value at a share of the sorted values, between two neighbours in proportion; values [..., count]."""
    sorted_values = values.double().sort(dim=-1).values
    place = torch.scalar_tensor(values.shape[-1] - 1, dtype=torch.float64) * share
    below, above = place.floor(), place.ceil()
    low = sorted_values.index_select(-1, below.long()[None])[..., 0]
    high = sorted_values.index_select(-1, above.long()[None])[..., 0]
    return low + (high - low) * (place - below)


def drawn(greys: Tensor, shape: tuple[int, int], *, brightest_to_zero: bool) -> Tensor:
    """Slices [slices, rows, columns] as the original study drew them, float32 0 to 255 on `shape`."""
    brightest = greys.amax(dim=(1, 2), keepdim=True)
    darker = greys < brightest
    white = torch.where(darker, greys, greys.min()).amax(dim=(1, 2), keepdim=True)
    cut = torch.zeros_like(white) if brightest_to_zero else white
    kept = torch.where(greys > white, cut, greys).double()
    low = kept.amin(dim=(1, 2), keepdim=True)
    spread = (kept.amax(dim=(1, 2), keepdim=True) - low).clamp(min=1)
    levels = ((kept - low) / spread * DRAWN_LEVELS).floor().clamp(max=BLACK_TO_WHITE)
    levels = torch.where(darker.any(dim=2, keepdim=True).any(dim=1, keepdim=True), levels, 0.0).float()
    for dim, size in enumerate(shape, 1):
        steps = torch.arange(size, dtype=torch.float64) + 0.5
        nearest = (steps * levels.shape[dim] / size).floor().long()
        levels = levels.index_select(dim, nearest)
    return levels


def linear_weights(centres: Tensor, size: int) -> Tensor:
    """Weights [centres, size] that read a line of pixels at `centres`, between two pixels in proportion.

    Beyond the line's ends there is 0.
    """
    return torch.relu(1 - (centres[:, None] - torch.arange(size)[None]).abs())


def resize_weights(target: tuple[int, int], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Weights of rows and of columns that resize `shape` to `target`: by area where rows become fewer, else linearly.

    Where rows become fewer and columns more, OpenCV goes by area in neither, but by a rule of its own.
    """
    fewer_rows = torch.scalar_tensor(target[0]) < torch.scalar_tensor(shape[0])
    more_columns = torch.scalar_tensor(target[1]) > torch.scalar_tensor(shape[1])
    both = [
        torch.where(
            fewer_rows,
            torch.where(more_columns, _area_enlarged(new, old), _area_weights(new, old)),
            _between_weights(new, old),
        )
        for new, old in zip(target, shape, strict=True)
    ]
    return both[0], both[1]


def blur_weights(size: int, deviation: Tensor) -> Tensor:
    """Weights [size, size] of a Gaussian blur of a line of pixels, mirrored at its ends without repeating them."""
    width = (KERNEL_DEVIATIONS * deviation + 1).round()
    radius = torch.div(width + 1 - width % 2, 2, rounding_mode="floor")
    row, column = torch.arange(size)[:, None].double(), torch.arange(size)[None].double()
    last = torch.scalar_tensor(size - 1, dtype=torch.float64)

    def at(distance: Tensor) -> Tensor:
        return torch.where(distance.abs() <= radius, torch.exp(-((distance / deviation) ** 2) / 2), 0.0)

    weights = at(row - column) + torch.where(column > 0, at(row + column), 0.0)
    weights = weights + torch.where(column < last, at(2 * last - row - column), 0.0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def apply_weights(planes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Planes [..., rows, columns] with weights [new rows, rows] and [new columns, columns]."""
    return rows.to(planes.dtype) @ planes @ columns.to(planes.dtype).T


def largest_component(mask: Tensor, spread: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The largest component of a boolean mask, whose pixels are connected as `spread` spreads a label by one pixel.

    Every pixel starts with a label of its own. In each step a label that meets a larger one anywhere becomes that one
    everywhere, so that labels travel far in few steps.
    """
    count = mask.numel()
    labels = torch.where(mask, torch.arange(1, count + 1).reshape(mask.shape), 0)

    def goes_on(labels: Tensor, changed: Tensor) -> Tensor:
        return changed > 0

    def step(labels: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        met = spread(labels, mask).flatten()
        becomes = torch.arange(count + 1).scatter_reduce(0, labels.flatten(), met, "amax")
        becomes = becomes[becomes]
        renamed = becomes[becomes][labels]
        return renamed, (renamed != labels).sum()

    several = torch.ones((), dtype=torch.long)
    labels, _ = torch._higher_order_ops.while_loop(goes_on, step, (labels, several))
    flat = labels.flatten()
    sizes = torch.zeros(count + 1, dtype=torch.long).scatter_add(0, flat, torch.ones_like(flat))
    sizes = torch.where(torch.arange(count + 1) > 0, sizes, 0)
    return mask & (labels == sizes.argmax())


def over_faces(labels: Tensor, mask: Tensor) -> Tensor:
    """Labels spread to neighbours along each axis, within the mask."""
    for dim in range(labels.dim()):
        labels = torch.where(mask, _largest_beside(labels, dim), 0)
    return labels


def over_corners(labels: Tensor, mask: Tensor) -> Tensor:
    """Labels spread to all eight neighbours in a plane, within the mask."""
    return torch.where(mask, _largest_beside(_largest_beside(labels, 0), 1), 0)


def opened(mask: Tensor, width: int) -> Tensor:
    """A boolean plane without what a square of `width` pixels does not fit into; beyond its edges nothing counts."""
    plane = mask.float()[None]
    eroded = -max_pool2d(-plane, width, stride=1, padding=width // 2)
    return max_pool2d(eroded, width, stride=1, padding=width // 2)[0] > 0.5


def middle_of(line: Tensor) -> Tensor:
    """The middle between the first and the last place where a boolean line is true."""
    first = line.long().argmax()
    last = line.shape[0] - 1 - line.flip(0).long().argmax()
    return (first + last).double() / 2


def _between_weights(new: int, old: int) -> Tensor:
    """Linear weights of a line of `old` pixels on `new` ones, whose ends go on beyond themselves."""
    centres = (torch.arange(new) + 0.5) * _ratio(old, new) - 0.5
    return linear_weights(centres.clamp(min=0).minimum(torch.scalar_tensor(old - 1, dtype=torch.float64)), old)


def _area_weights(new: int, old: int) -> Tensor:
    """Each new pixel is the mean of what it covers."""
    scale = _ratio(old, new)
    start, pixel = torch.arange(new)[:, None] * scale, torch.arange(old)[None]
    covered = torch.minimum(start + scale, pixel + 1.0) - torch.maximum(start, pixel.double())
    return torch.relu(covered) / scale


def _area_enlarged(new: int, old: int) -> Tensor:
    """OpenCV's weights by area where one of the two axes is enlarged."""
    step = torch.arange(new).double()
    below = (step * _ratio(old, new)).floor()
    share = (step + 1) - (below + 1) * _ratio(new, old)
    share = torch.where(share <= 0, 0.0, share - share.floor())
    last = torch.scalar_tensor(old - 1, dtype=torch.float64)
    return linear_weights(torch.minimum(below + share, last), old)


def _ratio(one: int, other: int) -> Tensor:
    return torch.scalar_tensor(one, dtype=torch.float64) / torch.scalar_tensor(other, dtype=torch.float64)


def _largest_beside(labels: Tensor, dim: int) -> Tensor:
    """The largest of each label and its two neighbours along an axis."""
    size = labels.shape[dim]
    nothing = torch.zeros_like(labels.narrow(dim, 0, 1))
    ahead = torch.cat([labels.narrow(dim, 1, size - 1), nothing], dim)
    behind = torch.cat([nothing, labels.narrow(dim, 0, size - 1)], dim)
    return torch.maximum(labels, torch.maximum(ahead, behind))
