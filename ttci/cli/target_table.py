"""The targets of pairs, each beside the limit of its test where an earlier run has found it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ttci.manifest import Manifest, Pair, Target, TestTargets
from ttci.text.percent import percent_text
from ttci.text.table import align

if TYPE_CHECKING:
    from ttci.report.limits import KnownLimits
    from ttci.results import Limit

_OF_TIME = ("latency_ms", "tokens_per_s_per_user")


def target_table(
    manifest: Manifest, pairs: Sequence[Pair], known: KnownLimits | None, width: int | None = None
) -> str:
    """A row for each target, and for each other limit that is known; empty where there is neither."""
    rows = [
        row for pair in pairs for row in (*_targets(manifest, pair, known), *_limits(manifest, pair, known))
    ]
    if not rows:
        return ""
    has_limits = any(row[-1] for row in rows)
    table = [("target of", "test", "metric", "value", "limit"), *rows]
    return align(table if has_limits else [row[:-1] for row in table], width)


def target_figures(targets: TestTargets) -> dict[str, str]:
    """By metric, the target as people read it."""
    figures = {metric: getattr(targets, metric) for metric in type(targets).model_fields}
    return {metric: _figure(target) for metric, target in figures.items() if target is not None}


def _figure(target: Target) -> str:
    within = "" if target.tolerance is None else f" ±{percent_text(target.tolerance)}"
    return f"{target.value:g}{within}"


Row = tuple[str, str, str, str, str]


def _targets(manifest: Manifest, pair: Pair, known: KnownLimits | None) -> Iterator[Row]:
    for test, entry in manifest.models[pair.model].targets.get(pair.device, {}).items():
        limit = known.of(pair.model, pair.device, test) if known else None
        for metric, value in target_figures(entry).items():
            said = _said(limit, metric) if limit and metric in _OF_TIME else ""
            yield str(pair), test, metric, value, said


def _limits(manifest: Manifest, pair: Pair, known: KnownLimits | None) -> Iterator[Row]:
    """Of the tests without a target for their time."""
    targets = manifest.models[pair.model].targets
    for test, limit in (known.of_model(pair.model, pair.device) if known else {}).items():
        stated = targets.get(pair.device, {}).get(test)
        if not any(stated and stated.of(metric) for metric in _OF_TIME):
            yield str(pair), test, "latency_ms", "-", _said(limit, "latency_ms")


def _said(limit: Limit, metric: str) -> str:
    from ttci.text.measurement import describe_limit  # with all of a run: most lists know no limit

    return describe_limit(limit, metric)
