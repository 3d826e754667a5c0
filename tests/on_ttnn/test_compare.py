"""`ttci compare` on a mock board: what a commit changes of what a board would do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MODEL = """
import torch
from torch import nn
from ttci.testing import ModuleTest


class Doubled(nn.Module):
    hidden_dim = 64

    def forward(self, x):
        return 2 * x

    def to_ttnn(self, device):
        import ttnn
        return lambda x: CALL


class Model:
    def get_module_tests(self):
        return [ModuleTest("doubled", module=Doubled(), input_shape=(1, 32, 64))]
"""
MANIFEST = """
[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"
[models.model]
source = "model.py::Model"
devices = ["n150-mock"]
"""
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")


def test_an_operation_more_is_told_exactly(tmp_path: Path) -> None:
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    (tmp_path / "model.py").write_text(MODEL.replace("CALL", "ttnn.multiply(x, 2.0)"))
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "one operation")):
        subprocess.run([*GIT, *arguments], cwd=tmp_path, check=True)
    (tmp_path / "model.py").write_text(MODEL.replace("CALL", "ttnn.add(ttnn.multiply(x, 1.0), x)"))
    command = [sys.executable, "-m", "ttci", "compare", "HEAD", "--seconds", "5", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}
    operations = figures["operations"]
    assert (operations["base"], operations["head"], operations["comparison"]) == (1, 2, "slower")
    programs = figures["programs"]
    assert (programs["base"], programs["head"], programs["comparison"]) == (1, 2, "slower")
    assert figures["dram_moved_mb"]["comparison"] == figures["limit_ms"]["comparison"] == "same"
    assert figures["dram_mb"]["comparison"] == "slower"  # what lies between them, at the peak
