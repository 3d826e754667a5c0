"""`pytest --ttnn-mock BOARD`: any suite of ttnn tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ADDS = """
import pytest, torch, ttnn

@pytest.mark.parametrize("mesh_device", [1], indirect=True)
def test_of_a_mesh(mesh_device):
    x = torch.full((32, 32), 2.0)
    put = ttnn.from_torch(x, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=mesh_device)
    assert torch.equal(ttnn.to_torch(put + put), x + x)

def test_of_a_device(device):
    x = torch.full((32, 32), 2.0)
    put = ttnn.from_torch(x, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
    assert torch.equal(ttnn.to_torch(ttnn.square(put)), x * x)

def test_that_is_wrong(device):
    put = ttnn.from_torch(torch.ones(32, 32), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
    assert ttnn.to_torch(put + put).sum() == 0

def test_of_eight_chips(t3k_mesh_device):
    shards = ttnn.ShardTensorToMesh(t3k_mesh_device, dim=3)
    x = torch.arange(8 * 32 * 32).reshape(1, 1, 32, 256).bfloat16()
    put = ttnn.from_torch(x, layout=ttnn.TILE_LAYOUT, device=t3k_mesh_device, mesh_mapper=shards)
    whole = ttnn.to_torch(put, mesh_composer=ttnn.ConcatMeshToTensor(t3k_mesh_device, dim=3))
    assert torch.equal(whole, x)
"""
OWN_FIXTURE = """
import pytest, ttnn  # imported before any test: the board must be described by then

@pytest.fixture(scope="module")
def device():
    device = ttnn.CreateDevice(device_id=0)
    yield device
    ttnn.close_device(device)
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_adds.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_adds.py").write_text(ADDS)
    return tmp_path


def test_device_fixtures_open_the_mock_and_numbers_are_real(suite: Path) -> None:
    ran = run(suite, "--ttnn-mock", "n150")
    assert "1 failed, 2 passed, 1 skipped" in ran.stdout, ran.stdout
    assert "FAILED test_adds.py::test_that_is_wrong" in ran.stdout
    assert ran.returncode == 1


def test_a_suite_of_many_chips_runs_on_a_board_that_has_them(suite: Path) -> None:
    assert "1 failed, 3 passed" in run(suite, "--ttnn-mock", "t3k").stdout


def test_a_suite_with_fixtures_of_its_own_keeps_them(suite: Path) -> None:
    (suite / "conftest.py").write_text(OWN_FIXTURE)
    ran = run(suite, "--ttnn-mock", "n150", "-n", "2")
    assert "1 failed, 2 passed, 1 skipped" in ran.stdout, ran.stdout


def test_an_unknown_board_is_named_with_the_nearest(suite: Path) -> None:
    ran = run(suite, "--ttnn-mock", "n15")
    assert ran.returncode == 4
    assert "no board is called 'n15'; did you mean \"n150\"?" in ran.stderr
    assert "Traceback" not in ran.stderr
