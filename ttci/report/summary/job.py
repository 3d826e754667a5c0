"""The summary of a job in GitHub's markdown: the verdict first, then what failed, then the rest.

GitHub loses a summary above 1 MiB as a whole, so it is cut at whole rows, and each part
says what it leaves out. What failed has first call on the budget.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ttci.catalog.checks import check_class, check_names
from ttci.manifest.identity import model_and_device
from ttci.report.collect import PairReport, Report
from ttci.report.conclusion import heading, verdict_line
from ttci.report.finding import Finding
from ttci.report.findings import findings
from ttci.report.ranking import Rank, ratio_to_limit
from ttci.report.summary import markdown
from ttci.report.summary.budget import FULL, Budget, say_left_out
from ttci.report.summary.comparison import add_comparison
from ttci.report.summary.history import add_history
from ttci.results import Outcome, Result
from ttci.text.measurement import describe_figures

MOST_BYTES = 2**20
_NOTE_BYTES = 2**12  # kept for saying what was left out
_MOST_OF_A_MESSAGE = 2000  # characters
_ICONS = {"passed": "✅", "unavailable": "⚠️", "nothing-matched": "⚠️"}  # every other verdict is red
_OTHERS = (Rank.UNAVAILABLE, Rank.IMPOSSIBLE, Rank.IMPROVED)
_OUTCOME_ICONS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.ERROR: "💥", Outcome.UNAVAILABLE: "⚠️"}
_END = "\n</details>\n\n"


def render_summary(report: Report, most_bytes: int = MOST_BYTES, fail_on: str = "failure") -> str:
    """The summary of `report` in at most this many bytes of UTF-8; `fail_on` is one of `FAIL_ON`."""
    note_bytes = max(0, min(_NOTE_BYTES, most_bytes))
    budget = Budget(most_bytes - note_bytes, note_bytes)
    ranked = findings(report)
    _add_verdict(budget, report, fail_on)
    _add_failures(budget, [finding for finding in ranked if finding.rank.fails])
    for comparison in report.comparisons:
        add_comparison(budget, comparison)
    if report.history:
        add_history(budget, report.history)
    _add_matrix(budget, report)
    _add_others(budget, report, [finding for finding in ranked if finding.rank in _OTHERS])
    _add_details(budget, report)
    return "".join(budget.parts)


def _add_verdict(budget: Budget, report: Report, fail_on: str) -> None:
    said = heading(report, fail_on)
    budget.add(f"## {_ICONS.get(said, '❌')} ttci: {said}\n\n{verdict_line(report, fail_on)}\n\n")


def _add_failures(budget: Budget, failing: Sequence[Finding]) -> None:
    if not failing:
        return
    head = "### What failed\n\n" + markdown.head(["", "what", "why", "against its limit"])
    taken = budget.add_table(head, map(_failure_row, failing), share=0.8)
    say_left_out(budget, len(failing) - taken, "failures")
    advice = "".join(f"- **{check}**: {what}\n" for check, what in _advice_for(failing))
    if advice:
        budget.add(f"\n{advice}\n")


def _advice_for(failing: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """What to do about what was wrong or missed, once a check; of those that are known here."""
    known = check_names()
    for check in dict.fromkeys(finding.failed_check for finding in failing):
        if check is not None and check in known:
            yield check, markdown.text(check_class(check).advice)


def _failure_row(finding: Finding) -> str:
    place = f"<br>{markdown.text(str(finding.place))}" if finding.place else ""
    ratio = f"{markdown.bar(finding.ratio)} {finding.ratio:.2f}x" if finding.ratio is not None else ""
    icon = {Rank.INCOMPLETE: "💥", Rank.ERROR: "💥", Rank.WRONG: "❌", Rank.MISSED: "🐢"}[finding.rank]
    what = f"{markdown.text(finding.identity)}{place}"
    return markdown.row([icon, what, markdown.text(finding.text), ratio])


def _add_matrix(budget: Budget, report: Report) -> None:
    """A table of model by device."""
    cells: dict[tuple[str, str], list[PairReport]] = defaultdict(list)
    for entry in report.pairs:
        cells[model_and_device(entry.pair)].append(entry)
    left_out = {entry.pair: entry.reason for entry in report.left_out}
    named = [*cells, *map(model_and_device, left_out)]
    models, devices = sorted({model for model, _ in named}), sorted({device for _, device in named})
    rows = (
        markdown.row(
            [
                markdown.text(model),
                *(_cell(cells.get((model, d)), left_out.get(f"{model}@{d}")) for d in devices),
            ]
        )
        for model in models
    )
    head = "### Models and devices\n\n" + markdown.head(["model", *map(markdown.text, devices)])
    taken = budget.add_table(head, rows, share=0.5)
    say_left_out(budget, len(models) - taken, "models")


def _cell(entries: Sequence[PairReport] | None, reason: str | None) -> str:
    if not entries:
        return "" if reason is None else f"not run: {markdown.text(reason, 60)}"
    outcomes = sum((entry.outcomes for entry in entries[1:]), start=entries[0].outcomes)
    counts = " ".join(f"{_OUTCOME_ICONS[o]} {outcomes[o]:,}" for o in Outcome if outcomes[o])
    ratios = [ratio for entry in entries for result in entry.results for ratio in _ratios(result)]
    worst = f"<br>{markdown.bar(max(ratios))} {max(ratios):.2f}x of a limit" if ratios else ""
    return f"{counts or 'no checks'}{worst}"


def _ratios(result: Result) -> Iterator[float]:
    """Of the targets that bind."""
    for measurement in result.measurements:
        ratio = ratio_to_limit(measurement)
        if ratio is not None and measurement.verdict.name in ("MET", "MISSED", "IMPROVED"):
            yield ratio


def _add_others(budget: Budget, report: Report, others: Sequence[Finding]) -> None:
    """What does not fail and is not silent: what is unavailable, left out, or better than its target."""
    rows = [_other_row(finding) for finding in others]
    rows += [
        markdown.row(["left out", markdown.text(entry.pair), markdown.text(entry.reason)])
        for entry in report.left_out
    ]
    if not rows:
        return
    is_any_impossible = any(finding.rank is Rank.IMPOSSIBLE for finding in others)
    impossible = "below the limit, " if is_any_impossible else ""
    what = f"unavailable, left out, {impossible}or better than the target"
    head = f"<details><summary>{len(rows):,} {what}</summary>\n\n"
    taken = budget.add_table(head + markdown.head(["", "what", "why"]), rows, end=_END, share=0.3)
    say_left_out(budget, len(rows) - taken, "rows")


def _other_row(finding: Finding) -> str:
    word = finding.rank.name.lower()
    return markdown.row([word, markdown.text(finding.identity), markdown.text(finding.text)])


def _add_details(budget: Budget, report: Report) -> None:
    """Every check, folded by pair; those of the pairs that do not end well first."""
    entries = sorted(
        (entry for entry in report.pairs if entry.results), key=lambda e: (not e.exit_code, e.pair)
    )
    for index, entry in enumerate(entries, start=1):
        if not _add_pair(budget, entry):
            say_left_out(budget, len(entries) - index, "pairs")
            return


def _add_pair(budget: Budget, entry: PairReport) -> bool:
    """One pair's checks; whether all of them fitted."""
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in entry.outcomes.items())
    head = f"<details><summary>{markdown.text(entry.pair)}: {counts}</summary>\n\n"
    head += markdown.head(["test", "check", "outcome", "seconds", "measured"])
    messages = [message for message in map(_message, entry.results) if message]
    inside = Budget(budget.left_bytes - len(_END), 0)
    taken = inside.add_table(head, map(_result_row, entry.results))
    if not taken:
        budget.note(f"**{markdown.text(entry.pair)} is left out here**; {FULL}.\n\n")
        return False
    unsaid = sum(not inside.add(message) for message in messages)
    budget.add("".join([*inside.parts, _END]))
    say_left_out(budget, len(entry.results) - taken, "checks of this pair")
    say_left_out(budget, unsaid, "messages of this pair")
    return taken == len(entry.results) and not unsaid


def _result_row(result: Result) -> str:
    return markdown.row(
        [
            markdown.text(result.test),
            markdown.text(result.check),
            f"{_OUTCOME_ICONS[result.outcome]} {result.outcome}",
            f"{result.seconds:.2f}",
            markdown.text(describe_figures(result)),
        ]
    )


def _message(result: Result) -> str:
    """Why a check did not pass, with its line breaks; nothing of one that did."""
    if result.outcome is Outcome.PASSED or not result.message:
        return ""
    return f"\n{markdown.text(result.id)}\n\n{markdown.preformatted(result.message[:_MOST_OF_A_MESSAGE])}\n"
