"""Both sides take turns: pairs of processes, and in each of them calls in the order A B B A.

That order cancels a drift of the machine that is linear in time; which side begins is drawn at random each
time. A pair of processes is measured for as long as it took to start, so that half of the time goes into what
varies most, the process; see `ttci.compare.intervals`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from random import Random

from ttci.compare.alone import Visit, both, calls_in_a_turn, visit
from ttci.compare.measured import SIDES, TestTurns
from ttci.compare.messages import Message
from ttci.compare.pair_turns import PairTurns, preparing
from ttci.compare.side import RefusedError, Side, SideError, Subject, Template, ask_each, template
from ttci.results.comparison import Figure

_PAIRS_WANTED = 10  # of processes, at least, in the time that there is
_LEAST_SHARE = 0.25  # of what a pair of processes takes beside: so long it is measured at least
_LEAST_S, _FIRST_S = 0.15, 0.5  # of turns of a test in a pair of processes; in the first of them
_WORTH_BEGINNING = 0.5  # of what the last pair of processes took: so much time must be left


class Turns:
    """Measures pairs until each figure is sure, or the time is up."""

    def __init__(
        self,
        pairs: Sequence[PairTurns],
        seconds: float,
        same: float,
        random: Random,
        say: Callable[[str], object],
    ) -> None:
        self.pairs = pairs
        self.processes = 0  # pairs of them
        self._templates = Templates()
        self._same, self._seconds, self._random, self._say = same, seconds, random, say
        self._begin = time.monotonic()
        self._turned_s = 0.0  # in the current round over the pairs
        self._overhead_s: float | None = None  # of the last round: what was no turn

    @property
    def seconds(self) -> float:
        """That it has taken so far."""
        return time.monotonic() - self._begin

    def run(self) -> None:
        """Measure."""
        with self._templates:
            self._run()

    def _run(self) -> None:
        last_s = 0.0
        while self._open and self.seconds + _WORTH_BEGINNING * last_s < self._seconds:
            before, self._turned_s = self.seconds, 0.0
            for pair in self._open:
                if self.processes == 0 or self.seconds < self._seconds:
                    self._one_round(pair)
            last_s = self.seconds - before
            self._overhead_s = last_s - self._turned_s
            self._say(f"{self.processes} pairs of processes, {self.seconds:.0f} s: {self._progress()}")

    def figures(self) -> list[Figure]:
        """What is known now."""
        return [
            figure for pair in self.pairs for test in pair.tests or () for figure in test.figures(self._same)
        ]

    @property
    def _open(self) -> list[PairTurns]:
        return [pair for pair in self.pairs if pair.is_open]

    def _progress(self) -> str:
        left = sum(len(pair.open_tests) for pair in self.pairs)
        return f"{left} tests are unsure yet" if left else "all is sure"

    def _one_round(self, pair: PairTurns) -> None:
        """Start a process a side, measure each test that is unsure, and end them."""
        self.processes += 1
        if pair.one_at_a_time:
            self._one_after_the_other(pair)
            return
        with self._templates.of(pair.subjects) as templates, ExitStack() as stack:
            workers: dict[str, Side] = {}
            for index in self._random.sample((0, 1), 2):  # who is started first is drawn too
                subject = pair.subjects[index]
                try:
                    workers[subject.side] = templates[index].copy(subject)
                except SideError as error:
                    pair.refuse(RefusedError([error]))
                    return
                stack.callback(workers[subject.side].end)
            sides = [workers[name] for name in SIDES]
            if pair.open(sides):
                self._measure_open(pair, sides)

    def _one_after_the_other(self, pair: PairTurns) -> None:
        """Let each side's process measure all that is unsure while there is no other."""
        if pair.tests is None:
            told = self._visits(pair, [])
            if told:
                pair.know([told[side].declared for side in SIDES])
        tests = pair.open_tests
        visits = self._visits(pair, [preparing(test) for test in tests]) if tests else {}
        self._turned_s += sum(visit.turned_s for visit in visits.values())
        for test in tests if visits else ():
            self._take_up(pair, test, visits)

    def _visits(self, pair: PairTurns, asked: Sequence[Message]) -> dict[str, Visit]:
        """By side; nothing where one could not even begin, of which the pair is told."""
        with self._templates.of(pair.subjects) as templates:
            visits = {
                SIDES[index]: visit(templates[index], pair.subjects[index], asked, self._turns_s / 2)
                for index in self._random.sample((0, 1), 2)
            }
        errors = [visits[side].errors[""] for side in SIDES if "" in visits[side].errors]
        if errors:
            pair.refuse(RefusedError(errors))
            return {}
        return visits

    def _take_up(self, pair: PairTurns, test: TestTurns, visits: Mapping[str, Visit]) -> None:
        """Count what both sides' processes found of a test, if they came to it."""
        try:
            ready, seconds = both(visits, test.identity.test)
        except RefusedError as refused:
            pair.refuse_test(test, refused)
            return
        if ready:
            pair.take_up(test, ready, self._same)
        if ready and test.is_open:
            test.add(*seconds)
            test.look(self._same)

    def _measure_open(self, pair: PairTurns, sides: Sequence[Side]) -> None:
        for test in pair.open_tests:
            is_over = test.is_judged and self.seconds >= self._seconds
            if is_over or not self._measure(pair, test, sides):
                return

    def _measure(self, pair: PairTurns, test: TestTurns, sides: Sequence[Side]) -> bool:
        """Measure one test in this pair of processes; whether they can go on."""
        try:
            ready = self._prepared(pair, test, sides)
            if test.is_open:
                self._take_turns(sides, max(answer["seconds"] for answer in ready))
            base, head = ask_each(sides, [{"do": "release"}] * 2)
            if test.is_open:
                test.add(float(base["seconds"]), float(head["seconds"]))
                test.look(self._same)
        except RefusedError as refused:
            pair.refuse_test(test, refused)
            return not refused.is_end
        return True

    def _prepared(self, pair: PairTurns, test: TestTurns, sides: Sequence[Side]) -> list[Message]:
        """Make a test ready on both sides, judge it the first time, and close it if that is all."""
        ready = ask_each(sides, [preparing(test)] * 2)
        pair.take_up(test, ready, self._same)
        return ready

    def _take_turns(self, sides: Sequence[Side], call_s: float) -> None:
        calls = calls_in_a_turn(call_s)
        most_s, begin = self._turns_s, time.monotonic()
        while True:
            first = self._random.randrange(2)
            for index in (first, 1 - first, 1 - first, first):  # A B B A
                ask_each([sides[index]], [{"do": "time", "calls": calls}])
            took = time.monotonic() - begin
            if took >= most_s:
                break
        self._turned_s += took

    @property
    def _turns_s(self) -> float:
        """For how long one test is measured in one pair of processes."""
        tests = max(sum(len(pair.open_tests) for pair in self.pairs), 1)
        share_s = self._seconds / _PAIRS_WANTED
        if self._overhead_s is None:
            return min(_FIRST_S, share_s / 2 / tests)
        overhead_s = self._overhead_s
        most_s = max(share_s - overhead_s, _LEAST_SHARE * overhead_s)
        return max(min(overhead_s, most_s) / tests, _LEAST_S)


class Templates:
    """The templates of processes: one for both sides where one Python serves both, until it is left.

    Of two Pythons each pair of processes gets new ones: what they have at which address is drawn with them.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Template] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Templates:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def of(self, subjects: tuple[Subject, Subject]) -> Iterator[tuple[Template, Template]]:
        """Those of the base and of the head."""
        base, head = (subject.python for subject in subjects)
        if base != head:
            with template(base) as of_base, template(head) as of_head:
                yield of_base, of_head
            return
        if base not in self._kept:
            self._kept[base] = self._stack.enter_context(template(base))
        yield self._kept[base], self._kept[base]
