"""``ttci targets``: what each action reads, prints and writes."""

from __future__ import annotations

import codecs
import difflib
import os
import re
import stat
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ttci.cli import targets_text as text
from ttci.cli.measured_targets import chosen_by, find_candidates
from ttci.errors import ExitCode, InputError, Mistake, NothingMatchedError
from ttci.files import write_whole
from ttci.manifest import Manifest, load_manifest
from ttci.targets.choice import Choice
from ttci.targets.update import Update
from ttci.targets.validation import reason_against
from ttci.text.one_line import one_line

_NOTHING_NAMED = (
    "nothing is named whose targets are to be written: name pairs (llama3@n150) or checks "
    "(llama3@n150/attention[performance]), or write --improved for those that were beaten; "
    "`ttci targets suggest` shows what there is"
)


def suggest(options: Namespace) -> ExitCode:
    """Print a target for each figure that can have one, and why others have none."""
    found = find_candidates(options, chosen_by(options))
    reasons = [(entry, reason_against(entry)) for entry in found.candidates]
    suggested = [entry for entry, reason in reasons if reason is None]
    left_out = [(entry, reason) for entry, reason in reasons if reason]
    if options.json:
        print(text.suggestions_json(suggested, left_out))
    elif suggested:
        print(text.suggestions_text(suggested))
    _say(text.left_out_lines(left_out))
    if not suggested:
        raise NothingMatchedError("nothing was measured that a target can be made of")
    return found.exit_code


def update(options: Namespace) -> ExitCode:
    """Write the targets of what is named into the manifest, whole or not at all."""
    choice = chosen_by(options)
    if choice.is_of_all and not options.improved:
        raise InputError(_NOTHING_NAMED)
    manifest = load_manifest(options.manifest)
    if not options.dry_run:
        _refuse_unwritable(options.manifest)
    found = find_candidates(options, choice)
    chosen = [entry for entry in found.candidates if entry.is_improved or not options.improved]
    planned = Update(manifest, chosen, only_better=options.improved)
    _refuse(planned, choice)
    new = planned.text()
    _say(mistake for _, mistake in planned.refused)
    _say(planned.narrow(new))
    if options.dry_run:
        sys.stdout.writelines(_diff(manifest.text, new, str(options.manifest)))
    elif planned.changes:
        _write(manifest, new)
        for change in planned.changes:
            print(planned.place_of(change, new))
    print(_summary(planned, options), file=sys.stderr if options.dry_run else sys.stdout)
    return found.exit_code


def _refuse(planned: Update, choice: Choice) -> None:
    """Raise InputError where what is named by its identity cannot be written, or nothing can."""
    named = [wrong for entry, wrong in planned.refused if entry.identity in choice.checks]
    is_nothing_left = not planned.changes and not planned.unchanged
    refused = [wrong for _, wrong in planned.refused] if is_nothing_left else named
    if refused:
        raise InputError(refused)


def _refuse_unwritable(path: Path) -> None:
    """A file that replaces another needs no right to write that one; its owner has said what is meant."""
    is_writable = path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    if not is_writable or not os.access(path, os.W_OK):
        what = f"it is read-only, so that no target is written; chmod u+w {path}, or see --dry-run"
        raise InputError(Mistake(str(path), None, what))


def _write(manifest: Manifest, new: str) -> None:
    """In the place of the file itself, where the path is a link, with its mode and its mark of UTF-8."""
    file = manifest.path.resolve()
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        write_whole(file, _parts(manifest, new))
        file.chmod(mode)
    except OSError as error:
        what = f"it cannot be written: {error.strerror}; make its folder writable, or see --dry-run"
        raise InputError(Mistake(str(manifest.path), None, what)) from None


def _parts(manifest: Manifest, new: str) -> Iterator[bytes | str]:
    """What is written, and then, as nothing is in place yet, a last look at what it would replace."""
    before = manifest.path.read_bytes()
    if before.startswith(codecs.BOM_UTF8):
        yield codecs.BOM_UTF8
    yield new
    is_as_read = before.removeprefix(codecs.BOM_UTF8) == manifest.text.encode()
    if not is_as_read or manifest.path.read_bytes() != before:
        what = "it was changed while its targets were looked for; nothing is written, run this again"
        raise InputError(Mistake(str(manifest.path), None, what))


def _diff(before: str, after: str, name: str) -> Iterator[str]:
    """A unified diff, whose lines end as those of the file do."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, after))
    for line in difflib.unified_diff(old, new, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _summary(planned: Update, options: Namespace) -> str:
    added = sum(change.before is None for change in planned.changes)
    counts = {
        "updated": len(planned.changes) - added,
        "added": added,
        "unchanged": len(planned.unchanged),
        "left out": len(planned.refused),
    }
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    if not said:
        return "no target was beaten by more than its tolerance"
    return f"{options.manifest}: {said}{'; nothing is written' if options.dry_run else ''}"


def _say(lines: Iterable[object]) -> None:
    for line in lines:
        print(one_line(str(line)), file=sys.stderr)


ACTIONS: dict[str, Callable[[Namespace], ExitCode]] = {"suggest": suggest, "update": update}
