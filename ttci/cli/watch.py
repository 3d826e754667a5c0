"""``ttci watch``: run again whenever something that decides on the results has changed."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from pathlib import Path

from ttci.cli import run as run_command
from ttci.errors import ExitCode, TtciError
from ttci.manifest import load_manifest
from ttci.planning.changed import files_of
from ttci.planning.plan import plan

_LOOKS_EVERY_S = 0.5

Seen = dict[Path, "tuple[int, int] | None"]  # when it was written, and its bytes; None where it is not there


def watch(options: Namespace) -> ExitCode:
    """Run the chosen pairs, and again after each change, until Ctrl-C; never returns by itself."""
    while True:
        before: Seen = {path: _state(path) for path in _watched(options)}
        try:
            run_command.run(options)
        except TtciError as error:  # a mistake in the manifest, say, that is about to be mended
            print(error)
        print(f"\nwaiting for a change of {len(before)} files; Ctrl-C ends this", flush=True)
        changed = _wait_for_change(before)
        print(f"\n{os.path.relpath(changed)} has changed", flush=True)


def _wait_for_change(before: Seen) -> Path:
    """The first file that is no longer as it was."""
    while True:
        for path, state in before.items():
            if state != _state(path):
                return path
        time.sleep(_LOOKS_EVERY_S)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _watched(options: Namespace) -> list[Path]:
    """The manifest, and the files of the chosen pairs."""
    found = {options.manifest.resolve()}
    try:
        manifest = load_manifest(options.manifest)
        for job in plan(manifest, options.models, options.devices).here:
            found |= files_of(manifest, job.pair)
    except TtciError:  # which the run says
        pass
    return sorted(found)
