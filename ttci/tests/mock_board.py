"""A mock board for any suite of ttnn tests: ``pytest --ttnn-mock n150 PATH``.

ttnn is given a described board before anything imports it, and its numbers are followed from the first
test to the last. Fixtures that open a device by ttnn's own calls work as they stand; a suite that has
none of its own gets those below.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ttci.devices.ttnn.boards import BOARDS
from ttci.devices.ttnn.follow import Follower
from ttci.devices.ttnn.releases import notice_of_changes
from ttci.devices.ttnn.runtime import check_same_board, import_ttnn, mock_environment, opened_mesh
from ttci.errors import InputError, did_you_mean
from ttci.toolchain.release import NO_TTNN, ttnn_package


class MockBoard:
    """The plugin of a session whose ttnn tests run on a mock board.

    Raises:
        InputError: where ttci knows no such board, or ttnn is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in BOARDS:
            raise InputError(f"--ttnn-mock: no board is called {name!r}; {did_you_mean(name, BOARDS)}")
        if ttnn_package() is None:
            raise InputError(f"--ttnn-mock {name}: {NO_TTNN}")
        self._board = BOARDS[name]
        settings = mock_environment(self._board)
        check_same_board(f"--ttnn-mock {name}", settings)
        # Upstream's tests read the architecture's name from the environment.
        others = {"TT_METAL_LOGGER_LEVEL": "fatal", "ARCH_NAME": self._board.chips.arch}
        os.environ.update(others | settings)
        self._stack = ExitStack()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Follow every operation from here on."""
        self._stack.enter_context(Follower(import_ttnn()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Stop following."""
        self._stack.close()

    def pytest_report_header(self) -> list[str]:
        """What the tests run on."""
        board = f"ttnn: a mock {self._board.name}, {self._board.chip_count} chips, with ttci's goldens"
        notice = notice_of_changes(import_ttnn())
        return [board, notice] if notice else [board]

    @pytest.fixture
    def device_params(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """Arguments of the call that opens the device; a test gives its own by indirect parameters."""
        return dict(getattr(request, "param", {}))

    @pytest.fixture
    def device(self, device_params: dict[str, Any]) -> Iterator[Any]:
        """One chip."""
        ttnn = import_ttnn()
        device = ttnn.open_device(device_id=0, **device_params)
        ttnn.SetDefaultDevice(device)
        yield device
        ttnn.SetDefaultDevice(None)
        ttnn.close_device(device)

    @pytest.fixture
    def mesh_device(self, request: pytest.FixtureRequest, device_params: dict[str, Any]) -> Iterator[Any]:
        """The whole board, or as many chips, or a mesh of the shape, that an indirect parameter asks for."""
        asked = getattr(request, "param", self._board.mesh_shape)
        shape = (1, asked) if isinstance(asked, int) else tuple(asked)
        yield from self._mesh_of(shape, device_params)

    @pytest.fixture
    def n300_mesh_device(self, device_params: dict[str, Any]) -> Iterator[Any]:
        """A mesh of 1x2 chips."""
        yield from self._mesh_of((1, 2), device_params)

    @pytest.fixture
    def t3k_mesh_device(self, device_params: dict[str, Any]) -> Iterator[Any]:
        """A mesh of 1x8 chips."""
        yield from self._mesh_of((1, 8), device_params)

    def _mesh_of(self, shape: tuple[int, ...], device_params: dict[str, Any]) -> Iterator[Any]:
        chips = math.prod(shape)
        if chips > self._board.chip_count:
            pytest.skip(f"asks for {chips} chips; a {self._board.name} has {self._board.chip_count}")
        with opened_mesh(import_ttnn(), shape, **device_params) as mesh:
            yield mesh
