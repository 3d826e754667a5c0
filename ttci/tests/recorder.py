"""Keeps the results of a session, and run.json true at every moment."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ttci.environment import describe_environment
from ttci.manifest import Identity
from ttci.results import Outcome, Result, Run, write_run
from ttci.testing.choice import Choice

_WRITING_SHARE = 0.05  # at most this fraction of the time goes into rewriting run.json
_NOT_JUDGED = "not judged: the run ended before this check did"


class Recorder:
    """Collects results; writes run.json as they come, so that a crash loses none.

    A check that is expected and has no result yet stands in the file as an
    `error`: whatever ends the run, the file never looks better than it was.
    """

    def __init__(self, choice: Choice, path: Path | None) -> None:
        self._choice = choice
        self._path = path
        self._results: dict[str, Result] = {}
        self._expected: dict[str, None] = {}
        self._started = datetime.now(timezone.utc)
        self._environment = describe_environment(Path.cwd()) if path else {}
        self._last_write_s = 0.0
        self._write_cost_s = 0.0

    @property
    def results(self) -> list[Result]:
        """The results so far."""
        return list(self._results.values())

    def expect(self, identities: Iterable[str]) -> None:
        """These are going to be judged."""
        self._expected.update(dict.fromkeys(identities))
        self._write()

    def record(self, identity: str, report: pytest.TestReport) -> None:
        """Keep what `report` says of `identity`, if it is one of ours."""
        result = _result_in(identity, report)
        if result is None or identity not in self._expected:
            return
        self._results[identity] = result
        if time.perf_counter() - self._last_write_s > self._write_cost_s / _WRITING_SHARE:
            self._write()

    def finish(self) -> None:
        """The session is over."""
        self._write(finished=datetime.now(timezone.utc))

    def _write(self, finished: datetime | None = None) -> None:
        if self._path is None:
            return
        start = time.perf_counter()
        missing = (_not_judged(identity) for identity in self._expected if identity not in self._results)
        pair = self._choice.pair
        run = Run(
            pair=str(pair),
            model=pair.model,
            device=pair.device,
            fidelity=self._choice.device.fidelity,
            started=self._started,
            finished=finished,
            environment=self._environment,
            results=(*self._results.values(), *missing),
        )
        write_run(self._path, run)
        self._last_write_s = time.perf_counter()
        self._write_cost_s = self._last_write_s - start


def _result_in(identity: str, report: pytest.TestReport) -> Result | None:
    sent = getattr(report, "ttci_result", None)
    if sent is not None:
        return Result.model_validate_json(sent)
    if report.passed:
        return None
    outcome = Outcome.UNAVAILABLE if report.skipped else Outcome.ERROR
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return _unmeasured(identity, outcome, report.duration, reason)


def _not_judged(identity: str) -> Result:
    return _unmeasured(identity, Outcome.ERROR, 0.0, _NOT_JUDGED)


def _unmeasured(identity: str, outcome: Outcome, seconds: float, message: str) -> Result:
    known = Identity.parse(identity)
    return Result(
        id=identity,
        test=known.test,
        check=known.check,
        outcome=outcome,
        seconds=seconds,
        message=message,
    )
