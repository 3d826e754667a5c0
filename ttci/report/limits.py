"""What is known of the limits of tests, from runs, and the targets that no board can reach.

A limit that a mock was told holds on the silicon of the same board: neither timing nor a board
is needed for it. Which devices are alike, the manifest says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ttci.artifacts.find import look_below
from ttci.artifacts.names import RUN
from ttci.errors import Mistake, TtciError
from ttci.manifest import Manifest, Pair, TtnnDeviceEntry, load_manifest
from ttci.results import Limit, Run, read_run, why_impossible


@dataclass(frozen=True)
class ImpossibleTarget:
    """A target of the manifest that physics forbids.

    Attributes:
        pair, test, metric: what it is of.
        why: a sentence.
        mistake: the same, and where the target stands.
    """

    pair: Pair
    test: str
    metric: str
    why: str
    mistake: Mistake


class KnownLimits:
    """The limits that runs found, by pair and test; of several runs of a pair the newest counts.

    Args:
        runs: what was run.
        manifest: says which devices are alike; None where there is none.
    """

    def __init__(self, runs: Iterable[Run] = (), manifest: Manifest | None = None) -> None:
        self._manifest = manifest
        self._found: dict[str, dict[str, dict[str, Limit]]] = {}  # by model, test and device
        for run in sorted(runs, key=lambda run: run.started):
            for result in run.results:
                if result.limit is not None:
                    tests = self._found.setdefault(run.model, {})
                    tests.setdefault(result.test, {})[run.device] = result.limit

    def of(self, model: str, device: str, test: str) -> Limit | None:
        """The limit of a test on a device: found there, or on one that is like it."""
        limits = self._found.get(model, {}).get(test, {})
        if device in limits:
            return limits[device]
        return next((found for name, found in limits.items() if self._are_alike(name, device)), None)

    def of_model(self, model: str, device: str) -> dict[str, Limit]:
        """All that is known of the tests of a pair."""
        return {test: limit for test in self._found.get(model, ()) if (limit := self.of(model, device, test))}

    def _are_alike(self, one: str, other: str) -> bool:
        """Whether two devices run the same work on the same board."""
        devices = self._manifest.devices if self._manifest else {}
        first, second = devices.get(one), devices.get(other)
        if not isinstance(first, TtnnDeviceEntry) or not isinstance(second, TtnnDeviceEntry):
            return False
        facts = [(d.board, d.weight_dtype, d.max_tokens) for d in (first, second)]
        return facts[0] == facts[1]


def limits_below(folder: Path, manifest: Manifest | None) -> KnownLimits:
    """What the runs below a folder of reports found; what cannot be read there says nothing."""
    return KnownLimits(_runs_below(folder), manifest)


def _runs_below(folder: Path) -> Iterator[Run]:
    for found in look_below(folder).pairs:
        try:
            yield read_run(found / RUN)
        except TtciError:  # `ttci report` says what is wrong with it
            continue


def manifest_at(path: Path) -> Manifest | None:
    """The manifest; None where it is absent, or wrong: other commands say so."""
    try:
        return load_manifest(path) if path.is_file() else None
    except TtciError:
        return None


def impossible_targets(
    manifest: Manifest, models: Iterable[str], known: KnownLimits
) -> Iterator[ImpossibleTarget]:
    """The targets of these models that no board can reach."""
    for model in models:
        for device, targets in manifest.models[model].targets.items():
            for test, entry in targets.items():
                limit = known.of(model, device, test)
                for metric in type(entry).model_fields if limit else ():
                    target = getattr(entry, metric)
                    why = limit and target and why_impossible(metric, target.value, limit)
                    if why:
                        keys = ("models", model, "targets", device, test, metric)
                        yield ImpossibleTarget(
                            Pair(model, device), test, metric, why, manifest.mistake(keys, why)
                        )
