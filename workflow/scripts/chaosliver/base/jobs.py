"""What every adapter shares: its arguments by name, a log in file and terminal, one clear line for a user's error."""

import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from .errors import InputError, StoppedError
from .settings import from_mapping

# Sets a terminal's cursor to the beginning of the line and clears the line, on which a bar may stand.
CLEAR_LINE = "\r\x1b[K"


def run(job: Any, function: Callable[..., None]) -> None:
    """Call a library function with what the job (the object `snakemake` of a script) holds by its parameters' names."""
    run_job(lambda: function(**arguments_of(job, function)), log=job.log[0])


def arguments_of(job: Any, function: Callable[..., None]) -> dict[str, Any]:
    """The arguments of a function, by name, from a job's input, output, params and wildcards.

    The annotation of a parameter says what becomes of its value: Path and list[Path] make paths of text; `Path | None`
    takes an empty input for None; a dataclass is made of its mapping; everything else stays as it is. A parameter with
    a default may be absent. Raises TypeError for a name that is missing, or that the job holds twice.
    """
    held: dict[str, Any] = {}
    for part in (job.input, job.output, job.params, job.wildcards):
        for name, value in part.items():
            if name in held:
                raise TypeError(f"{function.__name__}: the rule says {name} twice")
            held[name] = value
    parameters = inspect.signature(function, eval_str=True).parameters
    needed = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    if missing := [name for name in needed if name not in held]:
        raise TypeError(f"{function.__name__}: the rule does not say {', '.join(missing)}")
    return {name: _as(parameter.annotation, held[name]) for name, parameter in parameters.items() if name in held}


def _as(annotation: Any, value: Any) -> Any:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is Path:
        return Path(value)
    if Path in inner and NoneType in inner:
        paths = [value] if isinstance(value, str) else list(value or ())
        return Path(paths[0]) if paths else None
    if Path in inner and origin is list:
        return [Path(path) for path in value]
    if origin in (list, tuple):
        return origin(value)
    made = isinstance(annotation, type) and is_dataclass(annotation)
    return from_mapping(annotation, value) if made else value


def run_job(main: Callable[..., None], *, log: str, **arguments: Any) -> None:
    """Call `main(**arguments)` with logging to `log`; warnings and errors go to the terminal too.

    An InputError, a StoppedError or an OSError ends the process with status 1 and its message alone; anything else is
    a defect of ours and keeps its traceback.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    # A terminal shows what a person must know, and what was asked for.
    terminal.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "progress")
    above_bar = CLEAR_LINE if sys.stderr.isatty() else ""
    terminal.setFormatter(logging.Formatter(f"{above_bar}%(levelname)s {job_name(Path(log))}: %(message)s"))
    # Names of files need not be UTF-8.
    record = logging.FileHandler(log, mode="w", encoding="utf-8", errors="backslashreplace")
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


def job_name(log: Path) -> str:
    """The name of the job that logs to <results>/logs/<rule>/<wildcards>.log: <rule>/<wildcards>."""
    parts = log.with_suffix("").parts
    return "/".join(parts[parts.index("logs") + 1 :]) if "logs" in parts else log.stem
