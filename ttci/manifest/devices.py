"""Devices by name: a manifest's own, and those that need no manifest."""

from __future__ import annotations

from ttci.errors import InputError, did_you_mean
from ttci.manifest.load import Manifest
from ttci.manifest.schema import TorchDeviceEntry, TtnnDeviceEntry

BUILT_IN_DEVICES: dict[str, TorchDeviceEntry | TtnnDeviceEntry] = {
    "cpu": TorchDeviceEntry(backend="torch"),
    "cuda": TorchDeviceEntry(backend="torch", target="cuda"),
    "wormhole_b0": TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150"),
}


def find_device(name: str, manifest: Manifest | None) -> TorchDeviceEntry | TtnnDeviceEntry:
    """The device of that name in `manifest`, else the built-in one; InputError where there is none."""
    known = BUILT_IN_DEVICES | (manifest.devices if manifest else {})
    if name not in known:
        raise InputError(f'unknown device "{name}"; {did_you_mean(name, known)}')
    return known[name]
