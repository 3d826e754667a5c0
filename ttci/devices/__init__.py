"""How a device is opened: a backend is one row of `_BACKENDS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ttci.devices.protocol import Device
from ttci.manifest import TorchDeviceEntry, TtnnDeviceEntry


def open_device(name: str, entry: TorchDeviceEntry | TtnnDeviceEntry) -> Device:
    """Open the device of a manifest entry; raises DeviceUnavailableError with the reason."""
    return _BACKENDS[entry.backend](name, entry)


def _open_torch(name: str, entry: Any) -> Device:
    from ttci.devices.torch_device import TorchDevice

    return TorchDevice(name, entry)


def _open_ttnn(name: str, entry: Any) -> Device:
    from ttci.devices.ttnn.device import TtnnDevice

    return TtnnDevice(name, entry)


_BACKENDS: dict[str, Callable[[str, Any], Device]] = {"torch": _open_torch, "ttnn": _open_ttnn}
