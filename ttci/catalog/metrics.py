"""The metrics: what is measured, by which check, and which way is better.

To add one, add its row, and measure it in the check that the row names:
``measured("its_name", value)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher"]
SMALLEST_CHANGE = 0.05  # of a figure: less does not matter, where nobody says otherwise


@dataclass(frozen=True)
class Metric:
    """What a check measures.

    Attributes:
        name: as manifests, run.json and history have it.
        check: that measures it.
        unit: of its figures; "1" where they have none.
        target: what a target of it bounds, for whoever writes one; None where none can be set.
        direction: which way is better.
        of_every_device: whether it is measured wherever that check is made; DRAM and L1 are a board's.
        of_decode_steps: whether it is measured of decode steps only; those of a language model too.
        of_language_models: whether it is measured of whole language models only.
        smallest_change: the fraction of a figure that matters, where nobody says otherwise.
    """

    name: str
    check: str
    unit: str
    target: str | None
    direction: Direction = "lower"
    of_every_device: bool = True
    of_decode_steps: bool = False
    of_language_models: bool = False
    smallest_change: float = SMALLEST_CHANGE


_ALL = (
    Metric(
        name="latency_ms",
        check="performance",
        unit="ms",
        target="Median over rounds, the device synchronised inside each.",
    ),
    Metric(
        name="memory_mb",
        check="memory",
        unit="MB",
        target="Peak tensor bytes alive in a forward pass, in 10^6 bytes.",
    ),
    Metric(
        name="dram_mb",
        check="memory",
        unit="MB",
        target="Peak DRAM of a chip, weights included, in 10^6 bytes.",
        of_every_device=False,
    ),
    Metric(
        name="l1_per_core_kb",
        check="memory",
        unit="kB",
        target="Peak L1 of a core, in 10^3 bytes.",
        of_every_device=False,
    ),
    Metric(
        name="tokens_per_s_per_user",
        check="performance",
        unit="tokens/s/user",
        target="Of a decode step: 1000 / latency_ms.",
        direction="higher",
        of_decode_steps=True,
    ),
    Metric(
        name="time_to_first_token_ms",
        check="performance",
        unit="ms",
        target="Of a language model: the prompt, up to its last logits; median over rounds.",
        of_language_models=True,
    ),
    Metric(
        name="top1_accuracy",
        check="correctness",
        unit="1",
        target="Of a language model: the share of tokens whose likeliest is the reference's.",
        direction="higher",
        of_language_models=True,
    ),
    Metric(
        name="top5_accuracy",
        check="correctness",
        unit="1",
        target="Of a language model: the share of tokens whose five likeliest hold the reference's one.",
        direction="higher",
        of_language_models=True,
    ),
    Metric(name="least_correlation", check="correctness", unit="1", target=None, direction="higher"),
    Metric(name="correlation", check="correctness", unit="1", target=None, direction="higher"),
)
METRICS = {metric.name: metric for metric in _ALL}
WITH_TARGETS = {metric.name: metric for metric in _ALL if metric.target}
