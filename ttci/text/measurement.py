"""A measurement and its verdict in words."""

from __future__ import annotations

from ttci.results import Measurement, Verdict
from ttci.text.duration import duration_text


def describe_failure(measurement: Measurement) -> str:
    """Why a measurement fails: measured, target, limit, by how much."""
    m = measurement
    if m.verdict is Verdict.NO_MEASUREMENT or m.value is None:
        return f"{m.name}: not measured, yet it has a target of {_figure(m.target)}{_unit(m)}"
    return f"{m.name} missed its target: {describe(m)}"


def describe_improvement(measurement: Measurement) -> str:
    """That the target should be brought up to date, and to what."""
    m = measurement
    new = f"{m.name} = {_figure(m.value, digits=3)} (in the manifest: `ttci targets update --improved`)"
    return f"{m.name} is better than its target, {describe(m)}: write {new}"


def describe(measurement: Measurement) -> str:
    """The value, and beside it the target, the limit and the distance where there is one."""
    m = measurement
    unit, doubt = _unit(m), doubt_of(m)
    doubt = f" ({doubt})" if doubt else ""
    if m.target is None or m.limit is None or m.value is None:
        return f"{_figure(m.value)}{unit}{doubt}"
    over = 100 * (m.value / m.target - 1)
    return (
        f"measured {_figure(m.value)}{unit}{doubt}, target {_figure(m.target)}{unit}, "
        f"limit {_figure(m.limit)}{unit}, {over:+.1f}% against the target"
    )


def describe_briefly(measurement: Measurement) -> str:
    """Name, value and verdict, with the target where there is one."""
    m = measurement
    if m.value is None:
        return f"{m.name} not measured"
    unit = _unit(m)
    capacity = "" if m.capacity is None else f" of {_figure(m.capacity)}{unit}"
    target = "" if m.target is None else f"target {_figure(m.target)}{unit}: {m.verdict}"
    remarks = "; ".join(filter(None, [doubt_of(m), target]))
    return f"{m.name} {_figure(m.value)}{unit}{capacity}{f' ({remarks})' if remarks else ''}"


def doubt_of(measurement: Measurement) -> str:
    """That a figure was not steady yet when measuring it ended; empty where it was."""
    m = measurement
    if m.steady is not False:
        return ""
    counted = len(m.samples)
    took = [duration_text(m.seconds)] if m.seconds is not None else []
    rounds = [f"{counted:,} round{'' if counted == 1 else 's'}"] if counted else []
    after = ", ".join([*took, *rounds])
    return f"not steady after {after}" if after else "not steady"


def _unit(measurement: Measurement) -> str:
    """As it stands behind a number: nothing where it is 1."""
    return "" if measurement.unit == "1" else f" {measurement.unit}"


def _figure(value: float | None, digits: int = 6) -> str:
    return "nothing" if value is None else f"{value:.{digits}g}"
