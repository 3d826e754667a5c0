"""How pytest ended: by which signal or exit code, and what it said of why it judged nothing."""

from __future__ import annotations

import re
import signal
import sysconfig
from collections.abc import Sequence
from pathlib import Path

_TRACEBACK = "Traceback (most recent call last):"
_CONFTEST = "ImportError while loading conftest"  # of _pytest/config/__init__.py, as the next two
_USAGE, _EXIT = "ERROR: ", "Exit: "
_BEGINS = (_TRACEBACK, _CONFTEST, _USAGE, _EXIT)
_FRAME = re.compile(r' *File "(?P<file>[^"]+)", line (?P<line>\d+)')
_PROGRAM = re.compile(r".*?: error: ")  # argparse puts usage and program before what is wrong
_INI_FILE = re.compile(r"  inifile: (?!None$)(?P<file>.+)")
_INTERNAL = "INTERNALERROR> "
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def reason_in(output: str) -> str:
    """Pytest's own sentence, or that of the exception which ended it; else the last line."""
    lines = [line.removeprefix(_INTERNAL).rstrip() for line in output.split("\n")]
    starts = [index for index, line in enumerate(lines) if line.startswith(_BEGINS)]
    if not starts:
        return next((line for line in reversed(lines) if line), "it printed nothing")
    block = lines[starts[-1] :]
    if block[0] == _TRACEBACK:
        return _raised(block)
    block = block[: block.index("")] if "" in block else block
    return _usage(block) if block[0].startswith(_USAGE) else "\n".join(block).removeprefix(_EXIT)


def _usage(block: Sequence[str]) -> str:
    """Without how pytest is called; with the file that holds the arguments, where it is one."""
    ini_file = next((match["file"] for match in map(_INI_FILE.fullmatch, block) if match), None)
    said = [line for line in block if not line.startswith(("  inifile: ", "  rootdir: "))]
    begin = next((index for index, line in enumerate(said) if _PROGRAM.match(line)), 0)
    text = "\n".join([_PROGRAM.sub("", said[begin], count=1), *said[begin + 1 :]]).removeprefix(_USAGE)
    return f"{text} (with {ini_file})" if ini_file else text


def _raised(traceback: Sequence[str]) -> str:
    """The exception at the nearest place that is no library's."""
    end = next((index for index, line in enumerate(traceback) if index and line and line[0] != " "), -1)
    places = [match for match in map(_FRAME.match, traceback[:end]) if match]
    own = [match for match in places if not _is_library(match["file"])] or places
    where = f"{own[-1]['file']}:{own[-1]['line']}: " if own else ""
    rest = traceback[end:]
    said = rest[: rest.index("")] if "" in rest[1:] else rest
    return where + "\n".join(said).strip()


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def ended_by_itself(code: int) -> str:
    """What a process ended with, by its return code, when it was not to end yet."""
    if code < 0:
        return f"the process died of {_signal_name(-code)}"
    return f"the process ended with exit code {code} before pytest did"


def timed_out(seconds: float) -> str:
    """What a check has done that took longer than it may."""
    return f"timed out after {seconds:g} s"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
