"""Tests on real ttnn, on mock boards. The folder is not named ttnn: `import ttnn` would find it.

Run where ttnn is installed: ``python -m pytest tests/on_ttnn``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import Tensor

_L1_SMALL_BYTES = 16384  # pools keep the places of their windows there

collect_ignore_glob = [] if find_spec("ttnn") else ["test_*.py"]


@dataclass(frozen=True)
class Board:
    """A mock board, open in this process: ttnn opens one board a process."""

    ttnn: Any
    mesh: Any
    follower: Any

    @property
    def numbers(self) -> Any:
        return self.follower.numbers

    def put(self, value: Tensor, dtype: Any = None, layout: Any = None) -> Any:
        """`value` on the board, in bfloat16 and tile layout where nothing else is asked."""
        return self.ttnn.from_torch(
            value,
            dtype=dtype or self.ttnn.bfloat16,
            layout=layout or self.ttnn.TILE_LAYOUT,
            device=self.mesh,
        )

    def read(self, tensor: Any) -> Tensor:
        value: Tensor = self.ttnn.to_torch(tensor)
        return value.float() if value.is_floating_point() else value


@pytest.fixture(scope="session")
def n150(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """An n150 whose numbers are followed, in float32: so that goldens can be told from torch."""
    from ttci.devices.ttnn.boards import BOARDS
    from ttci.devices.ttnn.runtime import mock_environment

    os.environ.update(mock_environment(BOARDS["n150"]) | {"TT_METAL_LOGGER_LEVEL": "error"})
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("ttnn"))  # ttnn writes a folder "generated" where it is
    from ttci.devices.ttnn.follow import Follower

    ttnn = importlib.import_module("ttnn")

    mesh = ttnn.open_mesh_device(ttnn.MeshShape(1, 1), l1_small_size=_L1_SMALL_BYTES)
    try:
        with Follower(ttnn, models_engine=False) as follower:
            yield Board(ttnn, mesh, follower)
    finally:
        ttnn.close_mesh_device(mesh)
        os.chdir(before)


@pytest.fixture
def x() -> Tensor:
    """Numbers that bfloat16 holds exactly."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 2, 64, 64, generator=generator).bfloat16().float()
