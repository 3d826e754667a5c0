"""The files of a pair, and those of its parts while they run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ttci.artifacts import ended, names
from ttci.errors import ExitCode, MachineryError
from ttci.results import Run, read_run


@dataclass(frozen=True)
class PairFolder:
    """The files of a pair, ``reports/<model>@<device>/``."""

    path: Path

    @property
    def junit(self) -> Path:
        """As pytest writes it."""
        return self.path / names.JUNIT

    @property
    def benchmark(self) -> Path:
        """As pytest-benchmark writes it."""
        return self.path / names.BENCHMARK

    @property
    def run(self) -> Path:
        """Every result, as `ttci.results` describes it."""
        return self.path / names.RUN

    @property
    def log(self) -> Path:
        """What the processes of the pair printed."""
        return self.path / names.LOG

    @property
    def ended(self) -> Path:
        """Why there is no run.json, where there is none."""
        return self.path / names.ENDED

    @property
    def parts(self) -> tuple[PairFolder, PairFolder]:
        """The files of the two parts of a pair with workers, while they run."""
        spread, alone = names.PARTS
        return PairFolder(self.path / spread), PairFolder(self.path / alone)

    def read_run(self) -> Run | None:
        """What run.json holds; None where it is not there or cannot be read."""
        try:
            return read_run(self.run)
        except MachineryError:
            return None

    def clear(self) -> None:
        """Remove what an earlier run left, so that it cannot be taken for this one's."""
        self.path.mkdir(parents=True, exist_ok=True)
        left = [self.path / name for name in names.PAIR_FILES]
        for file in [*left, *self.path.glob(f".{names.RUN}.*")]:
            file.unlink(missing_ok=True)
        for folder in (names.TENSORS, names.DEBUG):
            shutil.rmtree(self.path / folder, ignore_errors=True)

    def leave_unavailable(self, pair: str, reason: str) -> None:
        """Say that a pair that was asked for by its device's name cannot run here."""
        self.clear()
        ended.write_ended(self.path, pair, ExitCode.UNAVAILABLE, reason)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
