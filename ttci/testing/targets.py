"""Which targets a test has on a device, and which of them bind there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ttci.manifest import Target, TestTargets
from ttci.results import DEFAULT_TARGET_TOLERANCE, Measurement, judge


@dataclass(frozen=True)
class Metric:
    """What a target may be set for.

    check: that measures it.
    of_every_device: whether it is, wherever that check is made; DRAM and L1 are a board's.
    """

    check: str
    unit: str
    direction: Literal["lower", "higher"] = "lower"
    of_every_device: bool = True


METRICS = {
    "latency_ms": Metric("performance", "ms"),
    "tokens_per_s_per_user": Metric("performance", "tokens/s/user", "higher"),
    "memory_mb": Metric("memory", "MB"),
    "dram_mb": Metric("memory", "MB", of_every_device=False),
    "l1_per_core_kb": Metric("memory", "kB", of_every_device=False),
}


@dataclass(frozen=True)
class BoundTargets:
    """The targets of one test on one device.

    A target in the manifest binds on the device it is written under. One in the
    model's code binds where `code_binds`: on silicon, and where the code is run
    directly with no manifest named; elsewhere it is reported only.

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
        measured = {measurement.name for measurement in measurements}
        for name, metric in METRICS.items():
            if metric.check == check and name not in measured and self._is_asked(name):
                nothing = Measurement(name=name, value=None, unit=metric.unit, direction=metric.direction)
                judged.append(self._judged(nothing))
        return tuple(judged)

    def _is_asked(self, name: str) -> bool:
        """Whether a device that does not measure it leaves its target open."""
        asked = getattr(self.manifest, name) is not None
        return asked or (METRICS[name].of_every_device and getattr(self.code, name) is not None)

    def _judged(self, measurement: Measurement) -> Measurement:
        if measurement.name not in METRICS:
            return measurement
        target, binds = self._target(measurement.name)
        if target is None:
            return measurement
        tolerance = DEFAULT_TARGET_TOLERANCE if target.tolerance is None else target.tolerance
        update = {"target": target.value, "tolerance": tolerance}
        return judge(measurement.model_copy(update=update), binds=binds)

    def _target(self, name: str) -> tuple[Target | None, bool]:
        from_manifest: Target | None = getattr(self.manifest, name)
        if from_manifest is not None:
            return from_manifest, True
        return getattr(self.code, name), self.code_binds
