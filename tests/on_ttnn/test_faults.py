"""Faults in ttnn implementations are all caught with no board, and told by operation or check."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from faults import FAULTS, Fault  # type: ignore[import-not-found]  # beside this file

ROOT = Path(__file__).parents[2]
SUBJECTS = sorted({(fault.board, fault.subject) for fault in FAULTS})


@functools.cache
def judged_on(board: str) -> dict[str, dict[str, str]]:
    """Outcomes and messages of a board's subjects and faults, from one process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for name in [name for name in environment if name.startswith(("TT_METAL_", "TTNN_"))]:
        del environment[name]  # of a board that is open in this process
    with tempfile.TemporaryDirectory() as folder:  # ttnn writes a folder "generated" where it is
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("faults.py"), board],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    judged: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return judged


@pytest.mark.parametrize(("board", "subject"), SUBJECTS)
def test_without_a_fault_it_passes(board: str, subject: str) -> None:
    assert judged_on(board)[subject] == {"outcome": "passed", "message": ""}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.board}-{fault.name}")
def test_fault_is_caught_and_told(fault: Fault) -> None:
    judged = judged_on(fault.board)[fault.name]
    assert judged["outcome"] in ("failed", "error", "unavailable")
    assert re.search(fault.told, judged["message"], re.MULTILINE), judged["message"]
    assert "\nbacktrace" not in judged["message"]


def test_the_table_holds_forty_faults_of_one_chip() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert sum(fault.board == "n150" for fault in FAULTS) >= 40
