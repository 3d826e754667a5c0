"""A measurement and its verdict in words."""

from __future__ import annotations

from ttci.results import Limit, Measurement, Result, Verdict
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


def describe_figures(result: Result) -> str:
    """Everything that a check measured, and the limit of its test on the board."""
    figures = [describe_briefly(measurement) for measurement in result.measurements]
    return "; ".join([*figures, *([describe_limit(result.limit)] if result.limit else [])])


def describe_limit(limit: Limit, metric: str = "latency_ms") -> str:
    """``limit 1.9 ms (DRAM)``: what no program on the board goes beyond, and what bounds it."""
    if metric == "tokens_per_s_per_user":
        return f"limit {_figure(1000 / limit.latency_ms, digits=3)} tokens/s/user ({limit.bound_by})"
    return f"limit {_figure(limit.latency_ms, digits=3)} ms ({limit.bound_by})"


def value_and_target(measurement: Measurement | None) -> tuple[str, str]:
    """Both with their unit; a dash for what there is none of."""
    if measurement is None:
        return "-", "-"
    figures = (measurement.value, measurement.target)
    value, target = (
        "-" if figure is None else f"{_figure(figure, digits=4)}{_unit(measurement)}" for figure in figures
    )
    return value, target


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
