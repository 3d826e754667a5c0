"""What a pair's processes are told by the one that starts them, in variables of their environment."""

from __future__ import annotations

import os
from pathlib import Path

# The pair's log.txt, and the folder for why its processes came to no result.
LOG_VARIABLE, ENDED_VARIABLE = "TTCI_LOG", "TTCI_ENDED_FOLDER"


def add_to_log(text: str) -> None:
    """Keep what is too long to be shown in the pair's log.txt, where there is one."""
    path = os.environ.get(LOG_VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{text}\n")
