"""What a check finds: complaints (none is a pass) and measurements."""

from __future__ import annotations

from dataclasses import dataclass

from ttci.results import Measurement


@dataclass(frozen=True)
class Findings:
    """The complaints of a check, each a sentence with its cause, and what it measured."""

    complaints: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    note: str = ""  # what a reader of a pass should know
    unjudged: str = ""  # why nothing could be judged: neither passed nor failed
