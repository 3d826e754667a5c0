"""How long ``ttci plan --changed`` takes to decide about 100 models, against ``git diff --name-only``.

Both are whole processes, in turns, in a repository of 100 models of two files each, one of which has changed.
What ``ttci plan`` takes without the question is measured beside them: the rest is the decision.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

BOUND_S = 0.5  # git reads no Python: parsing 200 files takes most of it
MODELS = 100
REPETITIONS = 15
_MODEL = """\
from torch import nn

import layers
import shared
from ttci.testing import test_module


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = test_module(layers.Layer(), "layer")
"""
_LAYERS = "from torch import nn\n\n\nclass Layer(nn.Linear):\n" + "".join(
    f"    def step_{index}(self, x):\n        return self(x) + {index}\n\n" for index in range(40)
)
_GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
_TTCI = (sys.executable, "-m", "ttci", "plan", "--json")


def main() -> int:
    """Measure the three in turns and print the ratio; 1 where the decision takes too long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_repository(folder)
        commands = (("git", "diff", "--name-only"), _TTCI, (*_TTCI, "--changed"))
        runs = [[_seconds(command, folder) for command in commands] for _ in range(REPETITIONS)]
        chosen = _output((*_TTCI, "--changed"), folder)
    if chosen.count('"pair"') != 1 or '"m7@cpu"' not in chosen:
        print(f"the choice is wrong: {chosen}")
        return 1
    git, plan, changed = (statistics.median(column) for column in zip(*runs, strict=True))
    decision = changed - plan
    print(f"git diff {git * 1e3:.1f} ms, ttci plan {plan * 1e3:.0f} ms, --changed {changed * 1e3:.0f} ms")
    print(
        f"decision {decision * 1e3:.0f} ms (bound {BOUND_S * 1e3:.0f}), {decision / git:.1f} times git diff"
    )
    return int(decision > BOUND_S)


def _make_repository(folder: Path) -> None:
    manifest = ['[devices.cpu]\nbackend = "torch"\n']
    (folder / "shared.py").write_text("import torch\n", encoding="utf-8")
    for index in range(MODELS):
        own = folder / "models" / f"m{index}"
        own.mkdir(parents=True)
        (own / "model.py").write_text(_MODEL, encoding="utf-8")
        (own / "layers.py").write_text(_LAYERS, encoding="utf-8")
        source = f"models/m{index}/model.py::Model"
        manifest.append(f'[models.m{index}]\nsource = "{source}"\ndevices = ["cpu"]\n')
    (folder / "models_manifest.toml").write_text("\n".join(manifest), encoding="utf-8")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run([*_GIT, *arguments], cwd=folder, check=True)
    with (folder / "models" / "m7" / "layers.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")


def _output(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _seconds(command: Sequence[str], folder: Path) -> float:
    begun = time.perf_counter()
    _output(command, folder)
    return time.perf_counter() - begun


if __name__ == "__main__":
    raise SystemExit(main())
