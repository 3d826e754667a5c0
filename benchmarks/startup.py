"""How long ``ttci list`` takes: 100 models x 5 devices, against importing pydantic.

Both sides are whole processes, in turns: ``python -m ttci list`` on a generated
manifest with targets, whose hundred sources exist, and ``python -c "import pydantic"``.
It also holds that the listing is whole and that its process imports neither torch
nor pytest (from ``-X importtime``, so that the very command is looked at).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND = 3.0
MODELS = 100
REPETITIONS = 21
FORBIDDEN = {"torch", "pytest", "_pytest"}

_DEVICES = """
[devices.cpu]
backend = "torch"
dtype = "bfloat16"
max-tokens = 128

[devices.cuda]
backend = "torch"
target = "cuda"
on-demand = true

[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
timeout-minutes = 30

[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"
on-demand = true

[devices.p150-simulator]
backend = "ttnn"
target = "simulator"
board = "p150"
"""

_DEVICE_NAMES = ("cpu", "cuda", "n150", "n150-mock", "p150-simulator")


def main() -> int:
    """Measure both commands in turns and print the ratio; 1 where a bound is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_manifest(folder)
        commands = {
            "python -c pass": ("-c", "pass"),
            "import pydantic": ("-c", "import pydantic"),
            "ttci list": ("-m", "ttci", "list"),
        }
        seconds: dict[str, list[float]] = {label: [] for label in commands}
        for repetition in range(REPETITIONS + 1):
            for label, arguments in commands.items():
                start = time.perf_counter()
                done = _python(folder, *arguments)
                if repetition:  # the first of each fills the caches of files and bytecode
                    seconds[label].append(time.perf_counter() - start)
        pairs = done.stdout.count("/model.py::Model")
        imported = _imported(_python(folder, "-X", "importtime", "-m", "ttci", "list").stderr)
    return _conclude({label: statistics.median(taken) for label, taken in seconds.items()}, pairs, imported)


def _write_manifest(folder: Path) -> None:
    entries = [_DEVICES]
    for index in range(MODELS):
        model = f"model{index:03}"
        (folder / model).mkdir()
        (folder / model / "model.py").write_text("class Model:\n    pass\n")
        devices = ", ".join(f'"{device}"' for device in _DEVICE_NAMES)
        entries.append(
            f'[models.{model}]\nsource = "{model}/model.py::Model"\ndevices = [{devices}]\n'
            f"[models.{model}.targets.n150.{model}_attention]\n"
            "latency_ms = 5.0\nmemory_mb = { value = 512, tolerance = 0.10 }\n"
        )
    (folder / "models_manifest.toml").write_text("\n".join(entries))


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    # Set, it would have each process compile all it imports.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)


def _imported(importtime: str) -> set[str]:
    """The top-level names of what ``-X importtime`` reports."""
    lines = [line for line in importtime.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def _conclude(medians: dict[str, float], pairs: int, imported: set[str]) -> int:
    ratio = medians["ttci list"] / medians["import pydantic"]
    heavy = sorted(FORBIDDEN & imported)
    well = ratio <= BOUND and not heavy and pairs == MODELS * len(_DEVICE_NAMES) and "ttci" in imported
    print(f"{MODELS} models x {len(_DEVICE_NAMES)} devices; median of {REPETITIONS} processes")
    for label, median in medians.items():
        print(f"  {label:16} {1000 * median:6.1f} ms")
    print(f"  {pairs} pairs listed; imports of torch or pytest: {', '.join(heavy) or 'none'}")
    print(f"ratio {ratio:.2f}, bound {BOUND:g}: {'met' if well else 'MISSED'}")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
