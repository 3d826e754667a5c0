"""The arguments of ``ttci compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ttci.cli.completion import known_models
from ttci.cli.parsers.shared import Subparsers, add_devices, add_json, add_report_dir, command
from ttci.errors import ExitCode

_SECONDS, _SAME = 60.0, 0.02
_MOST_SAME = 1.0


def add_compare(subparsers: Subparsers) -> None:
    """``ttci compare``."""
    what = "was it this commit? Measure two commits side by side, in turns, until it is sure"
    compare = command(subparsers, "compare", what, _compare)
    compare.add_argument("base", metavar="BASE", help="a commit, a branch or a tag")
    compare.add_argument(
        "head", nargs="?", metavar="HEAD", help="the same; default: the working tree as it stands"
    )
    _add_choice(compare)
    compare.add_argument(
        "--seconds",
        type=_seconds,
        default=_SECONDS,
        metavar="S",
        help="when the time is up, whether it is sure or not; default: %(default)g",
    )
    compare.add_argument(
        "--same",
        type=_fraction,
        default=_SAME,
        metavar="FRACTION",
        help="a change of this size does not matter: within it a figure is the same; default: %(default)g",
    )
    compare.add_argument(
        "--isolated",
        action="store_true",
        help="measure in the environments that nox would make, even where both commits require the same",
    )
    compare.add_argument(
        "--one-at-a-time",
        action="store_true",
        help="never a process of both sides at once, for what there is memory for once; boards always so",
    )
    _add_output(compare)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """Which commits, pairs and tests."""
    parser.add_argument(
        "--merge-base",
        action="store_true",
        help="compare with where HEAD has left BASE, not with BASE itself",
    )
    parser.add_argument(
        "--changed", action="store_true", help="only pairs that a change between the two commits concerns"
    )
    models = parser.add_argument(
        "--model",
        action="append",
        default=[],
        dest="models",
        metavar="NAME",
        help="a model, a glob of models or a pair (llama3@cpu), repeatable; default: all",
    )
    models.completer = known_models  # type: ignore[attr-defined]  # as argcomplete has it
    add_devices(parser)
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        dest="tests",
        metavar="NAME",
        help="a test or a glob of tests, repeatable; default: all. The fewer, the sooner it is sure",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    """What it ends with, prints and writes."""
    parser.add_argument(
        "--fail-on",
        choices=("slower",),
        help="exit with 1 where a figure is slower, or fails in HEAD alone; default: on nothing",
    )
    parser.add_argument(
        "--annotations",
        action=argparse.BooleanOptionalAction,
        help="print marks for the files of a pull request; default: where GITHUB_ACTIONS is true",
    )
    add_report_dir(parser, "where comparison.json goes")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page of every figure and its interval, too"
    )
    add_json(parser)


def _seconds(text: str) -> float:
    return _number(text, "a number of seconds above 0", most=float("inf"))


def _fraction(text: str) -> float:
    return _number(text, "a fraction above 0, like 0.02", most=_MOST_SAME)


def _number(text: str, what: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def _compare(options: argparse.Namespace) -> ExitCode:
    from ttci.cli import compare as compare_command

    return compare_command.compare(options)
