"""Which targets a test has on a device, and which of them bind there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ttci.catalog.metrics import WITH_TARGETS
from ttci.checks.outcome import measured
from ttci.manifest import Target, TestTargets
from ttci.results import DEFAULT_TARGET_TOLERANCE, Measurement, judge


@dataclass(frozen=True)
class BoundTargets:
    """The targets of one test on one device.

    A target in the manifest binds on the device it is written under. One in the
    model's code binds where `code_binds`: on silicon, and where the code is run
    directly with no manifest named; elsewhere it is reported only.

    Attributes:
        places: where the manifest states its targets, ``file:line`` by metric.
    """

    code: TestTargets
    manifest: TestTargets
    code_binds: bool
    places: Mapping[str, str] = field(default_factory=dict)

    def accuracy(self, tolerance: float) -> float:
        """The tolerance of the correctness check: a target `accuracy` stands for it."""
        for targets in (self.manifest, self.code):
            if targets.accuracy is not None:
                return targets.accuracy.value
        return tolerance

    def judge(self, check: str, measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """`measurements` of `check` with targets and verdicts; a target nothing measured included."""
        judged = [self._judged(measurement) for measurement in measurements]
        known = {measurement.name for measurement in measurements}
        for name, metric in WITH_TARGETS.items():
            if metric.check == check and name not in known and self._is_asked(name):
                judged.append(self._judged(measured(name, None)))
        return tuple(judged)

    def _is_asked(self, name: str) -> bool:
        """Whether a device that does not measure it leaves its target open."""
        asked = self.manifest.of(name) is not None
        return asked or (WITH_TARGETS[name].of_every_device and self.code.of(name) is not None)

    def _judged(self, measurement: Measurement) -> Measurement:
        if measurement.name not in WITH_TARGETS:
            return measurement
        target, binds = self._target(measurement.name)
        if target is None:
            return measurement
        tolerance = DEFAULT_TARGET_TOLERANCE if target.tolerance is None else target.tolerance
        update = {"target": target.value, "tolerance": tolerance}
        return judge(measurement.model_copy(update=update), binds=binds)

    def _target(self, name: str) -> tuple[Target | None, bool]:
        from_manifest = self.manifest.of(name)
        return (self.code.of(name), self.code_binds) if from_manifest is None else (from_manifest, True)
