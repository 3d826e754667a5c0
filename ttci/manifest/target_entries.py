"""What a manifest, or a model's code, may say of what a test must reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeFloat, PositiveFloat, create_model

from ttci.catalog.metrics import WITH_TARGETS
from ttci.manifest.entry import Entry


class Target(Entry):
    """What a measurement must reach, with a tolerance as a fraction of it."""

    value: PositiveFloat
    tolerance: NonNegativeFloat | None = Field(
        default=None, description="A fraction; 0.05 where none is given."
    )


def _can_be_missed(tolerance: float) -> float:
    if tolerance >= 1:
        what = f"{tolerance:g} can never be missed: the limit is the target less {100 * tolerance:.4g}% of it"
        raise ValueError(f"{what}; {_as_fraction(tolerance)}")
    return tolerance


def _as_fraction(tolerance: float) -> str:
    """What was meant where somebody has written 15 % as 1.15 or as 15, as other tools have it."""
    meant = tolerance - 1 if 1 < tolerance < 2 else tolerance / 100 if tolerance < 100 else 0.05
    return f"it is a fraction: write {meant:.4g} for {100 * meant:.4g} %"


class TargetOfMore(Target):
    """A target of what is better the more there is of it: its limit lies below it, and above 0."""

    tolerance: Annotated[NonNegativeFloat, AfterValidator(_can_be_missed)] | None = Field(
        default=None,
        description="A fraction below 1; 0.05 where none is given.",
        json_schema_extra={"exclusiveMaximum": 1},
    )


def _bare_number(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"value": value} if is_number else value


def _without_tolerance(target: Target) -> Target:
    if target.tolerance is not None:
        raise ValueError("is a tolerance itself and takes none; write accuracy = 0.001, say")
    return target


TargetEntry = Annotated[Target, BeforeValidator(_bare_number, json_schema_input_type=PositiveFloat | Target)]
TargetOfMoreEntry = Annotated[
    TargetOfMore, BeforeValidator(_bare_number, json_schema_input_type=PositiveFloat | TargetOfMore)
]


_LOOSE_ACCURACY = 0.5  # 0.99 is how others write a correlation, and is nearly none here


if TYPE_CHECKING:
    _MetricTargets = Entry  # by `of`
else:
    _MetricTargets = create_model(
        "_MetricTargets",
        __base__=Entry,
        **{
            name: (
                (TargetEntry if metric.direction == "lower" else TargetOfMoreEntry) | None,
                Field(default=None, description=metric.target),
            )
            for name, metric in WITH_TARGETS.items()
        },
    )


class TestTargets(_MetricTargets):
    """The targets of one test on one device."""

    __test__ = False

    accuracy: Annotated[TargetEntry, AfterValidator(_without_tolerance)] | None = Field(
        default=None, description="The tolerance of the correctness check: 1e-3 asks for 0.999."
    )

    def of(self, metric: str) -> Target | None:
        """The target of a metric."""
        target: Target | None = getattr(self, metric)
        return target

    def any_measured_by(self, check: str) -> bool:
        """Whether there is a target that this check measures."""
        return any(self.of(name) for name, metric in WITH_TARGETS.items() if metric.check == check)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """What may be written and is hardly meant: the metric, and what its target amounts to."""
        for metric in type(self).model_fields:
            target = self.of(metric)
            tolerance = target.tolerance if target else None
            if tolerance is not None and tolerance >= 1:
                most = f"a tolerance of {tolerance:g} lets {1 + tolerance:g} times the target pass"
                yield metric, f"{most}; {_as_fraction(tolerance)}, if that is meant"
        if self.accuracy and self.accuracy.value >= _LOOSE_ACCURACY:
            accuracy = self.accuracy.value
            least = f"a tolerance of {accuracy:g} asks for a correlation of {1 - accuracy:.4g}"
            yield "accuracy", f"{least} only; write 0.001 for a correlation of 0.999"
