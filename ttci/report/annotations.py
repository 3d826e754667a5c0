"""GitHub annotations: lines that its runner turns into marks on the pull request's files.

error: a pair that is incomplete, a check that failed or could not be judged.
warning: a device, or every check of a test, that is unavailable: absent silicon is no success;
    a figure that is slower than its history, which is an error where the report fails on it; a target
    that no board can reach.
notice: a target that is beaten by more than its tolerance and asks to be brought up to date;
    a figure that is faster than its history, and one that looks changed and was not confirmed.

GitHub shows the first ten of a level and drops the rest without a word, so where there
are more the tenth says how many. They point at the line of the manifest that states the
target, else at the declaration in the model, as what is said of history always does.
"""

from __future__ import annotations

from collections.abc import Sequence

from ttci.report import FAIL_ON_SLOWER
from ttci.report.finding import Finding
from ttci.report.ranking import Rank

MOST_OF_A_LEVEL = 10
_MOST_CHARACTERS = 2000  # of a text: a traceback is for the log
_LEVELS = {  # every other is an error
    Rank.SLOWER: "warning",
    Rank.UNAVAILABLE: "warning",
    Rank.IMPOSSIBLE: "warning",
    Rank.SUSPECTED: "notice",
    Rank.IMPROVED: "notice",
    Rank.FASTER: "notice",
}


def annotation_lines(ranked: Sequence[Finding], fail_on: str = "failure") -> list[str]:
    """The lines for `ranked` findings, at most ten of a level; `fail_on` is one of `FAIL_ON`."""
    levels = _LEVELS | ({Rank.SLOWER: "error"} if fail_on in FAIL_ON_SLOWER else {})
    by_level: dict[str, list[Finding]] = {"error": [], "warning": [], "notice": []}
    for finding in ranked:
        by_level[levels.get(finding.rank, "error")].append(finding)
    return [line for level, found in by_level.items() for line in _of_level(level, found)]


def _of_level(level: str, found: Sequence[Finding]) -> list[str]:
    if len(found) <= MOST_OF_A_LEVEL:
        return [_line(level, finding) for finding in found]
    shown = [_line(level, finding) for finding in found[: MOST_OF_A_LEVEL - 1]]
    more = f"and {len(found) - len(shown):,} more in the summary"
    return [*shown, f"::{level} title=ttci::{escape_data(more)}"]


def _line(level: str, finding: Finding) -> str:
    properties = {"title": finding.identity}
    if finding.place:
        properties = {"file": finding.place.file, "line": str(finding.place.line), **properties}
    stated = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    text = finding.text or "no reason was given"
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[: _MOST_CHARACTERS - 1]}…"
    return f"::{level} {stated}::{escape_data(text)}"


def escape_data(text: str) -> str:
    """By the rules of workflow commands; % first, or the others' would be escaped again.

    Characters at which other readers of the log break a line are replaced.
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    unbroken = "".join(c if c in "\r\n\t" or c.isprintable() or c == "\u200d" else "\ufffd" for c in text)
    return unbroken.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
