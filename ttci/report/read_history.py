"""A report with its history, and what becomes of a failure to read that.

The verdict of a run never depends on its history: whatever is wrong with it is a note in
the report, which ends with the code that it would end with alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ttci.drift.judgement import HistoryView
from ttci.errors import InputError, TtciError
from ttci.history.beside_base import with_base
from ttci.history.stores import chosen_store, history_settings
from ttci.history.stores.protocol import Store
from ttci.report.collect import Report
from ttci.results import Run

_OF_MANIFEST = "[history] of the manifest"


def with_history(report: Report, source: str | None, default_branch: str | None, manifest: Path) -> Report:
    """`report` beside the history that `source` names, else the manifest; as it is where neither does.

    manifest: its path; it need not be there.

    Raises:
        InputError: `source` is none of the forms.
    """
    try:
        store = chosen_store(source, manifest)
    except InputError as error:
        if source is not None:
            raise
        return replace(report, history=HistoryView(_OF_MANIFEST, notes=(f"not read: {error}",)))
    if store is None:
        return report
    return replace(report, history=_history(_one_a_pair(report), store, default_branch, manifest))


def _one_a_pair(report: Report) -> list[Run]:
    """The run of each pair, with what it was beside its base; the report says where there is a second."""
    runs: dict[str, Run] = {}
    for entry in report.pairs:
        if entry.run:
            runs.setdefault(entry.pair, with_base(entry.run, report.comparisons))
    return list(runs.values())


def _history(runs: Sequence[Run], store: Store, default_branch: str | None, manifest: Path) -> HistoryView:
    from ttci.drift.compare import view_of
    from ttci.history.index.index import updated_index

    try:
        stated = history_settings(manifest)
        with updated_index(store) as index:
            return view_of(
                runs,
                index,
                Path.cwd(),
                default_branch or stated.default_branch,
                stated.smallest_change,
            )
    except (TtciError, OSError) as error:
        notes = (*store.notes, f"not read: {error}")
    except Exception as error:  # noqa: BLE001  # a bug in the judging of history is none of what was run
        notes = (*store.notes, f"not read, for a bug of ttci: {type(error).__name__}: {error}")
    return HistoryView(store.source, notes=notes)
