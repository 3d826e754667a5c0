"""``ttci open``: the report in a browser."""

from __future__ import annotations

import webbrowser
from argparse import Namespace
from pathlib import Path

from ttci.artifacts import names
from ttci.errors import ExitCode, NothingMatchedError
from ttci.report.collect import collect
from ttci.report.html.report import write_html


def open_report(options: Namespace) -> ExitCode:
    """Open report.html of the first folder, made anew where something has run since."""
    folder: Path = options.folders[0]
    page = folder / names.PAGE
    runs = [path.stat().st_mtime for path in folder.rglob(names.RUN)]
    if not runs and not page.is_file():
        raise NothingMatchedError(f"there is no run.json in {folder}; `ttci run` leaves some")
    if not page.is_file() or page.stat().st_mtime < max(runs, default=0.0):
        write_html(collect(options.folders), page, "failure")
    print(page)
    if not webbrowser.open(page.absolute().as_uri()):
        print("there is no browser here to open it in")
    return ExitCode.OK
