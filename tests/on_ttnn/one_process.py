"""Scripts beside this file, each run in a process of its own: ttnn opens one board a process."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.root import ROOT


@functools.cache
def printed_by(script: str, *arguments: str) -> Any:
    """What `script` prints last, which is JSON."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for name in [name for name in environment if name.startswith(("TT_METAL_", "TTNN_"))]:
        del environment[name]  # of a board that is open in this process
    with tempfile.TemporaryDirectory() as folder:  # ttnn writes a folder "generated" where it is
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name(script), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
