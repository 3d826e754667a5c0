"""``ttci compare``: two commits side by side, and what is printed and written of it."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ttci.artifacts import names
from ttci.errors import DeviceUnavailableError, ExitCode, InputError, NothingMatchedError
from ttci.files import write_whole
from ttci.planning.choice import choose, together
from ttci.planning.plan import Plan
from ttci.report.annotations import annotation_lines
from ttci.runner.child import Terminated
from ttci.text.terminal import can_be_redrawn, terminal_width

if TYPE_CHECKING:
    from ttci.compare.checkouts import Checkouts
    from ttci.compare.compare import Comparing
    from ttci.manifest import DeviceEntry
    from ttci.results.comparison import ComparisonRun

_WITHOUT_A_CLOCK = ("mock", "simulator")  # targets of devices
_INTERRUPTED = "interrupted; what had been measured stands above and in {}"


def compare(options: Namespace) -> ExitCode:
    """Measure both commits in turns, print what is known, and write it; whatever ends it."""
    from ttci.compare.checkouts import checked_out

    if options.html and options.html.is_dir():
        raise InputError(
            f"--html {options.html}: a folder; name a file, {options.html / names.COMPARISON_PAGE} say"
        )
    sides = checked_out(options.manifest, options.base, options.head, merge_base=options.merge_base)
    with _terminated(), sides as checkouts:
        comparing = _comparing(checkouts, options)
        print(f"{checkouts.base} and {checkouts.head}: at most {options.seconds:g} s", file=sys.stderr)
        try:
            comparing.run(_teller())
        except (KeyboardInterrupt, Terminated) as end:
            file = _leave(comparing.found(is_interrupted=True), options)
            if isinstance(end, Terminated):
                raise
            raise KeyboardInterrupt(_INTERRUPTED.format(file)) from None
        found = comparing.found()
        _leave(found, options)
    return _exit_code(found, options)


def _comparing(checkouts: Checkouts, options: Namespace) -> Comparing:
    from ttci.compare.compare import Comparing, Question

    jobs = _planned(checkouts, options)
    question = Question(options.tests, options.seconds, options.same, options.isolated, options.one_at_a_time)
    return Comparing(checkouts, jobs.here, question)


def _planned(checkouts: Checkouts, options: Namespace) -> Plan:
    """The pairs that are here; the others are told.

    Raises:
        DeviceUnavailableError: a device that was named is not here.
        NothingMatchedError: there is none.
        MachineryError: what their figures are judged with is not installed.
    """
    from ttci.cli.run import print_left_out

    choices = choose(checkouts.manifest, options.models, options.devices)
    chosen = together(choices)
    absent = [job for choice in choices for job in choice.absent]
    if absent:
        raise DeviceUnavailableError("\n".join(f"{job.pair}: {job.missing}" for job in absent))
    if options.changed:
        from ttci.planning.changed import ChangedPairs, Changes

        changes = Changes.since(checkouts.base.commit, checkouts.manifest.folder)
        has_changed = ChangedPairs(checkouts.manifest, changes).has_changed
        chosen = chosen.only(has_changed, f"unchanged since {options.base}")
    with _on_stderr():
        print_left_out(chosen.not_run_here)
    if not chosen.here:
        raise NothingMatchedError("there is nothing to compare: no pair is left that can run here")
    _refuse_without_statistics(checkouts.manifest.devices[job.pair.device] for job in chosen.here)
    return chosen


@contextmanager
def _on_stderr() -> Iterator[None]:
    """What is printed may be for a machine to read."""
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        yield


def _refuse_without_statistics(devices: Iterable[DeviceEntry]) -> None:
    """Say at once what latencies are judged with, where it is not installed."""
    if all(device.target in _WITHOUT_A_CLOCK for device in devices):
        return
    from ttci.compare.intervals import require_statistics

    require_statistics()


def _leave(found: ComparisonRun, options: Namespace) -> Path:
    """Print what is known and write it; where it is written."""
    from ttci.compare.text import lines_of, table
    from ttci.report.comparison_text import findings

    text = found.model_dump_json(by_alias=True, indent=2)
    file = _write(found, text, options)
    if options.json:
        print(text)
    else:
        tables = table(found, terminal_width())
        print("\n".join(filter(None, [tables, "" if tables else None, *lines_of(found)])))
    if options.annotations or (options.annotations is None and os.environ.get("GITHUB_ACTIONS") == "true"):
        fail_on = "regression" if options.fail_on else "failure"
        stream = sys.stderr if options.json else sys.stdout
        stream.writelines(f"{line}\n" for line in annotation_lines(findings(found), fail_on))
    return file


def _write(found: ComparisonRun, text: str, options: Namespace) -> Path:
    """Write comparison.json and the page, where one is asked for; where the former is."""
    from ttci.compare.text import unsure_lines
    from ttci.report.html.comparison import write_comparison

    file: Path = options.report_dir / names.COMPARISON
    with _explained(f"--report-dir {options.report_dir}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, [f"{text}\n"])
    if options.html:
        with _explained(f"--html {options.html}"):
            options.html.parent.mkdir(parents=True, exist_ok=True)
            write_comparison(found, options.html, list(unsure_lines(found)))
    return file


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{what}: {error.strerror}") from None


def _exit_code(found: ComparisonRun, options: Namespace) -> ExitCode:
    """What it ends with.

    Raises:
        NothingMatchedError: there was nothing that both sides have.
    """
    if options.fail_on == "slower" and found.is_worse:
        return ExitCode.FAILED
    if found.figures:
        return ExitCode.OK
    if any(entry.is_failure for entry in found.not_compared):
        return ExitCode.BAD_INPUT
    raise NothingMatchedError("nothing was compared")


def _teller() -> Callable[[str], object]:
    """Says how far it has come, where somebody looks."""
    is_shown = can_be_redrawn()

    def tell(line: str) -> None:
        if is_shown:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    return tell


@contextmanager
def _terminated() -> Iterator[None]:
    """Meanwhile we end in good order when we are told to end: worktrees and processes are ours to remove."""

    def terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as signal calls it
        raise Terminated(number)

    ends = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, terminate) for number in ends}
    try:
        yield
    except Terminated as termination:
        termination.end()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
