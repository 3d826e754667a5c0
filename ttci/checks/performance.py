"""Is it fast enough? Samples of a call's duration, and their median.

`measure` has the loop: warm-up, then rounds until the median is steady or the time is up.
What a round is, it is told: pytest-benchmark's in the suite, a plain one outside pytest.
"""

from __future__ import annotations

import bisect
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ttci.checks.outcome import Findings, measured
from ttci.manifest.device_entries import MEASURE_SECONDS
from ttci.results import Measurement

PRECISION = 0.02  # of the median
CONFIDENCE = 0.99
FEWEST_ROUNDS = 3  # however long they take together
MOST_ROUNDS = 10_000  # of a call so quick that its time would see more: they are all kept
WARM_UP_CALLS = 3
_WARM_UP_SHARE = 0.1  # of the time: after it no further call warms up

Round = Callable[[], float]  # one round of a call: its seconds


class Steadiness:
    """Whether the median of the samples so far is known well enough.

    The interval of the median is distribution-free, from order statistics
    (Conover, Practical Nonparametric Statistics, 3.2): unlike a mean's, one slow
    round does not move it.
    """

    def __init__(self, precision: float = PRECISION, confidence: float = CONFIDENCE) -> None:
        self._precision = precision
        self._z = statistics.NormalDist().inv_cdf(0.5 + confidence / 2)
        # The least and the largest of n samples enclose the median but for a chance of 2^(1 - n).
        self._fewest = math.ceil(1 - math.log2(1 - confidence))
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
        if count < self._fewest or low < 0 or high >= count:
            return False
        spread = self._sorted[high] - self._sorted[low]
        return spread / 2 <= self._precision * self._sorted[count // 2]


@dataclass(frozen=True)
class Limits:
    """When measuring ends.

    Attributes:
        max_seconds: no round begins later, nor after MOST_ROUNDS. What counts is everything from the second
            call on; the first may compile what it runs.
        fewest_rounds: however long they take; where None, FEWEST_ROUNDS, and one where a single call
            takes longer than max_seconds.
        precision, confidence: of a steady median, see `Steadiness`.
    """

    max_seconds: float = MEASURE_SECONDS
    fewest_rounds: int | None = None
    precision: float = PRECISION
    confidence: float = CONFIDENCE

    def allow_an_end(self, samples: list[float], *, is_steady: bool) -> bool:
        """Whether so many rounds are enough where the median is steady, or else the time is up."""
        if self.fewest_rounds is not None:
            return len(samples) >= self.fewest_rounds
        return is_steady or len(samples) >= FEWEST_ROUNDS or min(samples) > self.max_seconds

    def are_reached(self, count: int, seconds: float) -> bool:
        """Whether no further round is to begin, be the median steady or not."""
        return seconds > self.max_seconds or count >= MOST_ROUNDS


@dataclass(frozen=True)
class Timing:
    """What measuring gave.

    Attributes:
        samples: the seconds of each round; empty where nothing was measured.
        is_steady: whether it ended because the median was steady, and not because the time was up.
        seconds: that the rounds took together, calibration included.
    """

    samples: tuple[float, ...] = ()
    is_steady: bool | None = None
    seconds: float | None = None


def measure(
    call: Callable[[], object],
    max_seconds: float = MEASURE_SECONDS,
    *,
    limits: Limits | None = None,
    rounds_of: Callable[[Callable[[], object]], Round] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time rounds of `call`, warm, until their median is steady or the time is up.

    Args:
        call: what is timed; it has finished when it returns.
        max_seconds: `Limits.max_seconds`, where no `limits` are given.
        limits: when measuring ends.
        rounds_of: gives what times one round of a call that is warm; one call by the clock where None.
        clock: monotonic seconds.
    """
    limits = limits or Limits(max_seconds)
    begin = _warm_up(call, limits.max_seconds, clock)
    first = clock()
    time_round = rounds_of(call) if rounds_of else _plain_rounds(call, clock)
    steadiness = Steadiness(limits.precision, limits.confidence)
    samples: list[float] = []
    while True:
        samples.append(time_round())
        steadiness.add(samples[-1])
        now, is_steady = clock(), steadiness.is_reached
        is_over = is_steady or limits.are_reached(len(samples), now - begin)
        if is_over and limits.allow_an_end(samples, is_steady=is_steady):
            return Timing(tuple(samples), is_steady, seconds=now - first)


def _warm_up(call: Callable[[], object], max_seconds: float, clock: Callable[[], float]) -> float:
    """Call a few times, a slow call once; the moment from which time counts: after the first call."""
    before = clock()
    call()
    begin = clock()
    for _ in range(WARM_UP_CALLS - 1):
        if clock() - before > _WARM_UP_SHARE * max_seconds:
            break
        call()
    return begin


def _plain_rounds(call: Callable[[], object], clock: Callable[[], float]) -> Round:
    def time_round() -> float:
        start = clock()
        call()
        return clock() - start

    return time_round


def check_performance(timing: Timing, *, is_decode_step: bool = False) -> Findings:
    """The latency of a forward pass: the median of the rounds' seconds, in milliseconds.

    Args:
        timing: what measuring gave.
        is_decode_step: it gives every user one token, so that its rate is measured too.
    """
    latency_ms, latency = _median_ms("latency_ms", timing)
    if not is_decode_step:
        return Findings(measurements=(latency,))
    return Findings(measurements=(latency, _tokens_per_s(latency_ms, timing)))


def check_language_model(whole: Timing, prompt: Timing, decode_steps: int) -> Findings:
    """The latency of a prompt with its decode steps, and what both take of it.

    Args:
        whole: of both.
        prompt: of the prompt alone, whose logits choose the first token.
        decode_steps: how many there are: what the whole takes longer is theirs.
    """
    whole_ms, latency = _median_ms("latency_ms", whole)
    prompt_ms, first_token = _median_ms("time_to_first_token_ms", prompt)
    decode_ms = (whole_ms or 0) - (prompt_ms or 0)
    step_ms = decode_ms / decode_steps if decode_ms > 0 and prompt_ms else None
    return Findings(measurements=(latency, first_token, _tokens_per_s(step_ms, whole)))


def _median_ms(metric: str, timing: Timing) -> tuple[float | None, Measurement]:
    samples = tuple(1000 * sample for sample in timing.samples)
    median = statistics.median(samples) if samples else None
    return median, measured(metric, median, samples=samples, **_facts(timing))


def _tokens_per_s(step_ms: float | None, timing: Timing) -> Measurement:
    return measured("tokens_per_s_per_user", 1000 / step_ms if step_ms else None, **_facts(timing))


def _facts(timing: Timing) -> dict[str, Any]:
    return {"statistic": "median", "steady": timing.is_steady, "seconds": timing.seconds}
