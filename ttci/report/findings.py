"""What a reviewer should see first: the problems, failures and improvements of a report, ranked.

A pair that is incomplete hurts most, then a check that could not be judged, then wrong
numbers, then missed targets by how far they are beyond their limit, then what is slower
than its history, by how much. Of checks that are
unavailable only those stand here whose test nothing else judged: a mock board that has
no clock is no news. A measurement without a target is none either; it is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ttci.catalog.metrics import WITH_TARGETS
from ttci.drift.judgement import HistoryView
from ttci.manifest import Identity
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Problem, Report
from ttci.report.compared import compared_figures
from ttci.report.comparison_text import findings as comparison_findings
from ttci.report.drift_text import describe_drift
from ttci.report.finding import Finding, Place, place_of
from ttci.report.limits import impossible_targets
from ttci.report.ranking import (
    Rank,
    missed_targets,
    movers,
    rank_of,
    rank_of_change,
    ratio_to_limit,
    worsening,
)
from ttci.results import Comparison, Outcome, Result, Run, Verdict, why_impossible
from ttci.text.measurement import describe_failure, describe_improvement
from ttci.text.one_line import one_line

_CHANGED = (Comparison.SLOWER, Comparison.FASTER)


def findings(report: Report) -> list[Finding]:
    """Everything that is to be seen of `report`, what hurts most first."""
    return sorted(_findings(report), key=lambda f: (f.rank, -(f.ratio or 0.0), f.identity))


def _findings(report: Report) -> Iterator[Finding]:
    for problem in report.problems:
        yield _of_problem("report", problem)
    for entry in report.pairs:
        for problem in entry.problems:
            yield _of_problem(entry.pair, problem)
        if entry.run:
            yield from _of_run(entry, entry.run)
    yield from impossible(report)
    yield from _of_comparisons(report)
    if report.history:
        yield from _of_history(report, report.history)


def impossible(report: Report) -> Iterator[Finding]:
    """The targets that no board can reach: those that were judged, and the manifest's others."""
    said: set[tuple[str, str]] = set()
    for entry in report.pairs:
        for result in entry.results:
            for metric, why in _impossible_in(report, entry, result):
                said.add((f"{entry.pair}/{result.test}", metric))
                place = _place_of_target(result, metric)
                yield Finding(Rank.IMPOSSIBLE, result.id, f"target {metric}: {why}", place=place)
    if report.manifest is None:
        return
    models = dict.fromkeys(entry.run.model for entry in report.pairs if entry.run)
    stated = [model for model in models if model in report.manifest.models]
    for target in impossible_targets(report.manifest, stated, report.limits):
        if (f"{target.pair}/{target.test}", target.metric) not in said:
            place = place_of(f"{target.mistake.file}:{target.mistake.line}")
            identity = str(Identity(target.pair, target.test, WITH_TARGETS[target.metric].check))
            yield Finding(Rank.IMPOSSIBLE, identity, f"target {target.metric}: {target.why}", place=place)


def impossible_lines(report: Report) -> Iterator[str]:
    """A warning for each target that no board can reach, at its line."""
    for finding in impossible(report):
        where = f"{finding.place}: " if finding.place else ""
        yield one_line(f"warning: {where}{finding.identity}: {finding.text}")


def _impossible_in(report: Report, entry: PairReport, result: Result) -> Iterator[tuple[str, str]]:
    """By metric, why a target of `result` cannot be reached."""
    model, device = model_and_device(entry.pair)
    limit = report.limits.of(model, device, result.test)
    for measurement in result.measurements if limit else ():
        target = measurement.target
        why = limit and target and why_impossible(measurement.name, target, limit)
        if why:
            yield measurement.name, why


def _of_problem(identity: str, problem: Problem) -> Finding:
    rank = Rank.INCOMPLETE if problem.outcome is Outcome.ERROR else Rank.UNAVAILABLE
    return Finding(rank, identity, problem.text)


def _of_run(entry: PairReport, run: Run) -> Iterator[Finding]:
    judged = {result.test for result in entry.results if result.outcome is not Outcome.UNAVAILABLE}
    said: set[str] = set()
    for result in entry.results:
        if result.outcome in (Outcome.ERROR, Outcome.FAILED):
            yield _of_bad(result, run)
        elif result.outcome is Outcome.UNAVAILABLE and result.test not in judged | said:
            said.add(result.test)
            yield Finding(Rank.UNAVAILABLE, result.id, result.message, place=_declared(result))
        elif result.outcome is Outcome.PASSED:
            yield from _improvements(result, run)


def _of_bad(result: Result, run: Run) -> Finding:
    rank = rank_of(result)
    if rank is Rank.ERROR:
        return Finding(rank, result.id, result.message, place=_declared(result))
    missed = sorted(missed_targets(result), key=lambda m: -(ratio_to_limit(m) or 0.0))
    unsaid = [said for said in map(describe_failure, missed) if said not in result.message]
    text = "\n".join(filter(None, [*unsaid, result.message]))
    if not missed:
        place = _declared(result)
        return Finding(rank, result.id, _on(run, text), place=place, failed_check=result.check)
    ratio, place = ratio_to_limit(missed[0]), _place_of_target(result, missed[0].name)
    return Finding(rank, result.id, _on(run, text), ratio, place, result.check)


def _improvements(result: Result, run: Run) -> Iterable[Finding]:
    for measurement in result.measurements:
        if measurement.verdict is Verdict.IMPROVED:
            text = _on(run, describe_improvement(measurement))
            yield Finding(Rank.IMPROVED, result.id, text, None, _place_of_target(result, measurement.name))


def _of_comparisons(report: Report) -> Iterator[Finding]:
    """What differs between two commits; and what fails in the newer one only there."""
    bad = (Outcome.ERROR, Outcome.FAILED)
    failing = [result.id for entry in report.pairs for result in entry.results if result.outcome in bad]
    for run in report.comparisons:
        for finding in comparison_findings(run):
            of = finding.identity
            is_said = any(identity == of or identity.startswith((f"{of}/", f"{of}[")) for identity in failing)
            if finding.rank is not Rank.ERROR:
                yield finding
            elif not is_said:  # its run was well: it is a warning
                yield replace(finding, rank=Rank.UNAVAILABLE)


def _of_history(report: Report, view: HistoryView) -> Iterator[Finding]:
    """What has changed, or looks so, at the line that declares its test."""
    results = {result.id: result for entry in report.pairs for result in entry.results}
    said = {key for key, entry in compared_figures(report).items() if entry.figure.comparison in _CHANGED}
    for moved in movers(view.series):
        if (moved.series.identity, moved.series.metric) in said:
            continue
        result = results.get(moved.series.identity)
        yield Finding(
            rank_of_change(moved),
            moved.series.identity,
            describe_drift(moved),
            1 + abs(worsening(moved)),
            _declared(result) if result else None,
        )


def _on(run: Run, text: str) -> str:
    return f"{text}\nfidelity of {run.device}: {run.fidelity}"


def _place_of_target(result: Result, metric: str) -> Place | None:
    """Where the manifest states the target, else where the test is declared."""
    places = result.config.targets_at or {}
    return place_of(places.get(metric)) or _declared(result)


def _declared(result: Result) -> Place | None:
    return place_of(result.config.declared_at)
