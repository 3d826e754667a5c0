"""From chosen pairs to jobs: what each needs to run, and whether that is here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ttci.catalog.backends import backend
from ttci.manifest import DeviceEntry, Manifest, Pair, select
from ttci.planning.needs import host_needs


@dataclass(frozen=True)
class Job:
    """One pair, with the environment it runs in and the runner it asks for."""

    pair: Pair
    environment: str  # "torch" or "ttnn": which extra of ttci its Python needs
    runs_on: tuple[str, ...]
    timeout_minutes: int
    missing: str | None  # why the pair cannot run on this host
    has_board: bool = False  # on silicon: a board, which one job at a time may use
    requirements: tuple[str, ...] = ()  # what its model needs beside, in lines as of a requirements file

    def as_matrix_entry(self) -> dict[str, Any]:
        """This job as an entry of a GitHub Actions matrix."""
        return {
            "pair": str(self.pair),
            "model": self.pair.model,
            "device": self.pair.device,
            "environment": self.environment,
            "runs-on": list(self.runs_on),
            "timeout-minutes": self.timeout_minutes,
        }


@dataclass(frozen=True)
class Plan:
    """Every job of a choice, and the pairs left out of it with the reason."""

    jobs: tuple[Job, ...]
    left_out: tuple[tuple[Pair, str], ...]

    @property
    def here(self) -> tuple[Job, ...]:
        """The jobs that this host can run."""
        return tuple(job for job in self.jobs if job.missing is None)

    def only(self, is_kept: Callable[[Pair], bool], reason: str) -> Plan:
        """The jobs of some of its pairs; the others are left out for this reason."""
        kept = tuple(job for job in self.jobs if is_kept(job.pair))
        others = tuple((job.pair, reason) for job in self.jobs if job not in kept)
        return Plan(kept, (*self.left_out, *others))

    def absent(self, devices: Sequence[str]) -> tuple[Job, ...]:
        """The jobs whose device was asked for by name, among `devices`, and is not here."""
        return tuple(job for job in self.jobs if job.missing and devices)

    @property
    def not_run_here(self) -> tuple[tuple[Pair, str], ...]:
        """Every pair that does not run on this host, with the reason."""
        elsewhere = tuple((job.pair, job.missing) for job in self.jobs if job.missing)
        return elsewhere + self.left_out


def plan(manifest: Manifest, models: Sequence[str], devices: Sequence[str] = ()) -> Plan:
    """The jobs of the chosen pairs; raises what `select` raises."""
    selection = select(manifest, models, devices)
    lacks = missing_by_device(manifest)
    jobs = tuple(_job(manifest, pair, lacks[pair.device]) for pair in selection.pairs)
    return Plan(jobs, selection.left_out)


def _job(manifest: Manifest, pair: Pair, lacks: str | None) -> Job:
    device = manifest.devices[pair.device]
    return Job(
        pair,
        environment=backend(device.backend).extra,
        runs_on=device.runs_on,
        timeout_minutes=device.timeout_minutes,
        missing=lacks,
        has_board=device.target == "silicon",
        requirements=manifest.requirements(pair.device),
    )


def missing_by_device(manifest: Manifest) -> dict[str, str | None]:
    """What this host lacks to run each device of the manifest."""
    return {name: missing(device) for name, device in manifest.devices.items()}


def missing(device: DeviceEntry) -> str | None:
    """What this host lacks to run `device`, as far as can be told before its environment is made."""
    return "; ".join(map(str, host_needs(device))) or None
