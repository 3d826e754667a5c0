"""Is it fast enough? Samples of a call's duration, and their median.

`Steadiness` says when enough rounds were measured; it serves pytest-benchmark's
loop in the suite and `measure` outside pytest alike.
"""

from __future__ import annotations

import bisect
import math
import statistics
import time
from collections.abc import Callable, Sequence

from ttci.checks.findings import Findings
from ttci.results import Measurement

PRECISION = 0.02  # of the median
CONFIDENCE = 0.99
MIN_ROUNDS = 8  # the fewest for which order statistics bound a median at 99 %
MAX_SECONDS = 2.0
WARM_UP_ROUNDS = 3


class Steadiness:
    """Whether the median of the samples so far is known well enough.

    The interval of the median is distribution-free, from order statistics
    (Conover, Practical Nonparametric Statistics, 3.2): unlike a mean's, one slow
    round does not move it.
    """

    def __init__(self, precision: float = PRECISION, confidence: float = CONFIDENCE) -> None:
        self._precision = precision
        self._z = statistics.NormalDist().inv_cdf(0.5 + confidence / 2)
        self._sorted: list[float] = []

    def add(self, sample: float) -> None:
        """Count one more round."""
        bisect.insort(self._sorted, sample)

    @property
    def is_reached(self) -> bool:
        """Whether the interval of the median lies within the precision."""
        count = len(self._sorted)
        half_width = self._z * math.sqrt(count) / 2
        low, high = math.floor(count / 2 - half_width), math.ceil(count / 2 + half_width) - 1
        if low < 0 or high >= count:
            return False
        spread = self._sorted[high] - self._sorted[low]
        return spread / 2 <= self._precision * self._sorted[count // 2]


def measure(call: Callable[[], object], max_seconds: float = MAX_SECONDS) -> list[float]:
    """Seconds of each round of `call`: warm-up, then rounds until the median is steady.

    At least MIN_ROUNDS rounds; no new one begins after `max_seconds`.
    """
    for _ in range(WARM_UP_ROUNDS):
        call()
    steadiness = Steadiness()
    samples: list[float] = []
    began = time.perf_counter()
    while True:
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        samples.append(end - start)
        steadiness.add(end - start)
        if len(samples) >= MIN_ROUNDS and (steadiness.is_reached or end - began > max_seconds):
            return samples


def check_performance(seconds: Sequence[float], *, is_decode_step: bool = False) -> Findings:
    """The latency of a forward pass: the median of the rounds' seconds, in milliseconds.

    is_decode_step: it gives every user one token, so that its rate is measured too.
    """
    samples = tuple(1000 * sample for sample in seconds)
    latency_ms = statistics.median(samples) if samples else None
    latency = Measurement(name="latency_ms", value=latency_ms, unit="ms", statistic="median", samples=samples)
    if not is_decode_step:
        return Findings(measurements=(latency,))
    rate = Measurement(
        name="tokens_per_s_per_user",
        value=1000 / latency_ms if latency_ms else None,
        unit="tokens/s/user",
        direction="higher",
        statistic="median",
    )
    return Findings(measurements=(latency, rate))
