"""``python -m ttci.testing.run_model_tests`` against the pytest route, on one small model."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("_needs_torch")
MODEL = """
from torch import nn
from ttci.modules import ffn, normalization
from ttci.testing import TestConfig, TestableModule

TARGETS = {"latency_ms": 1e9, "memory_mb": 0.0001}

class Wrong(nn.Linear):
    def forward(self, x):
        return super().forward(x.mul_(2))

class Raises(nn.Linear):
    def forward(self, x):
        raise RuntimeError("not today")

class Model(nn.Module, TestableModule):
    def get_test_configs(self):
        configs = [
            (ffn.SwiGLU(16, 32), TestConfig("ffn", performance_targets=TARGETS)),
            (normalization.RMSNorm(16), TestConfig("norm", test_cases=["correctness", "memory"])),
            (Wrong(16, 16), TestConfig("wrong", test_cases=["correctness"])),
            (Raises(16, 16), TestConfig("raises", test_cases=["gradients"])),
        ]
        return {config.name: (module, config) for module, config in configs}

class Fine(nn.Module, TestableModule):
    def get_test_configs(self):
        return {"norm": (normalization.RMSNorm(16), TestConfig("norm", test_cases=["correctness"]))}
"""
MANIFEST = """
[devices.cpu]
backend = "torch"
dtype = "bfloat16"
max-tokens = 8

[devices.board]
backend = "ttnn"
target = "silicon"
board = "n150"

[models.small]
source = "model.py::Model"
devices = ["cpu"]

[models.small.targets.cpu.norm]
memory_mb = 1e-6
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    return tmp_path


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    # As from a terminal: pytest-benchmark measures nothing where it sees pytest-xdist at work.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def run_model_tests(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(project, "ttci.testing.run_model_tests", *arguments)


def printed_verdicts(output: str) -> dict[str, tuple[str, list[str]]]:
    """Outcome and target verdicts of each check, as the table prints them."""
    found: dict[str, tuple[str, list[str]]] = {}
    checks = "correctness|gradients|performance|memory"
    for line in output.splitlines():
        row = re.match(rf"(\S+) +({checks}) +(passed|failed|error|unavailable)(?: +(.*))?$", line)
        if row:
            figure = r"(\w+) \S+(?: \w+)? \((?:not steady[^;]*; )?target [^:]+: ([\w-]+)\)"
            verdicts = re.findall(figure, row[4] or "")
            found[f"{row[1]}[{row[2]}]"] = (row[3], [" ".join(verdict) for verdict in verdicts])
    return found


def recorded_verdicts(run_json: Path) -> dict[str, tuple[str, list[str]]]:
    """The same of the pytest route's run.json."""
    return {
        f"{result['test']}[{result['check']}]": (
            result["outcome"],
            [f"{m['name']} {m['verdict']}" for m in result["measurements"] if m["target"] is not None],
        )
        for result in json.loads(run_json.read_text())["results"]
    }


@pytest.mark.parametrize("manifest", [[], ["--manifest", "models_manifest.toml"]], ids=["code", "manifest"])
def test_both_routes_give_the_same_verdicts(project: Path, manifest: list[str]) -> None:
    printed = run_model_tests(project, "--model", "model.py::Model", "--device", "cpu", *manifest)
    options = ["--test-model", "model.py::Model", "--run-json", "run.json", "-p", "no:cacheprovider"]
    tested = python(project, "pytest", *options, *manifest, "--benchmark-max-time=0.05")
    assert (printed.returncode, tested.returncode) == (1, 1), printed.stderr + tested.stdout
    verdicts = printed_verdicts(printed.stdout)
    assert verdicts == recorded_verdicts(project / "run.json")
    memory = "memory_mb report-only" if manifest else "memory_mb missed"
    norm_memory = ("failed", ["memory_mb missed"]) if manifest else ("passed", [])
    assert verdicts["ffn[memory]"] == ("passed" if manifest else "failed", [memory])
    assert verdicts["norm[memory]"] == norm_memory
    assert verdicts["wrong[correctness]"][0] == "failed"
    assert verdicts["raises[gradients]"] == ("error", [])
    assert len(verdicts) == 8


def test_a_raising_module_is_told_with_the_users_line_and_no_traceback(project: Path) -> None:
    ended = run_model_tests(project, "--model", "model.py::Model")
    assert "RuntimeError: not today" in ended.stdout
    assert re.search(r'File ".*model\.py", line \d+, in forward', ended.stdout)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "ttci/testing" not in ended.stdout


def test_all_well_ends_with_0_and_shows_progress_and_a_summary(project: Path) -> None:
    ended = run_model_tests(project, "--model", "model.py::Fine")
    assert ended.returncode == 0, ended.stderr
    # Before it, a CPU without fast products of the device's type says how it computes them.
    assert re.search(r"^Fine@cpu/norm\[correctness\]: passed \(\d+\.\d s\)\n", ended.stdout, re.MULTILINE)
    assert ended.stdout.rstrip().endswith("\n1 passed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "modle.py::Model"], 'there is no file "modle.py"'),
        (["--model", "model.py::Modle"], 'model.py: there is no "Modle"; did you mean "Model"?'),
        (["--model", "model.py::Model", "--device", "cqu"], 'unknown device "cqu"; did you mean "cpu"?'),
        (["--model", "model.py::Model", "--manifest", "none.toml"], "none.toml"),
        (["--model", "model.py::Raises"], "model.py"),
        ([], "--model"),
    ],
)
def test_wrong_input_ends_with_2_and_a_plain_message(
    project: Path, arguments: list[str], message: str
) -> None:
    ended = run_model_tests(project, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("device", ["board", "wormhole_b0"])
def test_a_device_that_is_not_here_ends_with_3_and_a_plain_message(project: Path, device: str) -> None:
    ended = run_model_tests(project, "--model", "model.py::Model", "--device", device)
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith(f"{device}: ")
    assert len(ended.stderr.splitlines()) <= 3
    assert ended.stdout == ""
