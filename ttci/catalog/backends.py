"""The backends of devices: ttci's own, and those of installed packages.

A backend is one class, which takes a device's name and its entry of the manifest and is a
`ttci.devices.protocol.Device`, and one row: in `BUILT_IN`, or an entry point of the group
``ttci.devices`` in another package, ``name = "package.module:Class"``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ttci.catalog import installed
from ttci.errors import InputError, quoted


@dataclass(frozen=True)
class Backend:
    """What runs modules on devices of a kind.

    Attributes:
        device: where its class is, ``package.module:Class``.
        extra: which of ttci's extras its Python needs.
        implementations: the module that registers its own forms of ttci's modules, where it has any.
    """

    device: str
    extra: str = "torch"
    implementations: str | None = None


BUILT_IN = {
    "torch": Backend("ttci.devices.torch_device:TorchDevice"),
    "ttnn": Backend("ttci.devices.ttnn.device:TtnnDevice", "ttnn", "ttci.modules.ttnn.implementations"),
}


def installed_backends() -> tuple[str, ...]:
    """Those of installed packages.

    Raises:
        InputError: one has the name of one of ttci's.
    """
    own = installed.installed(installed.DEVICES)
    for name in BUILT_IN.keys() & own.keys():
        what = f"backend {quoted(name)} of an installed package: {own[name]}"
        raise InputError(f"{what}: ttci has one of this name; give it another")
    return tuple(own)


def backend(name: str) -> Backend:
    """The backend of that name, which a manifest may use."""
    return BUILT_IN.get(name) or Backend(installed.installed(installed.DEVICES)[name])
