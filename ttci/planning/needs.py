"""What a device needs and has not here, with the command that gets it; told without torch and ttnn."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ttci.manifest import DeviceEntry, TorchDeviceEntry, TtnnDeviceEntry

if TYPE_CHECKING:
    from ttci.toolchain import ToolState

OLDEST_TTNN = (0, 80)  # older ones have too few goldens
TTNN_PYTHONS = ("3.10", "3.12")  # that it has wheels for
MOCK_VARIABLE = "TT_METAL_MOCK_CLUSTER_DESC_PATH"
SIMULATOR_VARIABLE = "TT_METAL_SIMULATOR"

_INSTALL = "python -m pip install 'ttci[{}]'"
# What ttnn opens where a variable is set, whatever else is asked of it.
_OPENED_BY = {MOCK_VARIABLE: "mock", SIMULATOR_VARIABLE: "simulator"}


@dataclass(frozen=True)
class Need:
    """Something that a device needs and has not: what, and the command that gets it where there is one."""

    what: str
    command: str | None = None

    def __str__(self) -> str:
        return f"{self.what}; {self.command}" if self.command else self.what


def needs(device: DeviceEntry) -> list[Need]:
    """Everything that keeps this Python on this host from running `device`."""
    return [*package_needs(device), *host_needs(device)]


def package_needs(device: DeviceEntry) -> Iterator[Need]:
    """The packages that this Python lacks; nox makes an environment that has them."""
    from ttci.environment import installed_version  # as the tools below: `ttci list` starts without
    from ttci.toolchain.release import ttnn_package

    if not isinstance(device, TtnnDeviceEntry):
        if installed_version("torch") is None:
            yield Need("torch is not installed in this Python", _INSTALL.format("torch"))
    elif ttnn_package() is None:
        yield _no_ttnn()
    else:
        version = installed_version("ttnn")
        if version is not None and _is_too_old(version):
            oldest = ".".join(map(str, OLDEST_TTNN))
            what = f"ttnn {version} is installed, and ttci needs {oldest} or newer"
            yield Need(what, _INSTALL.format("ttnn").replace("install", "install --upgrade"))


def host_needs(device: DeviceEntry) -> Iterator[Need]:
    """What this host lacks, whichever Python the device is run by."""
    if isinstance(device, TorchDeviceEntry) and device.target == "cuda" and not _is_on_path("nvidia-smi"):
        yield Need("there is no NVIDIA GPU on this host (no nvidia-smi)")
    if not isinstance(device, TtnnDeviceEntry):
        return
    for variable, opened in _OPENED_BY.items():
        if variable in os.environ and opened != device.target:
            what = f"{variable} is set, so that ttnn would open a {opened}"
            yield Need(what, f"unset {variable}")
    if device.target == "silicon" and not Path("/dev/tenstorrent").exists():
        yield Need("there is no Tenstorrent board on this host (no /dev/tenstorrent)")
    if device.target == "simulator" or compiles_kernels(device):
        yield from _tool_needs(device)


def compiles_kernels(device: TtnnDeviceEntry) -> bool:
    """Whether ttci gives ttnn the real kernel compiler; silicon finds its own."""
    return device.target == "simulator" or (device.target == "mock" and device.kernels == "compile")


def _tool_needs(device: TtnnDeviceEntry) -> Iterator[Need]:
    if find_spec("ttnn") is None:  # which releases are wanted is stated by ttnn
        return
    from ttci.toolchain import sfpi_state, ttsim_state

    if device.target == "simulator":
        yield from _lacking(ttsim_state(device.chip), "ttsim")
    if compiles_kernels(device):
        yield from _lacking(sfpi_state(), "sfpi")


def _lacking(state: ToolState, tool: str) -> Iterator[Need]:
    from ttci.toolchain import INSTALL_COMMAND

    get = f"{INSTALL_COMMAND} {tool}"
    if not state.is_here:
        yield Need(str(state.missing).removesuffix(f"; {get} gets it"), get)


def _no_ttnn() -> Need:
    what, command = "ttnn is not installed in this Python", _INSTALL.format("ttnn")
    here = ".".join(platform.python_version_tuple()[:2])
    if here in TTNN_PYTHONS:
        return Need(what, command)
    what = f"{what}, {here}; it has wheels for {' and '.join(TTNN_PYTHONS)}"
    return Need(what, command.replace("python", f"python{TTNN_PYTHONS[-1]}", 1))


def _is_too_old(version: str) -> bool:
    match = re.match(r"(\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) < OLDEST_TTNN


def _is_on_path(program: str) -> bool:
    return any((Path(folder) / program).exists() for folder in os.get_exec_path())
