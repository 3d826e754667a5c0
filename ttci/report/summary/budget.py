"""The byte budget of a summary: it is cut at whole rows, and each part says what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

FULL = "`report.json` has them all"


@dataclass
class Budget:
    """What has been written, and how many bytes are left, for text and for notes on what was left out."""

    left_bytes: int
    note_bytes: int
    parts: list[str] = field(default_factory=list)

    def add(self, text: str) -> bool:
        """Write `text` where it fits; whether it did."""
        size = len(text.encode())
        if size > self.left_bytes:
            return False
        self.parts.append(text)
        self.left_bytes -= size
        return True

    def note(self, text: str) -> None:
        """Write a note, however full the budget is."""
        size = len(text.encode())
        if size <= self.note_bytes:
            self.parts.append(text)
            self.note_bytes -= size

    def add_table(self, head: str, rows: Iterable[str], *, end: str = "\n", share: float = 1.0) -> int:
        """Write a table of as many rows as fit into this share of the budget; how many did.

        Where none does, nothing is written, neither `head` nor `end`.
        """
        table = Budget(int(self.left_bytes * share) - len(end.encode()), 0)
        if not table.add(head):
            return 0
        taken = sum(1 for _ in takewhile(table.add, rows))
        if taken:
            self.add("".join([*table.parts, end]))
        return taken


def say_left_out(budget: Budget, count: int, what: str) -> None:
    """Note that so many are not shown, where there are any."""
    if count:
        budget.note(f"**{count:,} more {what} are left out here**; {FULL}.\n\n")
