"""The tests of one pair, and what both sides say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ttci.compare.measured import SIDES, TestTurns, not_compared, refusal_of, tests_in_common
from ttci.compare.messages import Message
from ttci.compare.side import RefusedError, Side, Subject, ask_each
from ttci.manifest import Pair
from ttci.results.comparison import NotCompared


@dataclass
class PairTurns:
    """The tests of one pair, and the processes that measure them."""

    pair: Pair
    subjects: tuple[Subject, Subject]
    wanted: Sequence[str] = ()
    one_at_a_time: bool = False  # never a process of both sides at once
    tests: list[TestTurns] | None = None  # None until the models have been imported
    not_compared: list[NotCompared] = field(default_factory=list)

    @property
    def open_tests(self) -> list[TestTurns]:
        """Those that are to be measured further."""
        return [test for test in self.tests or () if test.is_open]

    @property
    def is_open(self) -> bool:
        """Whether there is anything to be measured."""
        return self.tests is None or bool(self.open_tests)

    def open(self, sides: Sequence[Side]) -> bool:
        """Import the models; whether both sides could."""
        try:
            answers = ask_each(sides, [subject.opening for subject in self.subjects])
        except RefusedError as refused:
            self.refuse(refused)
            return False
        self.know([answer["tests"] for answer in answers])
        return True

    def know(self, declared: Sequence[Mapping[str, Any]]) -> None:
        """Take the tests that both sides have, of what the base and the head declare."""
        if self.tests is None:
            self.tests, alone = tests_in_common(self.pair, declared, self.wanted)
            self.not_compared += alone

    def take_up(self, test: TestTurns, ready: Sequence[Message], same: float) -> None:
        """Judge a test that both sides have made ready, the first time, and close it if that is all."""
        identity = f"{self.pair}/{test.identity.test}"
        base, head = (" x ".join(map(str, answer["shape"])) for answer in ready)
        if base != head:
            reason = f"they are asked of different inputs: base {base}, head {head}"
            self.not_compared.append(not_compared(identity, SIDES, reason))
            test.is_open = False
        elif not test.is_judged:
            self.not_compared += test.judged([answer["results"] for answer in ready], same)
        if not all("seconds" in answer for answer in ready):
            test.is_open = False

    def refuse_test(self, test: TestTurns, refused: RefusedError) -> None:
        """Measure this one no further, for one side cannot."""
        self.not_compared.append(refusal_of(f"{self.pair}/{test.identity.test}", refused))
        test.is_open = False

    def refuse(self, refused: RefusedError) -> None:
        """Measure nothing of it any more, for one side cannot."""
        self.not_compared.append(refusal_of(str(self.pair), refused))
        self.tests = self.tests or []
        for test in self.tests:
            test.is_open = False


def preparing(test: TestTurns) -> Message:
    """The message that makes a test ready, and asks for every check the first time."""
    return {
        "do": "prepare",
        "test": test.identity.test,
        "judge": not test.is_judged,
        "declared": test.declared,
    }
