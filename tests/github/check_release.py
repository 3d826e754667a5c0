"""Whether a tag may be released, and what its release says: for the workflow that releases it.

``python tests/github/check_release.py TAG`` prints the part of CHANGELOG.md that is about the
version of the tag; where something is wrong it prints what, and ends with 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE, CHANGELOG, PROJECT = Path("ttci/__init__.py"), Path("CHANGELOG.md"), Path("pyproject.toml")


def version() -> str:
    """The version, as hatchling reads it."""
    [stated] = re.findall(r'^__version__ = "(.+)"$', PACKAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(stated)


def notes_of(version: str) -> tuple[str, str] | None:
    """What follows the version in its heading, and what stands below that; None without a heading."""
    text = CHANGELOG.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version)}(?: (.*))?\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    return (found[1] or "", found[2].strip()) if found else None


def mistakes(tag: str) -> Iterator[str]:
    """What stands against releasing `tag`."""
    if tag != f"v{version()}":
        yield f"{PACKAGE}: the version is {version()}, and the tag {tag}; the tag is to be v{version()}"
    notes = notes_of(version())
    if not notes or not notes[1]:
        yield f"{CHANGELOG}: nothing is said of {version()}; give it a heading, ## {version()}"
    elif "unreleased" in notes[0]:
        yield f"{CHANGELOG}: {version()} is called {notes[0]}; put the date there"
    if "github.com/OWNER/" in PROJECT.read_text(encoding="utf-8"):
        yield f"{PROJECT}: links lead to github.com/OWNER; put the owner of the repository there"


if __name__ == "__main__":
    found = list(mistakes(sys.argv[1]))
    if found:
        sys.exit("\n".join(found))
    notes = notes_of(version())
    print(notes[1] if notes else "")
