"""``ttci toolchain install``: each release fetched, verified and made whole, once."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from ttci.errors import ExitCode, InputError, MachineryError, did_you_mean, quoted
from ttci.files import NO_ROOM, cache_folder, made_whole, plain_cache_errors
from ttci.text.terminal import can_be_redrawn
from ttci.toolchain.download import Progress, download
from ttci.toolchain.release import TOOLS, Release
from ttci.toolchain.sfpi import sfpi_release
from ttci.toolchain.ttsim import CHIPS, ttsim_release

_INTERRUPTED = "interrupted; what has come is kept, and the same command goes on from there"


def install(options: Namespace) -> ExitCode:
    """Install the tools of ``options.tools``, every tool where none is named."""
    install_tools(options.tools)
    return ExitCode.OK


def install_tools(tools: Sequence[str] = ()) -> list[Path]:
    """Install `tools` into ttci's cache and say what was done; the folders they lie in.

    What is there already stays. A tool that cannot be had does not keep the others
    from being installed; in the end one MachineryError says all that went wrong.
    """
    for name in tools:
        if name not in TOOLS:
            raise InputError(f"there is no tool {quoted(name)}; {did_you_mean(name, TOOLS)}")
    folders: list[Path] = []
    problems: dict[str, None] = {}
    try:
        for release in _releases(tools or TOOLS):
            try:
                folders.append(_install(release()))
            except MachineryError as error:
                problems[str(error)] = None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_INTERRUPTED) from None
    if problems:
        raise MachineryError("\n".join(problems))
    return folders


def _releases(tools: Sequence[str]) -> list[Callable[[], Release]]:
    releases: list[Callable[[], Release]] = [sfpi_release] if "sfpi" in tools else []
    return releases + ([partial(ttsim_release, chip) for chip in CHIPS] if "ttsim" in tools else [])


def _install(release: Release) -> Path:
    folder, cache = release.folder, cache_folder()
    if folder.exists():
        print(f"{release.title} is here already: {folder}", flush=True)
    else:
        with plain_cache_errors(cache):
            cache.mkdir(parents=True, exist_ok=True)
            with _lock(release):
                if not folder.exists():
                    _make(release)
        print(f"{release.title} is installed: {folder}", flush=True)
    problem = release.problem(folder)
    if problem:
        raise MachineryError(f"{release.title} is installed, but cannot be used here: {problem}")
    return folder


@contextmanager
def _lock(release: Release) -> Iterator[None]:
    """Held by one process of the host; the system lets go of it when the process ends, however it ends."""
    lock = FileLock(f"{release.folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{release.title} is being installed by another process: waiting for it", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(release: Release) -> None:
    """Fetch and make the folder; only the lock's holder gets here."""
    part = release.folder.with_name(f"{release.folder.name}.part")
    try:
        with made_whole(release.folder) as made:
            with _shown_progress(release) as progress:
                download(release.url, release.sha256(), part, progress)
            try:
                release.fill(made, part)
            except MachineryError:  # what was downloaded is no good, now or later
                part.unlink()
                raise
        part.unlink()
    except OSError as error:
        if error.errno in NO_ROOM:
            part.unlink(missing_ok=True)
        raise


@contextmanager
def _shown_progress(release: Release) -> Iterator[Progress]:
    """A bar in a terminal, one plain line elsewhere."""
    if not can_be_redrawn():
        print(f"{release.title}: downloading {release.url}", flush=True)
        yield lambda done, total: None  # noqa: ARG005
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Bar(*columns, transient=True) as bar:
        task = bar.add_task(release.title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
