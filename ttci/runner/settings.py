"""How the processes of pairs are run, whatever the pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunnerSettings:
    """What a user may choose for all pairs of a run.

    Attributes:
        python: of the environment that was made for a pair; ours where there is none.
        is_quiet: whether what pytest prints goes into the log alone.
    """

    python: Path | None = None
    is_quiet: bool = False


DEFAULT = RunnerSettings()
