"""What is known of imported runs beside what their file says, and what was wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ttci.errors import quoted
from ttci.manifest import Pair

COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")  # as tools write it


@dataclass
class Source:
    """Where runs come from.

    Attributes:
        pair: the pair of benchmarks that name none.
        branch: of commits whose branch the file does not say; None where nobody knows it.
        problems: what could not be taken over, each with its file and place.
    """

    pair: Pair
    branch: str | None
    problems: list[str] = field(default_factory=list)


def shown(value: Any) -> str:
    """A value of a file as a message repeats it: on one line, and a table or a list only by its kind."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
        case str():
            return quoted(value)
        case _:
            return quoted(repr(value))[1:-1]
