"""What ttnn needs around it before it is imported: its runtime root and its environment.

Everything lies in ttci's own cache; the installed package and the real kernel cache
are never written to.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from ttci.devices.ttnn.boards import Board
from ttci.devices.ttnn.standin import install_stand_in
from ttci.environment import installed_version
from ttci.errors import DeviceUnavailableError, MachineryError
from ttci.files import cache_folder, made_whole, plain_cache_errors
from ttci.manifest import TtnnDeviceEntry
from ttci.planning.needs import MOCK_VARIABLE
from ttci.toolchain import ToolState, sfpi_state, ttsim_state
from ttci.toolchain.release import NO_TTNN, ttnn_package


def environment_of(entry: TtnnDeviceEntry, board: Board) -> dict[str, str]:
    """The environment in which ttnn opens the device; silicon needs nothing said.

    Raises:
        MachineryError: where the cache cannot be written, or a tool is not here that
            `ttci.planning.needs` asks for.
    """
    match entry.target:
        case "mock":
            return mock_environment(board, sfpi_folder() if entry.kernels == "compile" else None)
        case "simulator":
            return simulator_environment(entry.chip, sfpi_folder())
        case _:
            return {}


def check_same_board(name: str, settings: dict[str, str]) -> None:
    """Ttnn looks at the environment once, when it opens its first device."""
    opened = os.environ.get(MOCK_VARIABLE)
    if "ttnn" in sys.modules and opened not in (None, settings.get(MOCK_VARIABLE)):
        raise DeviceUnavailableError(
            f"{name}: this process has opened another mock board, and ttnn keeps to its first one; "
            "run each board in a process of its own, as ttci run does"
        )


def import_ttnn() -> Any:
    """Import ttnn with its log silent: it prints its configuration."""
    try:
        importlib.import_module("loguru").logger.disable("ttnn")
        return importlib.import_module("ttnn")
    except ImportError as error:
        raise DeviceUnavailableError(f"ttnn cannot be imported: {error}") from None


@contextmanager
def opened_mesh(ttnn: Any, shape: Sequence[int], **options: Any) -> Iterator[Any]:
    """A mesh of that many rows and columns of chips, opened, as the default device; several are a line.

    Args:
        ttnn: the imported module.
        shape: rows and columns.
        options: of ``ttnn.open_mesh_device``, and `fabric_config` for other links than a line's.
    """
    line = ttnn.FabricConfig.FABRIC_1D if math.prod(shape) > 1 else None
    fabric = options.pop("fabric_config", line)
    with ExitStack() as stack:
        if fabric:
            ttnn.set_fabric_config(fabric)
            stack.callback(ttnn.set_fabric_config, ttnn.FabricConfig.DISABLED)
        mesh = ttnn.open_mesh_device(ttnn.MeshShape(*shape), **options)
        stack.callback(ttnn.close_mesh_device, mesh)
        ttnn.SetDefaultDevice(mesh)  # modules that are ttnn already ask for it
        stack.callback(ttnn.SetDefaultDevice, None)
        yield mesh


def sfpi_folder() -> Path:
    """Where the real kernel compiler lies."""
    return _found(sfpi_state())


def mock_environment(board: Board, sfpi: Path | None = None) -> dict[str, str]:
    """The environment in which ttnn opens a mock of `board`.

    Args:
        board: which board ttnn is to see.
        sfpi: the folder of the compiler; a stand-in's where None, as no kernel ever runs.
    """
    descriptor = _made_once(
        f"{board.name}-{hashlib.sha256(board.cluster_descriptor().encode()).hexdigest()[:12]}.yaml",
        lambda path: path.write_text(board.cluster_descriptor()),
    )
    return {
        "TT_METAL_MOCK_CLUSTER_DESC_PATH": str(descriptor),
        "TTNN_CONFIG_OVERRIDES": json.dumps({"enable_fast_runtime_mode": False}),
    } | _runtime(sfpi)


def simulator_environment(chip: str, sfpi: Path) -> dict[str, str]:
    """The environment in which ttnn opens the simulator of `chip`, with its SoC descriptor beside it.

    The simulator has no fast dispatch, and does not model SFPLOADMACRO (ttsim's README).
    """
    return {
        "TT_METAL_SIMULATOR": str(_found(ttsim_state(chip))),
        "TT_METAL_SLOW_DISPATCH_MODE": "1",
        "TT_METAL_DISABLE_SFPLOADMACRO": "1",
    } | _runtime(sfpi)


def _found(tool: ToolState) -> Path:
    if tool.path is None:
        raise MachineryError(str(tool))
    return tool.path


def _runtime(sfpi: Path | None) -> dict[str, str]:
    """A runtime root with that compiler, and a kernel cache of its own.

    Kernels of the stand-in would poison a real cache.
    """
    root = _made_once(_root_name(sfpi), lambda path: _make_root(path, sfpi))
    return {"TT_METAL_RUNTIME_ROOT": str(root), "TT_METAL_CACHE": str(root / "kernels")}


def _package() -> Path:
    package = ttnn_package()
    if package is None:
        raise MachineryError(NO_TTNN)
    return package


def _root_name(sfpi: Path | None) -> str:
    """Of ttnn's version and place, and of the compiler: another one gets another root."""
    compiler = str(sfpi).encode() if sfpi else Path(__file__).with_name("standin.py").read_bytes()
    digest = hashlib.sha256(str(_package()).encode() + compiler).hexdigest()
    kind = "kernels" if sfpi else "mock"
    return f"{kind}-{installed_version('ttnn') or 'unknown'}-{digest[:12]}"


def _make_root(root: Path, sfpi: Path | None) -> None:
    """A folder of links to the installed package, with a runtime folder of its own."""
    package = _package()
    root.mkdir()
    for entry in package.iterdir():
        if entry.name != "runtime":
            (root / entry.name).symlink_to(entry)
    (root / "runtime").mkdir()
    for entry in (package / "runtime").iterdir():
        if entry.name != "sfpi":
            (root / "runtime" / entry.name).symlink_to(entry)
    if sfpi is None:
        install_stand_in(root / "runtime" / "sfpi")
    else:
        (root / "runtime" / "sfpi").symlink_to(sfpi)


def _made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The cache's entry `name`, made whole under a lock where it is not there yet."""
    folder = cache_folder()
    path = folder / name
    if path.exists():
        return path
    with plain_cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            if not path.exists():
                with made_whole(path) as made:
                    make(made)
    return path
