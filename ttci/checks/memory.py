"""Does it fit? The peak of tensor bytes alive during a forward pass."""

from __future__ import annotations

from ttci.checks.findings import Findings
from ttci.results import Measurement

_BYTES_PER_MB = 1_000_000


def check_memory(peak_bytes: int) -> Findings:
    """The peak in megabytes of 10^6 bytes, weights and inputs included."""
    return Findings(
        measurements=(
            Measurement(name="memory_mb", value=peak_bytes / _BYTES_PER_MB, unit="MB", statistic="peak"),
        )
    )
