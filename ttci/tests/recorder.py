"""Keeps the results of a session, and run.json true at every moment."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType

import pytest

from ttci.artifacts.unfinished import not_judged, running, unmeasured
from ttci.environment import describe_environment
from ttci.errors import InputError
from ttci.manifest import Pair
from ttci.results import (
    Environment,
    Fidelity,
    Journal,
    Outcome,
    Result,
    Run,
    State,
    encodable_in,
    read_run,
    write_run,
)
from ttci.tests.ending import said_by

_WRITING_SHARE = 0.05  # of the time, at most


class Recorder:
    """Collects results; keeps run.json true, so that a crash loses none.

    run.json is written whole, as often as a small share of the time allows; what
    came since is in a journal beside it, which `read_run` takes into account.
    """

    def __init__(
        self,
        pair: Pair,
        fidelity: Fidelity,
        path: Path | None,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        resumes: bool = False,
    ) -> None:
        """Start anew, or go on where the process that wrote `path` before ended.

        Args:
            pair: that is tested.
            fidelity: how much its device's numbers mean.
            path: of run.json; None where none is wanted.
            resumes: whether a process before left a run.json to go on with.
            environment: what the device adds to the host's.

        Raises:
            InputError: where `path` cannot be written.
            MachineryError: where it is to be gone on with and cannot be read.
        """
        self.pair = pair
        self._fidelity = fidelity
        self._path = path.absolute() if path else None  # a module may change the working directory
        self._results: dict[str, Result] = {}
        self._entries: dict[str, str] = {}  # of every expected check, as JSON: only what is new is encoded
        before = read_run(path) if path and resumes else None
        self._started = before.started if before else datetime.now(timezone.utc)
        here = encodable_in(describe_environment(Path.cwd())) if path else {}
        self._environment = before.environment if before else Environment(**here) | environment
        for result in before.results if before else ():
            self._keep(result)
        self._next_write_s = 0.0
        self._journal = _journal_beside(self._path) if self._path else None

    @property
    def results(self) -> list[Result]:
        """The results so far."""
        return list(self._results.values())

    @property
    def judged(self) -> frozenset[str]:
        """The identities that have their result: what an earlier process left, and what came since."""
        return frozenset(self._results)

    @property
    def lost_tests(self) -> frozenset[str]:
        """The tests of which a check took an earlier process along."""
        return frozenset(result.test for result in self._results.values() if result.is_lost)

    def expect(self, identities: Iterable[str]) -> None:
        """These are going to be judged."""
        for identity in identities:
            self._entries.setdefault(identity, not_judged(identity).model_dump_json())
        self._write()

    def start(self, identity: str) -> None:
        """This one is running from now on."""
        if identity in self._entries:
            self._note(identity, running(identity))

    def keep_before_debugging(self, result: Result) -> None:
        """Its operations are recorded from now on; what was found is kept however that ends."""
        if result.id in self._entries:
            self._note(result.id, result.model_copy(update={"state": State.DEBUGGING}))

    def record(self, identity: str, report: pytest.TestReport) -> None:
        """Keep what `report` says of `identity`."""
        result = _result_in(identity, report) if identity in self._entries else None
        if result is not None:
            before = self._results.get(identity) if report.when == "teardown" else None
            self._results[identity] = result = _with_teardown(before, result) if before else result
            self._note(identity, result)

    def _keep(self, result: Result) -> None:
        """Take over a result of the process before; what it had not judged stays to be judged."""
        self._entries[result.id] = result.model_dump_json()
        if not result.is_unfinished:
            self._results[result.id] = result

    def finish(self) -> None:
        """The session is over."""
        self._write(finished=datetime.now(timezone.utc))
        if self._journal:
            self._journal.remove()

    def _note(self, identity: str, result: Result) -> None:
        self._entries[identity] = result.model_dump_json()
        if self._journal:
            self._journal.append(self._entries[identity])
        if time.perf_counter() >= self._next_write_s:
            self._write()

    def _write(self, finished: datetime | None = None) -> None:
        if self._path is None:
            return
        begin = time.perf_counter()
        run = Run(
            pair=str(self.pair),
            model=self.pair.model,
            device=self.pair.device,
            fidelity=self._fidelity,
            started=self._started,
            finished=finished,
            environment=self._environment,
            results=(),
        )
        write_run(self._path, run, encoded_results=self._entries.values())
        end = time.perf_counter()
        self._next_write_s = end + (end - begin) / _WRITING_SHARE


def _journal_beside(path: Path) -> Journal:
    if path.is_dir():
        raise InputError(f"--run-json {path}: is a folder; name a file")
    try:
        return Journal(path)
    except OSError as error:
        raise InputError(f"--run-json {path}: {error.strerror}; name a file that can be written") from None


def _with_teardown(judged: Result, teardown: Result) -> Result:
    """What was judged and measured stays, also where cleaning up after it fails."""
    kept = judged.outcome is Outcome.FAILED
    update = {
        "outcome": judged.outcome if kept else teardown.outcome,
        "seconds": judged.seconds + teardown.seconds,
        "message": "\n".join(filter(None, [judged.message, teardown.message])),
    }
    return judged.model_copy(update=update)


def _result_in(identity: str, report: pytest.TestReport) -> Result | None:
    sent = getattr(report, "ttci_result", None)
    if sent is not None:
        return Result.model_validate_json(sent)
    if report.passed:
        return None
    outcome = Outcome.UNAVAILABLE if report.skipped else Outcome.ERROR
    return unmeasured(identity, outcome, reason_in(report), getattr(report, "duration", 0.0))


def reason_in(report: pytest.TestReport) -> str:
    """Why a check was skipped, or the text of its failure."""
    if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
        return report.longrepr[2].removeprefix("Skipped: ")
    return said_by(report)
