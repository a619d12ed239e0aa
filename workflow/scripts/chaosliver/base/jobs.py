"""What every adapter shares: its arguments by name, a log in file and terminal, one clear line for a user's error."""

import inspect
import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, NoReturn, get_args, get_origin

from .errors import InputError, StoppedError, in_words
from .lots import Lot, check_listed, files_in_full, make_lot
from .settings import from_mapping

# Sets a terminal's cursor to the beginning of the line and clears the line, on which a bar may stand.
CLEAR_LINE = "\r\x1b[K"
MEMORY_REMEDY = "Run fewer jobs at a time (a smaller --cores) or on a machine with more memory, and run again"
LONGEST_CAUSE = 200
LEAST_FREE_BYTES = 1 << 20
# A record of a level in a log, up to the next.
RECORD = r"^\d{{4}}-\d\d-\d\d [\d:,]+ {} (.*?)(?=^\d{{4}}-\d\d-\d\d [\d:,]+ [A-Z]+ |\Z)"


def run(job: Any, function: Callable[..., None]) -> None:
    """Call a library function with what the job (the object `snakemake` of a script) holds by its parameters' names."""
    run_job(lambda: function(**arguments_of(job, function)), log=job.log[0])


def run_lot(
    job: Any, function: Callable[..., None], shared: AbstractContextManager[Mapping[str, Any]] | None = None
) -> None:
    """Call a library function for each patient of a lot as `run` does for one, and write the lot's list.

    `shared` gives further arguments, the same for all, such as an archive that is opened once.
    """

    def main() -> None:
        wildcards = dict(job.wildcards.items())
        common = {**dict(job.params.items()), **wildcards}
        reads, makes = (
            {name: path.format(**wildcards, patient="{patient}") for name, path in common.pop(of).items()}
            for of in ("reads", "makes")
        )
        lot = Lot(common.pop("patients"), reads, makes, job.input.get("lists", ()), Path(job.output[0]))
        with shared or nullcontext({}) as more:
            make_lot(lot, lambda own: function(**_taken({**common, **more, **own}, function)))

    run_job(main, log=job.log[0])


def inputs_of_job(job: Any) -> dict[str, Any]:
    """A job's inputs by name; where patients are prepared in lots, each patient's files in place of the lots' lists.

    Raises InputError where a file is not as its lot's list says.
    """
    inputs = dict(job.input.items())
    if short := job.params.get("of_patients"):
        files = files_in_full(short)
        check_listed(
            [path for name in files for path in inputs[name]], [path for paths in files.values() for path in paths]
        )
        inputs |= files
    return inputs


def arguments_of(job: Any, function: Callable[..., None]) -> dict[str, Any]:
    """The arguments of a function, by name, from a job's input, output, params and wildcards.

    The annotation of a parameter says what becomes of its value: Path and list[Path] make paths of text; `Path | None`
    takes an empty input for None; a dataclass is made of its mapping; everything else stays as it is. A parameter with
    a default may be absent. Raises TypeError for a name that is missing, or that the job holds twice.
    """
    held: dict[str, Any] = {}
    for part in (inputs_of_job(job), job.output, job.params, job.wildcards):
        for name, value in part.items():
            if name in held:
                raise TypeError(f"{function.__name__}: the rule says {name} twice")
            held[name] = value
    return _taken(held, function)


def _taken(held: Mapping[str, Any], function: Callable[..., None]) -> dict[str, Any]:
    """What a function takes of what is held by name, as its annotations say."""
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

    The log's last line tells the processor time of the whole process. Whatever ends the job early, the last line in
    both is a sentence, and the status 1, or 130 for an interruption. The traceback of a defect of ours stands before it
    in the log.
    """
    terminal = logging.StreamHandler(sys.stderr)
    # A terminal shows what a person must know, and what was asked for.
    terminal.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "progress")
    above_bar = CLEAR_LINE if sys.stderr.isatty() else ""
    terminal.setFormatter(logging.Formatter(f"{above_bar}%(levelname)s {job_name(Path(log))}: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal], force=True)
    # A log on a disk that is full takes no record: the terminal has the sentence, and no traceback of that.
    logging.raiseExceptions = False
    try:
        logging.getLogger().addHandler(_record(Path(log)))
        main(**arguments)
        logging.info("took %.1f s of processor time", time.process_time())
    except (InputError, StoppedError) as error:
        _end(str(error))
    except OSError as error:
        _end(in_words(error))
    except MemoryError as error:
        _end(f"not enough memory ({str(error) or 'nothing more is free'}). {MEMORY_REMEDY}")
    except KeyboardInterrupt:
        _end("was interrupted. Run the same command again: what is finished stays", status=130)
    except Exception as error:
        logging.info("stopped by a defect", exc_info=True)
        what = f"{type(error).__name__}: {error}".splitlines()[0][:LONGEST_CAUSE]
        _end(f"stopped by a defect of the workflow ({what}). Its traceback is in {log}: report it with that file")


def last_words(log: Path) -> str:
    """Why a job that `run_job` ran ended, from its log, in a sentence."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    if errors := re.findall(RECORD.format("ERROR"), text, re.MULTILINE | re.DOTALL):
        return str(errors[-1]).strip()
    if log.parent.is_dir() and shutil.disk_usage(log.parent).free < LEAST_FREE_BYTES:
        return f"{log}: the disk is full. Make space on it, and run again"
    return (
        f"ended without a word in {log}. What it printed above says why; if that is nothing, it was killed, as the "
        f"system does where memory is short. {MEMORY_REMEDY}"
    )


def _record(log: Path) -> logging.Handler:
    log.parent.mkdir(parents=True, exist_ok=True)
    # Names of files need not be UTF-8.
    record = logging.FileHandler(log, mode="w", encoding="utf-8", errors="backslashreplace")
    record.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return record


def _end(sentence: str, status: int = 1) -> NoReturn:
    logging.error("%s", sentence)
    sys.exit(status)


def job_name(log: Path) -> str:
    """The name of the job that logs to <results>/logs/<rule>/<wildcards>.log: <rule>/<wildcards>."""
    parts = log.with_suffix("").parts
    return "/".join(parts[parts.index("logs") + 1 :]) if "logs" in parts else log.stem
