"""How long a pair is going to take: about as long as its checks took the last time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from ttci.results import Run
from ttci.text.duration import duration_text

_SHORTEST_S = 1.0  # of what is said: less is not waited for


@dataclass(frozen=True)
class Earlier:
    """The last run of a pair: when it was, and the seconds of each check that came to its end."""

    day: date
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, run: Run | None) -> Earlier | None:
        """What `run` tells of how long it took; None where it tells nothing."""
        judged = [result for result in run.results if not result.is_unfinished] if run else []
        seconds = {result.id: result.seconds for result in judged if result.seconds > 0}
        return cls(run.started.date(), seconds) if run and seconds else None


@dataclass
class Expectation:
    """The checks of a pytest process: which have begun, and how long the others will take.

    Attributes:
        pair: its name.
        earlier: how long they took before, where that is known.
        to_judge: says, once the first has begun, which checks the process is to judge.
        workers: how many run at a time.
        clock: monotonic seconds.
    """

    pair: str = ""
    earlier: Earlier | None = None
    to_judge: Callable[[], Iterable[str]] = tuple
    workers: int = 1
    clock: Callable[[], float] = time.monotonic
    _checks: set[str] = field(default_factory=set)
    _began: dict[str, float] = field(default_factory=dict)
    _is_known: bool = False

    def begin(self, name: str) -> str | None:
        """Note that the check `name` begins; what is to be said then."""
        is_first, self._is_known = not self._is_known, True
        if is_first:
            self._checks = set(self.to_judge())
        if name in self._checks:
            self._began[name] = self.clock()
        return self._said() if is_first else None

    def _said(self) -> str | None:
        known = [check for check in self._checks if check in self._before]
        if not known or self.earlier is None:
            return None
        seconds = sum(self._before[check] for check in known) / self.workers
        new = len(self._checks) - len(known)
        of_them = f"; {new:,} of {len(self._checks):,} checks are new" if new else ""
        about = duration_text(max(_SHORTEST_S, seconds))
        return f"{self.pair}: about {about}, as the run of {self.earlier.day} took{of_them}"

    @property
    def _before(self) -> Mapping[str, float]:
        return self.earlier.seconds if self.earlier else {}

    def __str__(self) -> str:
        """Which of how many checks is running, and the time left where each one's is known."""
        if not self._checks:
            return ""
        counted = f"{len(self._began):,}/{len(self._checks):,}"
        left = self.seconds_left()
        return counted if left is None else f"{counted}, {timedelta(seconds=round(left))} left"

    def seconds_left(self) -> float | None:
        """Until the last check has ended; None where one that has not is new."""
        running = list(self._began)[-self.workers :]
        waiting = self._checks - set(self._began)
        if not {*waiting, *running} <= set(self._before):
            return None
        now = self.clock()
        begun = sum(max(0.0, self._before[check] - (now - self._began[check])) for check in running)
        return (begun + sum(self._before[check] for check in waiting)) / self.workers
