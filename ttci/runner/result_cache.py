"""Results of pairs of which nothing has changed since they ran: kept by what decides on them.

Only what was wholly well is kept. A result that is taken from here says so, in run.json and wherever it
is shown, and no history takes it for a measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from ttci import __version__
from ttci.artifacts import names
from ttci.artifacts.pair_folder import PairFolder
from ttci.environment import machine_facts
from ttci.files import cache_folder, made_whole, plain_cache_errors
from ttci.manifest import Manifest, Pair
from ttci.planning.changed import entries_of, files_of
from ttci.results import write_run

_MOST_KEPT = 500  # pairs; the oldest go first
_READ_WHOLE_BYTES = 64 * 2**20  # of a file beside a model; of a larger one, its size and time count
# Variables that change what is computed, or what is asked for.
_VARIABLES = ("TTCI_PRODUCTS", "OMP_NUM_THREADS", "PYTEST_ADDOPTS")


@dataclass(frozen=True)
class Wanted:
    """A pair, and how it is run: what its results depend on.

    Attributes:
        python: of its environment; ours where None.
    """

    manifest: Manifest
    pair: Pair
    pytest_args: Sequence[str]
    python: Path | None

    def digest(self) -> str:
        """The same for runs that can only differ by noise."""
        parts = [
            *(__version__, platform.python_version(), machine_facts()["cpu"]),
            [str(self.pair), *self.pytest_args],
            entries_of(self.manifest, self.pair),
            [os.environ.get(name) for name in _VARIABLES],
            [*self._packages()],
            [[str(path), _digest(path)] for path in self._files()],
        ]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()

    def _packages(self) -> Iterator[str]:
        """What is installed where it runs."""
        own = self.python.parents[1].glob("lib/python*/site-packages") if self.python else None
        found = distributions(path=[str(folder) for folder in own]) if own else distributions()
        yield from sorted({f"{entry.name}=={entry.version}" for entry in found})

    def _files(self) -> Iterator[Path]:
        """The model's code, what lies beside it, data say, and ttci itself, which may be changed in place."""
        files = files_of(self.manifest, self.pair)
        source = self.manifest.source(self.pair.model).file
        beside = source.resolve().parent.iterdir() if source else ()
        files |= {path for path in beside if path.is_file() and not path.name.startswith(".")}
        yield from sorted(files | {*Path(__file__).parents[1].rglob("*.py")})


class ResultCache:
    """The folder of what was kept."""

    def __init__(self) -> None:
        self._folder = cache_folder() / "results"

    def take(self, digest: str, folder: PairFolder) -> bool:
        """Put the files of the run that was kept under a digest into `folder`; False where none was."""
        kept = self._folder / digest
        if not (kept / names.RUN).is_file():
            return False
        folder.clear()
        for file in kept.iterdir():
            shutil.copy(file, folder.path)
        run = folder.read_run()
        if run is None:
            return False
        as_copy = {"environment": run.environment | {"cached": run.started.isoformat()}}
        write_run(folder.run, run.model_copy(update=as_copy))
        return True

    def keep(self, digest: str, folder: PairFolder) -> None:
        """Keep the files of a run that was wholly well.

        Args:
            digest: of what there was before it ran: a file may have been edited since.
            folder: of its files.

        Raises:
            MachineryError: the cache cannot be written.
        """
        with plain_cache_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            place = self._folder / digest
            if place.exists():
                return
            with made_whole(place) as made:
                made.mkdir()
                for name in names.PAIR_FILES:
                    if (folder.path / name).is_file():
                        shutil.copy(folder.path / name, made)
            self._remove_the_oldest()

    def _remove_the_oldest(self) -> None:
        kept = sorted(self._folder.glob("[!.]*"), key=lambda path: path.stat().st_mtime)
        for old in kept[:-_MOST_KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _digest(path: Path) -> str:
    try:
        state = path.stat()
        if state.st_size > _READ_WHOLE_BYTES:
            return f"{state.st_size} {state.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
