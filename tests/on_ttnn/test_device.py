"""A pair on a mock board, from the command line to its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MANIFEST = """
[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"
max-tokens = 64

[devices.n300-mock]
backend = "ttnn"
target = "mock"
board = "n300"
max-tokens = 64

[devices.two]
backend = "ttnn"
target = "mock"
board = "n150"
max-tokens = 64
workers = 2

[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"

[models.good]
source = "good.py::Good"
devices = ["n150-mock", "n300-mock", "two", "n150"]

[models.unknown]
source = "unknown.py"
devices = ["n150-mock"]

[models.bad]
source = "bad.py"
devices = ["n150-mock"]
"""
GOOD = """
from torch import nn
from ttci.modules import attention, ffn
from ttci.testing import TestableModule, TestConfig


class Good(nn.Module, TestableModule):
    def get_test_configs(self):
        heads = attention.MultiHeadAttention(256, 4, rope_theta=10000.0)
        return {
            "attention": (heads, TestConfig("attention")),
            "ffn": (ffn.SwiGLU(256, 512), TestConfig("ffn")),
        }
"""
BAD = """
import torch
from torch import nn
from ttci.testing import ModuleTest


class Doubled(nn.Module):
    in_features = 64

    def forward(self, x):
        return 2 * x


class Unknown(Doubled):
    pass


class Refused(Doubled):
    def to_ttnn(self, device):
        import ttnn

        return lambda x: ttnn.matmul(x, ttnn.reshape(x, (1, 32, 128)))


class Wrong(Doubled):
    def to_ttnn(self, device):
        import ttnn

        return lambda x: ttnn.multiply(x, 3.0)


class Torch(Doubled):
    def to_ttnn(self, device):
        return lambda x: torch.zeros(1, 64, 64)


TESTS = [
    ModuleTest(kind.__name__, module=kind(), test_cases=["correctness"])
    for kind in (Unknown, Refused, Wrong, Torch)
]
"""

UNKNOWN = """
from bad import Unknown
from ttci.testing import ModuleTest

TESTS = [ModuleTest("unknown", module=Unknown())]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "models_manifest.toml").write_text(MANIFEST)
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(BAD)
    (folder / "unknown.py").write_text(UNKNOWN)
    return folder


def run(
    project: Path, model: str, device: str, route: str = "ttci"
) -> tuple[int, str, dict[str, dict[str, Any]]]:
    """Run a pair: exit code, output, and its results by identity less the pair."""
    options = ["run", model] if route == "ttci" else ["--model", f"{model}.py::{model.title()}"]
    command = [sys.executable, "-m", route, *options, "--device", device]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command,
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    file = project / "reports" / f"{model}@{device}" / "run.json"
    results = json.loads(file.read_bytes())["results"] if file.exists() else []
    return done.returncode, done.stdout, {result["id"].partition("/")[2]: result for result in results}


@pytest.mark.parametrize("device", ["n150-mock", "n300-mock", "two"])
def test_modules_pass_on_a_mock_board_with_real_numbers(project: Path, device: str) -> None:
    code, output, results = run(project, "good", device)
    assert code == 0, output
    for test in ("attention", "ffn"):
        correctness = results[f"{test}[correctness]"]
        assert correctness["outcome"] == "passed"
        assert 0.999 < correctness["measurements"][0]["value"] < 1  # bfloat8_b weights round


def test_a_mock_board_times_nothing_and_says_so(project: Path) -> None:
    _, _, results = run(project, "good", "n150-mock")
    assert results["ffn[performance]"]["outcome"] == "unavailable"
    assert "n150-mock has no timing" in results["ffn[performance]"]["message"]


def test_memory_equals_the_count_of_tiles(project: Path) -> None:
    _, _, results = run(project, "good", "n150-mock")
    weights = 3 * (256 * 512 // 1024) * 1088  # bfloat8_b: 1088 bytes a tile
    value = 64 * 256 * 2  # bfloat16
    hidden = 64 * 512 * 2
    memory, *_ = results["ffn[memory]"]["measurements"]
    assert memory["value"] * 1e6 == pytest.approx(weights + value + 3 * hidden, rel=0.05)


def test_each_fault_is_told_with_its_cause(project: Path) -> None:
    code, _, results = run(project, "bad", "n150-mock")
    told = {name: (result["outcome"], result["message"]) for name, result in results.items()}
    assert code == 1
    outcome, message = told["Unknown[correctness]"]
    assert outcome == "unavailable"
    assert "Unknown has no ttnn implementation" in message
    assert "register_lowering" in message
    outcome, message = told["Refused[correctness]"]
    assert outcome == "failed"
    assert "ttnn.matmul of (1, 64, 64), (1, 32, 128) is refused: The width of the first" in message
    assert "backtrace" not in message
    log = (project / "reports/bad@n150-mock/log.txt").read_text()
    assert "bad@n150-mock/Refused[correctness]: TT_FATAL" in log
    assert "backtrace:" in log
    outcome, message = told["Wrong[correctness]"]
    assert outcome == "failed"
    assert "scaled by 1.4999" in message
    outcome, message = told["Torch[correctness]"]
    assert outcome == "error"
    assert "returned a torch tensor" in message


def test_a_module_without_an_implementation_never_looks_well(project: Path) -> None:
    code, output, results = run(project, "unknown", "n150-mock")
    assert code == 3, output
    assert {result["outcome"] for result in results.values()} == {"unavailable"}


def test_mock_boards_do_not_exclude_each_other(project: Path) -> None:
    pairs = [
        subprocess.Popen(
            [sys.executable, "-m", "ttci", "run", "good", "--device", "n150-mock", "--report-dir", folder],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in ("first", "second")
    ]
    outputs = [pair.communicate()[0] for pair in pairs]
    assert [pair.returncode for pair in pairs] == [0, 0], outputs


def test_a_board_that_is_not_here_is_unavailable(project: Path) -> None:
    code, output, _ = run(project, "good", "n150")
    assert code == 3
    assert "Tenstorrent board" in output
    assert "Traceback" not in output


def test_silicon_is_never_a_mock_in_disguise(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TT_METAL_MOCK_CLUSTER_DESC_PATH", "n150.yaml")
    code, output, _ = run(project, "good", "wormhole_b0", route="ttci.testing.run_model_tests")
    assert code == 3
    assert "would open a mock; unset TT_METAL_MOCK" in output
