"""Under which conditions a figure was measured: what must be equal for two to be compared.

That is a list of what counts. All else only informs: a field that a newer ttci writes, or a
user's own device, parts no history from what is measured today.

Both are a line of ``key value`` parts, so that a person can read them and a program can
say in words how two differ: ``cpu EPYC 7763; cores 4; torch 2.13; dtype bfloat16; shape 1x128x4096``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ttci.results import Fidelity, Result, Run

_SEPARATOR = "; "
_WHERE_ABSENT = {"products": "native"}  # what it means that a key is not there
_VERSIONS = ("torch", "ttnn", "firmware", "driver", "python", "ttci")
_MAJOR_AND_MINOR = re.compile(r"\d+\.\d+")


def joined(*parts: str) -> str:
    """`machine_of` and `config_of` as one line: what must be the same for two figures to be compared."""
    return _SEPARATOR.join(filter(None, parts))


def machine_of(run: Run) -> str:
    """The part that all figures of a run have in common: its class of device and line of software.

    Hosts are left out: those of one class are compared, and told apart by the statistics.
    """
    known = run.environment
    parts: dict[str, Any] = {}
    if run.fidelity is Fidelity.REFERENCE:
        parts |= {"cpu": known.cpu, "cores": known.cores, "threads": known.threads}
        parts |= {"products": known.products, "torch": _line(known.torch)}
    else:
        parts |= {"fidelity": str(run.fidelity), "ttnn": _line(known.ttnn)}
    if run.fidelity is Fidelity.SILICON:
        parts |= {"boards": known.boards, "firmware": _line(known.firmware)}
    return _SEPARATOR.join(_parts(parts))


def config_of(result: Result) -> str:
    """The part that is the result's own: its shape, its dtype, the kernel."""
    return _SEPARATOR.join(_parts(counting_in(result)))


def counting_in(result: Result) -> dict[str, Any]:
    """What of a result must be equal for two figures to be compared, by its name in the line."""
    config = result.config
    return {
        "cache": config.decode_cache_length,
        "dtype": config.dtype,
        "kernel": config.kernel,
        "process_lost": result.is_lost or None,
        "shape": config.input_shape,
    }


def versions_of(run: Run) -> str:
    """The whole versions: they may differ between runs that are compared, and are then marked."""
    return _SEPARATOR.join(_parts({name: run.environment.get(name) for name in _VERSIONS}))


def difference(earlier: str, now: str) -> str:
    """How two lines of conditions or of versions differ: ``torch 2.12 → 2.13, cores 4 → 2``."""
    before, after = _read(earlier), _read(now)
    for key, usual in _WHERE_ABSENT.items():
        if key in before or key in after:
            before.setdefault(key, usual)
            after.setdefault(key, usual)
    return ", ".join(
        _changed(key, before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    )


def _changed(key: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"{key} {after}, of which nothing was known"
    return f"{key} {before} → {after or 'unknown'}"


def _parts(values: dict[str, Any]) -> Iterator[str]:
    """``key value`` of what is known; neither can be taken for two parts, or break the line."""
    for key, value in values.items():
        if value is not None and value != "":
            yield f"{'-'.join(key.split())} {' '.join(_text(value).split()).replace(';', ',')}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(size, int) for size in value):
        return "x".join(map(str, value))
    return json.dumps(value, sort_keys=True, default=str)


def _line(version: str | None) -> str | None:
    """``2.13`` of ``2.13.0+cpu``: figures of one line are compared."""
    if version is None:
        return None
    found = _MAJOR_AND_MINOR.match(version)
    return found[0] if found else version


def _read(text: str) -> dict[str, str]:
    pairs = (part.partition(" ") for part in text.split(_SEPARATOR) if part)
    return {key: value for key, _, value in pairs}
