"""Which Python each side runs in: one for both, unless the commits require different packages."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from ttci.manifest import Manifest
from ttci.planning.plan import Job
from ttci.runner.environments import PairEnvironment


def pythons(
    head: Manifest, base: Manifest | None, job: Job, kept: Path, *, is_isolated: bool
) -> tuple[Path, Path]:
    """The Python of the base and that of the head.

    Args:
        head: the head's manifest, in its checkout.
        base: the base's, in its own; None where it has none that can be used.
        job: of the head's manifest.
        kept: the folder of the environments that stay.
        is_isolated: make environments for pairs even where both sides require the same.

    Raises:
        InputError: what a side requires cannot be installed.
    """
    own = _kept(PairEnvironment.of(head, job), kept)
    other = base_environment(own, base, job, kept)
    if other is not None:
        return other.make(), own.make()
    python = own.make() if is_isolated else Path(sys.executable)
    return python, python


def base_environment(
    own: PairEnvironment, base: Manifest | None, job: Job, kept: Path
) -> PairEnvironment | None:
    """An environment for the base alone; None where it requires what the head does."""
    if base is None or job.pair.device not in base.devices:
        return None
    made = PairEnvironment(own.folder, own.extra, base.requirements(job.pair.device), base)
    return None if made.fingerprint() == own.fingerprint() else _kept(made, kept)


def _kept(environment: PairEnvironment, kept: Path) -> PairEnvironment:
    """Where it outlives its checkout, under the name of what goes in; the working tree's stays as it is."""
    is_working_tree = environment.manifest.folder.resolve() == kept.parent
    if is_working_tree and environment.folder.parent == kept:
        return environment
    name = f"compare-{environment.extra}-{environment.fingerprint()[:12]}"
    return replace(environment, folder=kept / name)
