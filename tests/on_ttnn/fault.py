"""What a fault is, and what most of them are told by."""

from __future__ import annotations

from dataclasses import dataclass

from faulty_calls import PutIn  # type: ignore[import-not-found]  # beside this file

WRONG_NUMBERS = r"^correlation -?0\.\d+ with the reference, at least 0\.999"


@dataclass(frozen=True)
class Fault:
    """What is done wrong, in which subject, and what its user must be told."""

    name: str
    subject: str
    put_in: PutIn
    told: str  # a regular expression
    board: str = "n150"
