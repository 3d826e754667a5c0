"""Devices by name: a manifest's own, and those that need no manifest."""

from __future__ import annotations

from ttci.errors import InputError, did_you_mean, quoted
from ttci.manifest.load import Manifest
from ttci.manifest.schema import TorchDeviceEntry, TtnnDeviceEntry


def built_in_devices() -> dict[str, TorchDeviceEntry | TtnnDeviceEntry]:
    """The devices that need no manifest."""
    return {
        "cpu": TorchDeviceEntry(backend="torch"),
        "cuda": TorchDeviceEntry(backend="torch", target="cuda"),
        "wormhole_b0": TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150"),
    }


def find_device(name: str, manifest: Manifest | None) -> TorchDeviceEntry | TtnnDeviceEntry:
    """The device of that name in `manifest`, else the built-in one; InputError where there is none."""
    known = built_in_devices() | (manifest.devices if manifest else {})
    if name not in known:
        raise InputError(f"unknown device {quoted(name)}; {did_you_mean(name, known)}")
    return known[name]
