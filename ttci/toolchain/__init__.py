"""The tools that ttnn needs beside its wheel: SFPI, the kernel compiler, and ttsim, the simulator."""

from ttci.toolchain.install import install, install_tools
from ttci.toolchain.release import INSTALL_COMMAND, TOOLS, ToolState
from ttci.toolchain.sfpi import sfpi_state
from ttci.toolchain.ttsim import CHIPS, ttsim_state

__all__ = [
    "CHIPS",
    "INSTALL_COMMAND",
    "TOOLS",
    "ToolState",
    "install",
    "install_tools",
    "sfpi_state",
    "ttsim_state",
]
