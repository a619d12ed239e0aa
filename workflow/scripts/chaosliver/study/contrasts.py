"""The questions that the plan of analysis asks: contrasts of two experiments, fixed before the study runs."""

import re
from collections.abc import Mapping
from typing import Any

from ..base.errors import InputError
from ..base.wording import known
from .experiments import Experiment


def contrasts_of(experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> list[dict[str, str]]:
    """The contrasts of the config, `question`, `experiment`, `against` and `sequence` each, run or not.

    A study that runs some of them only keeps the whole family. Raises InputError where a contrast names what no
    experiment can be, asks one thing twice, or compares experiments that segment another organ or that are not
    scored on its sequence.
    """
    contrasts: list[dict[str, str]] = [dict(contrast) for contrast in config["analysis"]["contrasts"]]
    asked = [tuple(contrast[key] for key in ("experiment", "against", "sequence")) for contrast in contrasts]
    for number, contrast in enumerate(contrasts):
        if fault := _fault(contrast, experiments, config) or _repeated(asked, number):
            raise InputError(f"config key analysis.contrasts, {contrast['question']!r}: {fault}")
    return contrasts


def _fault(contrast: Mapping[str, str], experiments: Mapping[str, Experiment], config: Mapping[str, Any]) -> str | None:
    names = (contrast["experiment"], contrast["against"])
    for name in names:
        if name not in experiments and re.sub(r"_epoch\d+$", "", name) not in config["experiments"]:
            return f"no experiment is named {name!r}. {known(config['experiments'])}"
    if not set(names) <= set(experiments):
        return None
    for name in names:
        if contrast["sequence"] not in experiments[name].score_on:
            return f"{name} is not scored on {contrast['sequence']}. Name it in its score_on, or another sequence here"
    if experiments[names[0]].organ != experiments[names[1]].organ:
        return f"{names[0]} and {names[1]} segment different organs. Contrast experiments of one organ"
    return None


def _repeated(asked: list[tuple[str, ...]], number: int) -> str | None:
    if asked[number][0] == asked[number][1]:
        return "compares an experiment with itself. Name two"
    return "is asked twice. Leave one out" if asked[number] in asked[:number] else None
