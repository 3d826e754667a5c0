"""The one comment on a pull request that each run writes anew: a mark to find it by, then the summary."""

from __future__ import annotations

import re

from ttci.report.collect import Report
from ttci.report.summary.job import render_summary

MOST_CHARACTERS = 65_536  # GitHub takes no longer comment
# In a comment these call a person, or leave a mark on an issue, as entities too. Renovate and
# Dependabot put the same character in between, which takes no room.
_CALLS = re.compile(r"(?<!\w)(?:@|&#64;)(?=\w)|(?<!&)#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)
_PREFORMATTED = re.compile(r"(<pre>.*?</pre>)", re.DOTALL)  # where GitHub looks for none
_NO_ROOM = "\u200b"


def mark_of(name: str) -> str:
    """What the comment of this name begins with; nobody sees it."""
    return f"<!-- ttci {name} -->"


def render_comment(report: Report, name: str, link: str | None = None, fail_on: str = "failure") -> str:
    """The comment on `report`, within GitHub's limit.

    Args:
        report: what it says.
        name: of the comment, where a pull request has several.
        link: the address of the run that it comes from.
        fail_on: one of `ttci.report.FAIL_ON`.
    """
    head = f"{mark_of(name)}\n"
    foot = f"[The run]({link}) has the whole report.\n" if link else ""
    room = MOST_CHARACTERS - len(head) - len(foot)
    most_bytes = room  # no text has fewer bytes than characters
    while len(text := _calling_nobody(render_summary(report, most_bytes, fail_on))) > room:
        most_bytes -= len(text) - room
    return f"{head}{text}{foot}"


def _calling_nobody(text: str) -> str:
    parts = _PREFORMATTED.split(text)
    parts[::2] = (_CALLS.sub(lambda match: f"{match[0]}{_NO_ROOM}", part) for part in parts[::2])
    return "".join(parts)
