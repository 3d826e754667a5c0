"""One thing that a reviewer should see, and at which line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ttci.report.ranking import Rank

_PLACE = re.compile(r"(?P<file>[^\x00-\x1f]+):(?P<line>[0-9]{1,9})")


@dataclass(frozen=True)
class Place:
    """A line of a file of the repository."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Finding:
    """One thing to see.

    Attributes:
        ratio: of the measured value to its limit, or to what it was before, above 1 where it
            is worse; None where nothing was measured, or where its size says nothing.
        failed_check: the name of the check that found something wrong; None where none did.
    """

    rank: Rank
    identity: str
    text: str
    ratio: float | None = None
    place: Place | None = None
    failed_check: str | None = None


def place_of(text: str | None) -> Place | None:
    """``file:line``, when it is one inside the repository."""
    match = _PLACE.fullmatch(text) if text else None
    if not match or match["file"].startswith("/") or ".." in match["file"].split("/"):
        return None
    return Place(match["file"], int(match["line"]))
