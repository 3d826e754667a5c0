"""Adding runs to a history: which may be kept, and which were there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ttci.errors import InputError
from ttci.history import record
from ttci.history.series import in_utc
from ttci.history.stores.protocol import Store
from ttci.results import Run

MOST_AHEAD = timedelta(minutes=5)  # of the clock of another machine
_EARLIEST = datetime(2000, 1, 1, tzinfo=timezone.utc)  # a board without a clock begins at 1970


@dataclass(frozen=True)
class Added:
    """What became of some runs, each with its file's name.

    Attributes:
        repaired: their files were there, and damaged.
    """

    added: dict[str, Run]
    there: dict[str, Run]
    repaired: dict[str, Run]


def reason_against(run: Run, now: datetime) -> str | None:
    """Why history does not keep a run; None where it does.

    Args:
        run: the run to add.
        now: with its time zone.
    """
    if run.finished is None:
        return "the run never finished"
    if run.environment.cached:
        return "its results are copies of an earlier run's, from the cache"
    try:
        started = in_utc(run.started)
    except OverflowError:  # a zone takes it out of the calendar
        return f"it began at {run.started.isoformat()}; a clock was wrong"
    if started > now + MOST_AHEAD:
        return f"it began at {started:%Y-%m-%d %H:%M} UTC, which is still to come; a clock is wrong"
    if started < _EARLIEST:
        return f"it began at {started.isoformat()}; a clock was wrong"
    try:
        record.file_name(run)
    except InputError as error:
        return str(error)
    except ValueError as error:  # half of a character, which JSON cannot hold
        return f"it cannot be written: {error}"
    return record.foreign_check(run)


def add_runs(store: Store, runs: Iterable[Run]) -> Added:
    """Add runs in one change; one that is there already stays as it is, unless its file is damaged.

    Raises:
        InputError: the store is none that runs may be added to.
        MachineryError: the store cannot be written; the text says what became of the runs.
    """
    kept = {record.file_name(run): run for run in map(record.recorded, runs)}
    files = {name: record.encode(run) for name, run in kept.items()}
    new = set(store.change(files, {}, _message("Add", kept))) if kept else set()
    there = {name: run for name, run in kept.items() if name not in new}
    repaired = _repair(store, there)
    return Added(
        added={name: run for name, run in kept.items() if name in new},
        there={name: run for name, run in there.items() if name not in repaired},
        repaired=repaired,
    )


def _repair(store: Store, there: dict[str, Run]) -> dict[str, Run]:
    """Replace those files that hold no run; returns their runs."""
    found = store.read(sorted(there))
    damaged = {name: there[name] for name, content in found if record.is_damaged(content, name)}
    if not damaged:
        return {}
    files = {name: record.encode(run) for name, run in damaged.items()}
    done = store.change({}, files, _message("Repair", damaged))
    return {name: damaged[name] for name in done}


def _message(what: str, runs: dict[str, Run]) -> str:
    if len(runs) == 1:
        [(name, run)] = runs.items()
        return f"{what} a run of {run.pair}, {record.id_in(name)}"
    pairs = sorted({run.pair for run in runs.values()})
    return f"{what} {len(runs)} runs\n\n" + "\n".join(pairs)
