"""What the values of a declaration may be, whichever class they are given to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ttci.catalog.checks import check_names
from ttci.errors import did_you_mean
from ttci.manifest import TestTargets


def target_mistakes(targets: Any) -> list[str]:
    """What is wrong with performance targets; nothing where they can be meant."""
    if targets is not None and not isinstance(targets, Mapping):
        return [f"the targets are a {type(targets).__name__}; give a dict like {{'latency_ms': 5.0}}"]
    try:
        TestTargets.model_validate(dict(targets or {}))
    except ValidationError as error:
        known = TestTargets.model_fields
        return [
            f"unknown target {details['loc'][0]!r}; {did_you_mean(str(details['loc'][0]), known)}"
            if details["type"] == "extra_forbidden" and len(details["loc"]) == 1
            else f"target {'.'.join(map(str, details['loc']))}: "
            f"{details['msg'].removeprefix('Value error, ')}"
            for details in error.errors()
        ]
    return []


def check_name_mistakes(names: Any) -> list[str]:
    """What is wrong with the names of checks."""
    known = check_names()
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        return [f"test_cases is {names!r}; give a list of {', '.join(known)}"]
    return [f"unknown check {n!r}; {did_you_mean(str(n), known)}" for n in names if n not in known]


def is_shape(shape: Any) -> bool:
    """Whether it can be a shape: positive integers, or None where none is given."""
    if shape is None:
        return True
    return (
        isinstance(shape, Sequence)
        and not isinstance(shape, str)
        and len(shape) > 0
        and all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in shape)
    )


def is_positive(number: Any) -> bool:
    """Whether it is a number above 0, and finite."""
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and math.isfinite(number) and number > 0
