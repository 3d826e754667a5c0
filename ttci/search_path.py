"""Where Python looks for what is installed, as it stood before anything was added to it.

pytest adds the folders of a conftest.py and of its option `pythonpath`, and
``python -m`` the working directory: what a model can import depends on neither.
"""

from __future__ import annotations

import os
import sys


def _starting_path() -> tuple[str, ...]:
    """PYTHONPATH, the standard library and what is installed."""
    is_untouched = sys.flags.isolated or getattr(sys.flags, "safe_path", False)  # python -P, from 3.11
    # The first entry is the folder of the script, or with -m and -c the working directory.
    entries = sys.path if is_untouched else sys.path[1:]
    return tuple(dict.fromkeys(map(os.path.abspath, entries)))


INSTALLED = _starting_path()
