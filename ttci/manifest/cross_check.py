"""What no single entry of a manifest can tell: names that must exist elsewhere, files on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ttci.catalog.boards import ROOFS
from ttci.errors import did_you_mean, quoted
from ttci.manifest.device_entries import BOARDS, SIMULATED_BOARDS
from ttci.manifest.lines import Keys
from ttci.manifest.requirements import requirement_mistakes
from ttci.manifest.source import parse_source


def cross_check(data: Mapping[str, Any], folder: Path) -> Iterator[tuple[Keys, str]]:
    """Each mistake with its keys; entries of a wrong type are passed over."""
    yield from requirement_mistakes(("environment",), _table(data.get("environment")), folder)
    devices = _table(data.get("devices"))
    for device, value in devices.items():
        yield from requirement_mistakes(("devices", device), _table(value), folder)
    for device, value in devices.items():
        yield from _check_target(("devices", device), _table(value))
    for device, value in devices.items():
        yield from _check_workers(("devices", device, "workers"), _table(value))
    for name, value in devices.items():
        yield from _check_mesh(("devices", name, "mesh"), _table(value))
    for name, value in devices.items():
        yield from _check_trace(("devices", name, "trace"), _table(value))
    for model, value in _table(data.get("models")).items():
        entry = _table(value)
        yield from _check_source(("models", model, "source"), entry.get("source"), folder)
        yield from _check_devices(("models", model, "devices"), entry.get("devices"), devices)
        for device in _table(entry.get("targets")):
            if device not in devices:
                yield ("models", model, "targets", device), _unknown_device(device, devices)
        yield from _check_kernels(("models", model, "kernels"), _table(entry.get("kernels")))


def _check_mesh(keys: Keys, device: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    mesh, board = device.get("mesh"), device.get("board")
    if not isinstance(mesh, list) or not all(isinstance(size, int) for size in mesh) or board not in BOARDS:
        return
    asked, has = math.prod(mesh), ROOFS[board].chips
    if asked > has:
        yield keys, f"{' x '.join(map(str, mesh))} are {asked} chips, and {board} has {has}"


def _check_trace(keys: Keys, device: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    if device.get("trace") is True and device.get("target") != "silicon":
        yield keys, "only silicon is timed, so only there a trace is recorded; leave it out"


def _check_workers(keys: Keys, device: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    workers = device.get("workers")
    if device.get("target") == "silicon" and isinstance(workers, int) and workers > 1:
        yield keys, f"{workers} processes cannot share a board, which is one process's; remove workers"


def _check_target(keys: Keys, entry: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """What does not go with a device's target."""
    target, board = entry.get("target"), entry.get("board")
    if target == "simulator" and board in BOARDS and board not in SIMULATED_BOARDS:
        there_is = ", ".join(SIMULATED_BOARDS)
        yield (*keys, "board"), f"the simulator has one chip, and {board} has more; there is: {there_is}"
    if target in ("silicon", "simulator") and "kernels" in entry:
        yield (*keys, "kernels"), "is for mocks; on silicon and the simulator every kernel is compiled"
    if target in ("silicon", "simulator") and "numbers" in entry:
        yield (*keys, "numbers"), "is for mocks; on silicon and the simulator the kernels compute"


def _check_kernels(keys: Keys, kernels: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    if kernels:
        from ttci.manifest.kernels import kernel_mistakes  # what each operation takes

        for name, table in kernels.items():
            yield from kernel_mistakes((*keys, name), _table(table))


def _check_source(keys: Keys, source: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    if isinstance(source, str) and source:
        try:
            parse_source(source, folder)
        except ValueError as error:
            yield keys, str(error)


def _check_devices(keys: Keys, names: Any, known: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    seen: set[str] = set()
    for index, name in enumerate(names if isinstance(names, list) else []):
        if not isinstance(name, str):
            continue
        if name not in known:
            yield (*keys, index), _unknown_device(name, known)
        elif name in seen:
            yield (*keys, index), f"device {quoted(name)} is listed twice"
        seen.add(name)


def _unknown_device(name: str, known: Mapping[str, Any]) -> str:
    return f"unknown device {quoted(name)}; {did_you_mean(name, known)}"


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
