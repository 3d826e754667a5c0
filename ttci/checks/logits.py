"""Are a language model's logits right? As an output, at each position, and by the tokens they choose."""

from __future__ import annotations

import torch
from torch import Tensor

from ttci.checks.correctness import Observed, check_correctness
from ttci.checks.outcome import Findings, measured

_SLACK = 5  # a position has few numbers: its correlation may fall short by so many tolerances
_FEW = 5  # of the likeliest tokens, and of the positions that are named


def check_logits(observed: Observed, tolerance: float) -> Findings:
    """The one output, logits [B, N, V], against the reference's.

    The reference's likeliest token is looked for among the output's one and five likeliest.

    Args:
        observed: what running the model gave.
        tolerance: of the correlation; five times that at each position.
    """
    found = check_correctness(observed, tolerance)
    if len(observed.outputs) != 1 or observed.outputs[0].shape != observed.references[0].shape:
        return found
    logits, expected = observed.outputs[0].double(), observed.references[0].double()
    pairs = zip(logits.unbind(1), expected.unbind(1), strict=True)
    by_position = torch.stack([_correlation(*pair) for pair in pairs])
    least = 1 - _SLACK * tolerance
    low = [position for position, value in enumerate(by_position.tolist()) if not value >= least]
    likeliest = expected.argmax(-1, keepdim=True)  # [B, N, 1]
    most = logits.topk(min(_FEW, logits.shape[-1]), dim=-1).indices  # [B, N, 5]
    right = most == likeliest
    figures = (
        measured("least_correlation", float(by_position.min()), statistic="min"),
        measured("top1_accuracy", float(right[..., 0].double().mean()), statistic="mean"),
        measured("top5_accuracy", float(right.any(-1).double().mean()), statistic="mean"),
    )
    problems = (*([_told(low, by_position, least)] if low else []), *found.problems)
    return Findings(problems, (*found.measurements, *figures), note=found.note)


def _correlation(logits: Tensor, expected: Tensor) -> Tensor:
    """Pearson's, of one position; NaN where one of both is constant."""
    x, y = (values.flatten() - values.mean() for values in (logits, expected))
    correlation: Tensor = (x @ y) / (x.norm() * y.norm())
    return correlation


def _told(low: list[int], by_position: Tensor, least: float) -> str:
    """The first positions, 0 being the last of the prompt: where it begins says what is wrong."""
    named = ", ".join(f"{position} ({by_position[position]:.5f})" for position in low[:_FEW])
    more = f", and {len(low) - _FEW} more" if len(low) > _FEW else ""
    where = "from the prompt on" if low[0] == 0 else f"the prompt is right, decode step {low[0]} is not"
    count = f"{len(low)} of {len(by_position)} positions"
    return f"logits correlate less than {least:.5f} at {count}, {where}: {named}{more}"
