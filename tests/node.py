"""The packages of Node.js that tests run, as their lock file says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.absent import absent
from tests.root import ROOT

SCRIPTS = ROOT / "tests" / "github"


def install_node_packages(folder: Path) -> Path:
    """Put the scripts of `tests/github` into a folder, with what they need."""
    if shutil.which("npm") is None:
        absent("the action is tested with Node.js 20 or newer and npm, from nodejs.org")
    for script in (*SCRIPTS.glob("*.json"), *SCRIPTS.glob("*.?js")):
        shutil.copy(script, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder
