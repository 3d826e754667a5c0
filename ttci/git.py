"""Running git: without prompts, in English, for a bounded time, and without telling secrets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import InputError, MachineryError, TtciError

MOST_SECONDS = 300.0  # of one command
_MOST_SECONDS_OF_A_QUESTION = 30.0  # of one that reads the repository of a folder
Settings = Sequence[tuple[str, str]]  # of git: keys, which may come more than once, and values

# A hook that calls ttci has these set, for a repository that is not ours.
_OF_ANOTHER_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_PREFIX"),
    *("GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_CEILING_DIRECTORIES"),
)
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
_HINT = re.compile(r"^(hint:|remote: *$|To |Done$|Please make sure you have|and the repository exists)")
_NO_MORE_THAN_THAT = "fatal: Could not read from remote repository."  # behind the line that says why
_MARK = re.compile(r"^((fatal|error|remote): *)+")


@dataclass(frozen=True)
class Done:
    """How a git command ended, and what it printed."""

    code: int
    out: bytes
    said: str  # on stderr

    @property
    def reason(self) -> str:
        """What git says is wrong, in one line."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip() and not _HINT.match(line)]
        lines = [line for line in lines if line != _NO_MORE_THAN_THAT] or lines
        fatal = [line for line in lines if _MARK.match(line)] or lines
        said = dict.fromkeys(_MARK.sub("", line).removesuffix(".") for line in fatal)
        return "; ".join(said) or f"git ended with exit code {self.code}"


def run_git(
    arguments: Iterable[str],
    folder: Path,
    *,
    settings: Settings = (),
    repository: Path | None = None,
    feed: bytes = b"",
    most_seconds: float = MOST_SECONDS,
) -> Done:
    """Run git in `folder`.

    settings: configuration on top of what git finds by itself; it is on no command line.
    repository: the git directory; where there is none, git looks for that of `folder`.
    feed: what it reads from stdin.

    Raises:
        InputError: there is no git.
        MachineryError: it took more than `most_seconds`.
    """
    command = ["git", *([f"--git-dir={repository}"] if repository else []), *arguments]
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(settings, is_ours=repository is not None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # its helpers end with it, and none finds a terminal to ask on
        )
    except FileNotFoundError:
        raise InputError("git is not installed here; install it, or keep the history in a folder") from None
    try:
        out, said = _finished(process, feed, most_seconds)
    except subprocess.TimeoutExpired:
        what = next(word for word in command[1:] if not word.startswith("-"))
        raise MachineryError(f"git {what} took more than {most_seconds:g} s and was ended") from None
    return Done(process.returncode, out, without_secrets(said.decode(errors="replace"), settings))


def _finished(process: subprocess.Popen[bytes], feed: bytes, most_seconds: float) -> tuple[bytes, bytes]:
    """What it printed; it is ended where it takes too long, or we are interrupted."""
    try:
        return process.communicate(feed, timeout=most_seconds)
    except BaseException:
        _end(process)
        raise


def git_output(folder: Path, *arguments: str) -> str | None:
    """What ``git`` prints in `folder`; None where it fails, takes too long, or is not installed."""
    try:
        done = run_git(arguments, folder, most_seconds=_MOST_SECONDS_OF_A_QUESTION)
        if is_of_another(done.said):
            arguments = (*trusting(folder.absolute()), *arguments)
            done = run_git(arguments, folder, most_seconds=_MOST_SECONDS_OF_A_QUESTION)
    except (TtciError, OSError, ValueError):  # ValueError: an argument that no process can be given
        return None
    return done.out.decode(errors="replace").strip() if done.code == 0 else None


def is_of_another(said: str) -> bool:
    """Whether git refuses a repository because another user owns it, as in the job of a container."""
    return "dubious ownership" in said or "unsafe repository" in said


def trusting(folder: Path) -> list[str]:
    """Options for git to answer about such a repository nevertheless; for questions that change nothing.

    Where it is told the repository it looks for none, and so asks not who owns it: in every version,
    while ``safe.directory`` counts on the command line from 2.38 on only.
    """
    top = repository_above(folder)
    return [f"--git-dir={top / '.git'}", f"--work-tree={top}"] if top else []


def repository_above(folder: Path) -> Path | None:
    """The root of the repository that holds an absolute `folder`; None where none does."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)


def without_secrets(text: str, settings: Settings = ()) -> str:
    """`text` without what a URL or a header gives away."""
    for key, value in settings:
        if key.startswith("http.") and key.endswith("header"):
            text = text.replace(value, "***") if value else text
    return _USER_IN_URL.sub("", text)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _environment(settings: Settings, *, is_ours: bool) -> Mapping[str, str]:
    environment = {
        key: value for key, value in os.environ.items() if not (is_ours and key in _OF_ANOTHER_REPOSITORY)
    }
    before = environment.get("GIT_CONFIG_COUNT", "")
    first = int(before) if before.isdecimal() else 0
    for index, (key, value) in enumerate(settings, start=first):
        environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment | {
        "GIT_CONFIG_COUNT": str(first + len(settings)),
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",  # what git says is read
        "LANGUAGE": "C",
    }
