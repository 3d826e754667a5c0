"""A table of pairs: how each ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Report
from ttci.report.drift_text import counts_of
from ttci.results import Drift, Measurement, Outcome, Result, Verdict
from ttci.text.measurement import describe_limit, value_and_target
from ttci.text.table import align

_ALWAYS_SHOWN = (Verdict.MISSED, Verdict.IMPROVED, Verdict.NO_TARGET)
_MOST_LIMITS = 40  # on a terminal
_SHOWN_WHERE_ANY = (Verdict.NO_MEASUREMENT, Verdict.REPORT_ONLY)
_ALWAYS_SHOWN_OF_HISTORY = (Drift.SAME, Drift.SLOWER, Drift.FASTER)


def report_table(report: Report, width: int | None = None) -> str:
    """One line a pair: outcomes of its checks, verdicts of its targets, time; as wide as it is where None.

    What is missing of a pair counts as an outcome.

    Where something was compared with a history, how it stands against that; what is suspected
    counts as the same, and has no column that would be added to it.
    """
    present = {measurement.verdict for entry in report.pairs for measurement in _measurements(entry.results)}
    verdicts = (*_ALWAYS_SHOWN, *(verdict for verdict in _SHOWN_WHERE_ANY if verdict in present))
    drifts = _drifts(report.history) if report.history else {}
    words = _drift_words(drifts) if drifts else ()
    cached = ("cached",) if any(entry.is_cached for entry in report.pairs) else ()
    header = ("pair", "fidelity", *map(str, Outcome), *map(str, verdicts), *words, *cached, "seconds")
    rows = (_row(entry, verdicts, words, drifts) for entry in report.pairs)
    return align([header, *(row if cached else (*row[:-2], row[-1]) for row in rows)], width)


def limit_table(report: Report, width: int | None = None) -> str:
    """Of each test whose limit on its board is known: what was measured, its target, its limit.

    What was measured comes first; empty where no limit is known.
    """
    rows = list(_limit_rows(report))
    if not rows:
        return ""
    rows.sort(key=lambda row: row[2] == "-")
    shown = align([("limit of", "test", "measured", "target", "limit"), *rows[:_MOST_LIMITS]], width)
    left = len(rows) - _MOST_LIMITS
    return shown if left <= 0 else f"{shown}\nand {left:,} more limits"


def _limit_rows(report: Report) -> Iterator[tuple[str, str, str, str, str]]:
    for entry in report.pairs:
        model, device = model_and_device(entry.pair)
        latencies = {
            result.test: measurement
            for result in entry.results
            for measurement in result.measurements
            if measurement.name == "latency_ms"
        }
        tests = {result.test for result in entry.results}
        for test, limit in report.limits.of_model(model, device).items():
            if test in tests:
                value, target = value_and_target(latencies.get(test))
                yield entry.pair, test, value, target, describe_limit(limit)


def _drifts(view: HistoryView) -> dict[str, Counter[str]]:
    """By pair."""
    by_pair: dict[str, list[SeriesDrift]] = {}
    for entry in view.series:
        by_pair.setdefault(entry.series.pair, []).append(entry)
    return {pair: counts_of(entries) for pair, entries in by_pair.items()}


def _drift_words(drifts: Mapping[str, Counter[str]]) -> tuple[str, ...]:
    others = (str(drift) for drift in Drift if drift not in _ALWAYS_SHOWN_OF_HISTORY)
    reached = (word for word in others if any(counts[word] for counts in drifts.values()))
    return (*map(str, _ALWAYS_SHOWN_OF_HISTORY), *reached)


def _row(
    entry: PairReport,
    verdicts: Iterable[Verdict],
    drift_words: Iterable[str],
    drifts: Mapping[str, Counter[str]],
) -> tuple[str, ...]:
    outcomes = entry.outcomes
    reached = Counter(measurement.verdict for measurement in _measurements(entry.results))
    drifted = drifts.get(entry.pair, Counter())
    return (
        entry.pair,
        str(entry.run.fidelity) if entry.run else "-",
        *(str(outcomes[outcome]) for outcome in Outcome),
        *(str(reached[verdict]) for verdict in verdicts),
        *(str(drifted[word]) for word in drift_words),
        "yes" if entry.is_cached else "-",
        f"{sum(result.seconds for result in entry.results):.1f}",
    )


def _measurements(results: Iterable[Result]) -> Iterator[Measurement]:
    return (measurement for result in results for measurement in result.measurements)
