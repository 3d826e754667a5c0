"""Every module's ttnn implementation has its reference's numbers on every board."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from judged import BOARDS, CASES  # type: ignore[import-not-found]  # beside this file

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-3


@functools.cache
def judged_on(board: str) -> dict[str, dict[str, Any]]:
    """All cases of a board, from one process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for name in [name for name in environment if name.startswith(("TT_METAL_", "TTNN_"))]:
        del environment[name]  # of a board that is open in this process
    with tempfile.TemporaryDirectory() as folder:  # ttnn writes a folder "generated" where it is
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("judged.py"), board],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    cases: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return cases


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("board", BOARDS)
def test_module_equals_its_reference(board: str, case: str) -> None:
    judged = judged_on(board)[case]
    assert judged["error"] == ""
    assert judged["shape"] == judged["expected_shape"]
    assert judged["correlation"] >= 1 - TOLERANCE
    assert abs(judged["slope"] - 1) <= 5 * TOLERANCE
    assert abs(judged["mean_shift"]) <= 5 * TOLERANCE
    assert judged["chips_agree"]
    assert judged["repeats"]
