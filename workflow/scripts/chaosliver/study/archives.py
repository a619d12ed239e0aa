"""Where the archive of each cohort comes from, and where it lies."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import InputError

# The first that is given counts.
SOURCES = ("phantom", "path", "parts", "url")


def source_of(cohort: str, config: Mapping[str, Any]) -> str:
    """Where a cohort's archive comes from: `phantom` before `path` before `parts` of the url before `url`."""
    for source in SOURCES:
        if config["archives"][cohort].get(source):
            return source
    raise InputError(f"config key archives.{cohort}: names neither a path nor a url nor a phantom. Give one of them")


def archive_path(cohort: str, config: Mapping[str, Any]) -> str:
    """Where a cohort's archive lies: below the results if the workflow makes it, else where the user says.

    The user's path may hold ~ and environment variables. Raises InputError where one of them is not set.
    """
    source = source_of(cohort, config)
    if source != "path":
        return f"{config['results']}/raw/{cohort}{'.parts' if source == 'parts' else ''}.zip"
    given = config["archives"][cohort]["path"]
    path = os.path.expandvars(Path(given).expanduser())
    if "$" in path or not path.strip("."):
        raise InputError(
            f"config key archives.{cohort}.path: {given} names an environment variable that is empty or not set. "
            "Set it to the archive's zip or to the folder it was unpacked to"
        )
    return path
