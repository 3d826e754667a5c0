"""Which targets a test has on a device, and which of them bind there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ttci.manifest import Target, TestTargets
from ttci.results import DEFAULT_TOLERANCE, Measurement, judge

# The check that measures what a target asks for.
CHECK_OF_TARGET = {"latency_ms": "performance", "memory_mb": "memory"}


@dataclass(frozen=True)
class BoundTargets:
    """The targets of one test on one device.

    A target in the manifest binds on the device it is written under. One in the
    model's code binds where `code_binds`: on silicon, and where the code is run
    directly with no manifest named; elsewhere it is reported only.
    """

    code: TestTargets
    manifest: TestTargets
    code_binds: bool

    def accuracy(self, tolerance: float) -> float:
        """The tolerance of the correctness check: a target `accuracy` stands for it."""
        for targets in (self.manifest, self.code):
            if targets.accuracy is not None:
                return targets.accuracy.value
        return tolerance

    def judge(self, check: str, measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """`measurements` of `check` with targets and verdicts; a target nothing measured included."""
        judged = [self._judged(measurement) for measurement in measurements]
        measured = {measurement.name for measurement in measurements}
        for name, owner in CHECK_OF_TARGET.items():
            if owner == check and name not in measured and self._target(name)[0]:
                judged.append(self._judged(Measurement(name=name, value=None, unit=name.rpartition("_")[2])))
        return tuple(judged)

    def _judged(self, measurement: Measurement) -> Measurement:
        if measurement.name not in CHECK_OF_TARGET:
            return measurement
        target, binds = self._target(measurement.name)
        if target is None:
            return measurement
        tolerance = DEFAULT_TOLERANCE if target.tolerance is None else target.tolerance
        update = {"target": target.value, "tolerance": tolerance}
        return judge(measurement.model_copy(update=update), binds=binds)

    def _target(self, name: str) -> tuple[Target | None, bool]:
        from_manifest: Target | None = getattr(self.manifest, name)
        if from_manifest is not None:
            return from_manifest, True
        return getattr(self.code, name), self.code_binds


def bound_targets(
    code: TestTargets, manifest: Mapping[str, TestTargets], test: str, *, code_binds: bool
) -> BoundTargets:
    """The targets of `test`; `manifest` holds those written for its device, by test."""
    return BoundTargets(code, manifest.get(test, TestTargets()), code_binds)
