"""How a device is opened: by the class of its backend, which `ttci.catalog.backends` lists."""

from __future__ import annotations

from ttci.catalog.backends import backend
from ttci.catalog.installed import load
from ttci.devices.protocol import Device
from ttci.manifest import DeviceEntry


def open_device(name: str, entry: DeviceEntry) -> Device:
    """Open the device of a manifest entry.

    Raises:
        DeviceUnavailableError: with the reason.
    """
    device: Device = load("backend", entry.backend, backend(entry.backend).device)(name, entry)
    return device
