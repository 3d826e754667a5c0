"""What `ttci compare` has measured of a run beside its base, taken into the run that history keeps.

A comparison belongs to a run where its newer commit is the run's, and it was begun after the run: one of
an earlier state of the files says nothing of it. Of several the newest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ttci.history.series import commit_of, in_utc
from ttci.manifest.identity import pair_of
from ttci.results import BaseRatio, Result, Run
from ttci.results.comparison import ComparisonRun

_Ratios = Mapping[tuple[str, str], BaseRatio]  # by the identity of a check, and a metric


def belongs_to(comparison: ComparisonRun, run: Run) -> bool:
    """Whether a comparison is of what `run` has measured, as it was then."""
    started = comparison.started
    is_later = started is not None and in_utc(started) >= in_utc(run.started)
    return is_later and commit_of(run) == comparison.head.commit


def with_base(run: Run, comparisons: Iterable[ComparisonRun]) -> Run:
    """`run` with its ratios to its base; as it is where no comparison of two commits belongs to it."""
    own = [entry for entry in comparisons if _concerns(entry, run)]
    if not own:
        return run
    newest = max(own, key=_started)
    ratios = {(f.id, f.name): ratio for f in newest.figures if (ratio := f.beside_base())}
    results = tuple(_with_ratios(result, ratios) for result in run.results)
    return run.model_copy(update={"base": newest.base.commit, "results": results})


def _concerns(comparison: ComparisonRun, run: Run) -> bool:
    """Whether it belongs to the run, has a figure of it, and is of two commits."""
    is_of_two = comparison.base.commit != comparison.head.commit
    of_run = (figure for figure in comparison.figures if pair_of(figure.id) == run.pair)
    return is_of_two and belongs_to(comparison, run) and any(of_run)


def _started(comparison: ComparisonRun) -> datetime:
    return in_utc(comparison.started) if comparison.started else datetime.min


def _with_ratios(result: Result, ratios: _Ratios) -> Result:
    measurements = tuple(
        measured.model_copy(update={"beside_base": ratios.get((result.id, measured.name))})
        for measured in result.measurements
    )
    return result.model_copy(update={"measurements": measurements})
