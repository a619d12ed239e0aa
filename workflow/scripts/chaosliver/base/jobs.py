"""What every adapter shares: a log in file and terminal, and one clear line for an error that a user can mend."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import InputError, StoppedError


def run_job(main: Callable[..., None], *, log: str, **arguments: Any) -> None:
    """Call `main(**arguments)` with logging to `log`; warnings and errors go to the terminal too.

    An InputError, a StoppedError or an OSError ends the process with status 1 and its message alone; anything else is
    a defect of ours and keeps its traceback.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    # A terminal shows what a person must know, and how a long job gets on.
    terminal.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "progress")
    terminal.setFormatter(logging.Formatter(f"%(levelname)s {_job_of(Path(log))}: %(message)s"))
    record = logging.FileHandler(log, mode="w", encoding="utf-8")
    record.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal, record], force=True)
    try:
        main(**arguments)
    except (InputError, StoppedError, OSError) as error:
        logging.error("%s", error)
        sys.exit(1)
    except Exception:
        record.handle(logging.makeLogRecord({"msg": "stopped by a defect", "exc_info": sys.exc_info()}))
        raise


def _job_of(log: Path) -> str:
    """A log at <results>/logs/<rule>/<wildcards>.log tells which job it is of."""
    parts = log.with_suffix("").parts
    return "/".join(parts[parts.index("logs") + 1 :]) if "logs" in parts else log.stem
