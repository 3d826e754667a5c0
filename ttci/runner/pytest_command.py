"""How pytest is called for one pair."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ttci.artifacts.pair_folder import PairFolder
from ttci.manifest import DeviceEntry, Manifest, Pair
from ttci.results import Run
from ttci.runner.failure_limit import failures_left


@dataclass(frozen=True)
class PytestCommand:
    """The command lines and the variables of a pair's pytest processes.

    Attributes:
        variables: for the processes, beside ours.
        python: of an environment that was made for pairs; ours where there is none.
    """

    manifest: Manifest
    pair: Pair
    pytest_args: Sequence[str]
    variables: Mapping[str, str]
    python: Path | None = None

    @property
    def _device(self) -> DeviceEntry:
        return self.manifest.devices[self.pair.device]

    def judging(
        self, folder: PairFolder, checks: Sequence[str], workers: int, before: Run | None
    ) -> list[str]:
        """Judge the checks of these kinds, but for those that `before` holds."""
        own = [f"--test-check={check}" for check in checks]
        own += ["-n", str(workers)] if workers > 1 else self._no_workers()
        last = ["-n0"] if checks and workers == 1 else []  # alone, whatever the user's arguments say
        if before:
            left = failures_left(before, self.pytest_args)
            last += ["--ttci-resume", *([f"--maxfail={left}"] if left else [])]
        return [*self._command(folder), *own, *self.pytest_args, *last]

    def listing(self, folder: PairFolder, checks: Sequence[str]) -> list[str]:
        """Record the checks of these kinds as not judged."""
        own = [f"--test-check={check}" for check in checks]
        return [*self._command(folder), *own, *self.pytest_args, "-n0", "--collect-only", "-q"]

    def environment(self, workers: int = 1) -> dict[str, str]:
        """The variables of the process; the cores are shared among its workers."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.variables}
        if workers > 1:
            threads = max(1, (os.cpu_count() or 1) // workers)
            environment.setdefault("OMP_NUM_THREADS", str(threads))
        return environment

    def _no_workers(self) -> list[str]:
        """Whatever an ini file's addopts say: performance is measured alone."""
        return [] if "no:xdist" in " ".join(self.pytest_args) else ["-n0"]

    def _command(self, folder: PairFolder) -> list[str]:
        return [
            *(str(self.python or sys.executable), "-m", "pytest", "-v"),
            *(part for name in self._plugins() for part in ("-p", name)),
            *("--manifest", str(self.manifest.path)),
            *("--test-model", self.pair.model),
            *("--test-device", self.pair.device),
            *("--test-timeout", str(self._device.test_timeout_seconds)),
            *("--run-json", str(folder.run)),
            *("--junitxml", str(folder.junit)),
            *("--benchmark-json", str(folder.benchmark)),
            *self._capture(),
        ]

    def _capture(self) -> list[str]:
        """What ttnn prints before it ends the process would else be lost."""
        return ["--capture=sys"] if self._device.backend == "ttnn" else []

    def _plugins(self) -> list[str]:
        """Those whose options we give, as pytest names them: it may load none by itself."""
        by_module = {"ttci": "ttci", "pytest_benchmark": "benchmark", "xdist": "xdist"}
        return [name for module, name in by_module.items() if self.python or find_spec(module)]
