"""What ``ttci targets suggest`` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ttci.targets.as_toml import as_toml, keys_of_test, toml_keys, toml_number
from ttci.targets.candidates import Candidate
from ttci.text.measurement import doubt_of
from ttci.text.table import align

_HEAD = ("check", "metric", "target now", "measured", "target", "tolerance", "noise", "from")

LeftOut = Sequence[tuple[Candidate, str]]  # each with the reason


def suggestions_text(suggested: Sequence[Candidate]) -> str:
    """A table, and below it TOML to be pasted."""
    return f"{align([_HEAD, *map(_row, suggested)])}\n\n{as_toml(suggested)}"


def left_out_lines(left_out: LeftOut) -> list[str]:
    """What is not suggested, and why: a line a reason."""
    reasons: dict[str, list[str]] = {}
    for entry, reason in left_out:
        reasons.setdefault(reason, []).append(f"{entry.identity} {entry.metric}")
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def suggestions_json(suggested: Sequence[Candidate], left_out: LeftOut) -> str:
    """The same for a machine; `noise` is a fraction, null where nothing tells it."""
    data = {
        "suggestions": list(map(_as_json, suggested)),
        "left_out": [{"id": c.identity, "metric": c.metric, "reason": reason} for c, reason in left_out],
        "toml": as_toml(suggested),
    }
    return json.dumps(data, indent=2)


def _row(entry: Candidate) -> tuple[str, ...]:
    measured, noise = entry.measurement, entry.level.noise
    now = "-" if measured.target is None else f"{measured.target:.6g} {measured.verdict}"
    basis = "; ".join(filter(None, [entry.level.basis, doubt_of(measured)]))
    return (
        *(entry.identity, entry.metric, now, f"{measured.value:.6g}", toml_number(entry.value)),
        *(f"{entry.tolerance:g}", "not known" if noise is None else f"{100 * noise:.2g} %", basis),
    )


def _as_json(entry: Candidate) -> Mapping[str, Any]:
    measured = entry.measurement
    return {
        "id": entry.identity,
        "metric": entry.metric,
        "unit": measured.unit,
        "key": f"{toml_keys(keys_of_test(entry.identity))}.{entry.metric}",
        "value": entry.value,
        "tolerance": entry.tolerance,
        "noise": entry.level.noise,
        "level": entry.level.value,
        "from": entry.level.basis,
        "measured": measured.value,
        "target": measured.target,
        "verdict": str(measured.verdict),
    }
