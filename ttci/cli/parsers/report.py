"""The arguments of what turns the folders of pairs into reports and other formats."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from ttci.cli.parsers.shared import ELSE_OFF, Subparsers, add_folders, add_history_source, add_json, command
from ttci.errors import ExitCode
from ttci.export import FORMATS
from ttci.report import FAIL_ON, SERVICES


def add_report(subparsers: Subparsers) -> None:
    """``ttci report``."""
    what = "one verdict of many pairs, from their folders"
    report = command(subparsers, "report", what, _report)
    add_folders(report)
    _add_plan(report)
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for junit.xml, benchmark.json, report.json, report.html and summary.md; default: the first DIR",
    )
    report.add_argument(
        "--format",
        choices=SERVICES,
        default="github",
        help="what else there is. gitlab: a code quality report and metrics, for merge requests; buildkite: "
        "an annotation, and the command that shows it; github: annotations. Default: %(default)s",
    )
    _add_fail_on(report)
    add_history_source(report, ELSE_OFF)
    report.add_argument(
        "--annotations",
        action=argparse.BooleanOptionalAction,
        help="print marks for the files of a pull request; default: where GITHUB_ACTIONS is true",
    )
    report.add_argument(
        "--summary",
        type=Path,
        default=os.environ.get("GITHUB_STEP_SUMMARY") or None,
        metavar="PATH",
        help="append the summary to this file; default: $GITHUB_STEP_SUMMARY",
    )
    add_json(report)


def add_open(subparsers: Subparsers) -> None:
    """``ttci open``."""
    what = "open the report in a browser"
    add_folders(command(subparsers, "open", what, _open))


def add_comment(subparsers: Subparsers) -> None:
    """``ttci comment``."""
    what = "the Markdown of one comment on a pull request; it begins with a mark to find that by"
    comment = command(subparsers, "comment", what, _comment)
    add_folders(comment)
    _add_plan(comment)
    comment.add_argument(
        "--name",
        type=_name,
        default="report",
        help="stands in the mark, where a pull request has several such comments; default: %(default)s",
    )
    _add_fail_on(comment)
    add_history_source(comment, ELSE_OFF)


def add_export(subparsers: Subparsers) -> None:
    """``ttci export``."""
    what = "the results of pairs in a format of other tools"
    export = command(subparsers, "export", what, _export)
    add_folders(export)
    export.add_argument("--format", choices=FORMATS, required=True, help="of the tool that reads it")
    export.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PATH",
        help="a file; for tt-benchmark-run, which has a file a pair, a folder. Default: standard output",
    )
    export.add_argument(
        "--better",
        choices=("lower", "higher"),
        default="lower",
        help="github-action-benchmark reads one direction a file: lower for customSmallerIsBetter (the "
        "default), higher for customBiggerIsBetter",
    )


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="PATH",
        help="which pairs were to run, beside the plan.json of each DIR; one that left nothing is an error",
    )


def _add_fail_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="failure",
        help="failure: whatever is not well; regression: missed targets and what could not be judged or "
        "was not there, and drift, but not wrong numbers; drift: whatever is not well, and what is slower "
        "than its history; never: only a report that could not be made. Default: %(default)s",
    )


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text, re.ASCII) or "--" in text:  # which would end the mark
        raise argparse.ArgumentTypeError(f"{text!r} is not of letters, digits, dots and single hyphens")
    return text


def _report(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import report as report_command

    return report_command.report(options)


def _comment(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import report as report_command

    return report_command.comment(options)


def _export(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import report as report_command

    return report_command.export(options)


def _open(options: argparse.Namespace) -> ExitCode:
    from ttci.cli.open import open_report

    return open_report(options)
