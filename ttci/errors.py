"""What can go wrong, and the exit code each kind ends with.

Every error that a user can meet is a `TtciError`; the command line, the pytest
plugin and the noxfile catch it in one place each and print its message alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

_LONGEST_QUOTE = 80  # characters of a user's text that a message repeats


class ExitCode(IntEnum):
    """How a ttci command ends."""

    OK = 0
    FAILED = 1  # a check failed or a target was missed
    BAD_INPUT = 2  # the manifest, an option or a name is wrong
    UNAVAILABLE = 3  # a device that was asked for by name is not here
    MACHINERY = 4  # crash, hang, unreadable result
    NOTHING_MATCHED = 5


VERDICTS = {  # what an exit code is called
    ExitCode.OK: "passed",
    ExitCode.FAILED: "failed",
    ExitCode.BAD_INPUT: "wrong-input",
    ExitCode.UNAVAILABLE: "unavailable",
    ExitCode.MACHINERY: "error",
    ExitCode.NOTHING_MATCHED: "nothing-matched",
}

INTERRUPTED = 130  # what an interrupted command ends with: 128 + SIGINT, as shells have it

_WORST_FIRST = (
    ExitCode.MACHINERY,
    ExitCode.BAD_INPUT,
    ExitCode.FAILED,
    ExitCode.UNAVAILABLE,
    ExitCode.NOTHING_MATCHED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """What several pairs end with: the code that most needs a person."""
    reached = set(codes)
    return next((code for code in _WORST_FIRST if code in reached), ExitCode.OK)


class TtciError(Exception):
    """An end that a user can do something about; its text is the whole message."""

    exit_code = ExitCode.MACHINERY


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong in what a user wrote: where, and what to do."""

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.what}"


class InputError(TtciError):
    """The user's input is wrong; carries every mistake that was found."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, mistakes: str | Mistake | Iterable[Mistake]) -> None:
        if isinstance(mistakes, str | Mistake):
            mistakes = [mistakes]  # type: ignore[list-item]
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class DeviceUnavailableError(TtciError):
    """A device that was asked for by name is not here."""

    exit_code = ExitCode.UNAVAILABLE


class MachineryError(TtciError):
    """ttci could not do its own work: a crash, a hang, an unreadable result."""

    exit_code = ExitCode.MACHINERY


class NothingMatchedError(TtciError):
    """The choice is valid and selects nothing."""

    exit_code = ExitCode.NOTHING_MATCHED


def error_of(code: ExitCode, reason: str) -> TtciError:
    """The error with which a process that ended so is told of."""
    kinds = (InputError, DeviceUnavailableError, NothingMatchedError)
    kind = next((kind for kind in kinds if kind.exit_code is code), MachineryError)
    return kind(reason)


def describe(error: BaseException) -> str:
    """The type of any exception and what it says: ``ValueError: no weights``, as `encodable` text."""
    kind = type(error).__name__
    return encodable(f"{kind}: {text}" if (text := text_of(error)) else kind)


def text_of(error: BaseException) -> str:
    """What an exception says, as `encodable` text; where its own ``__str__`` fails, that it does."""
    try:
        return encodable(str(error))
    except (Exception, SystemExit) as broken:  # noqa: BLE001  # the user's code may raise anything
        return f"(what it says is not known: its __str__ raises {type(broken).__name__})"


def encodable(text: str) -> str:
    r"""`text` with halves of characters spelled out, ``\udce4``: no file and no stream of UTF-8 takes them.

    They come from `os.fsdecode` of a name that is not UTF-8, and from JSON.
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def quoted(text: str) -> str:
    """`text` as TOML would quote it: on one line whatever it holds, and cut where it is long."""
    short = text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"
    escaped = short.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(map(_printable, escaped))}"'


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice to follow an unknown word: the nearest known one, else all of them."""
    import difflib

    names = sorted(known)
    by_lower_case = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    if near:
        return f"did you mean {quoted(by_lower_case[near[0]])}?"
    return f"there is: {', '.join(names)}" if names else "there is none"


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
