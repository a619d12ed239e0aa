"""How much memory a job may fill with data."""

import psutil

# The rest is for the network, its activations and the interpreter.
SHARE_FOR_DATA = 0.5


def bytes_for_data(requested_mb: int) -> int:
    """Bytes that data may take: half of what is free now, or of what the job asked for if that is less."""
    free = min(psutil.virtual_memory().available, requested_mb * 10**6)
    return int(free * SHARE_FOR_DATA)
