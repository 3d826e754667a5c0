"""Goldens of operations that draw at random.

The numbers are not the board's: they agree with themselves under a seed, and have the right distribution.
torch's own generator, which a user may have seeded, is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from ttci.devices.ttnn.goldens.registry import register_golden

_KEEPS_STATE = 2**32 - 1  # given as a seed, ttnn leaves the generator as it is
_USERS = 32  # that ttnn.sampling serves at once
_fresh = Generator()
_fresh.seed()
_of_users: defaultdict[int, Generator] = defaultdict(lambda: _seeded(_next_seed()))  # by place in the batch


def _next_seed() -> int:
    return int(torch.randint(1, _KEEPS_STATE, (), generator=_fresh))


def _seeded(seed: int) -> Generator:
    return Generator().manual_seed(int(seed))


def _generator(seed: int | None) -> Generator:
    """Of a seed; without one, or with 0, ttnn draws anew each time."""
    return _seeded(seed or _next_seed())


@register_golden("ttnn.rand")
def _rand(
    shape: Sequence[int], *_: Any, low: float = 0.0, high: float = 1.0, seed: int = 0, **others: Any
) -> Any:
    if others.get("mesh_mapper") is not None:
        return NotImplemented
    return _between(low, high, tuple(shape), seed)


@register_golden("ttnn.randn")
def _randn(shape: Sequence[int], *_: Any, seed: int | None = None, **__: Any) -> Tensor:
    return torch.randn(tuple(shape), generator=_generator(seed))


@register_golden("ttnn.uniform")
def _uniform(x: Tensor, *bounds: float, seed: int = 0, **named: Any) -> Tensor:
    """The bounds are called `from`, a word of Python's, and `to`."""
    low = float(named.get("from", bounds[0] if bounds else 0.0))
    high = float(named.get("to", bounds[1] if len(bounds) > 1 else 1.0))
    return _between(low, high, x.shape, seed)


def _between(low: float, high: float, shape: Sequence[int], seed: int) -> Tensor:
    """Below `high`, also when it is rounded to bfloat16."""
    drawn = torch.rand(tuple(shape), generator=_generator(seed)) * (1 - torch.finfo(torch.bfloat16).eps / 4)
    return drawn * (high - low) + low


@register_golden("ttnn.bernoulli")
def _bernoulli(x: Tensor, seed: int = 0, *_: Any, **__: Any) -> Tensor:
    return torch.bernoulli(x, generator=_generator(seed))


@register_golden("ttnn.experimental.dropout")
def _dropout(input_tensor: Tensor, probability: float, scale: float, seed: int, **_: Any) -> Tensor:
    dropped = torch.rand(input_tensor.shape, generator=_seeded(seed)) < probability
    return torch.where(dropped, 0.0, input_tensor * scale)


@register_golden("ttnn.manual_seed")
def _manual_seed(seeds: int | Tensor, *_: Any, user_ids: int | Tensor | None = None, **__: Any) -> Tensor:
    """Every user draws from a generator of their own."""
    users = range(_USERS) if user_ids is None else torch.as_tensor(user_ids).flatten().tolist()
    given = torch.as_tensor(seeds).flatten().tolist()
    for user, seed in zip(users, given * len(users) if len(given) == 1 else given, strict=False):
        if seed != _KEEPS_STATE:
            _of_users[int(user)] = _seeded(seed)
    return torch.full((), torch.nan)  # what it gives has no meaning


@register_golden("ttnn.sampling")
def _sampling(
    input_values_tensor: Tensor,
    input_indices_tensor: Tensor,
    k: Tensor,
    p: Tensor,
    temp: Tensor,
    seed: int | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    """Of each row one of the `k` likeliest, of the fewest that are as likely as `p` together."""
    width = input_values_tensor.shape[-1]
    values, indices = input_values_tensor.reshape(-1, width), input_indices_tensor.reshape(-1, width)
    rows = zip(
        values, indices, k.flatten(), p.flatten(), temp.flatten(), _draws(seed, len(values)), strict=True
    )
    chosen = [names[_drawn(row * t, int(of), float(share), draw)] for row, names, of, share, t, draw in rows]
    return torch.stack(chosen).reshape(1, 1, 1, -1)


def _draws(seed: int | None, users: int) -> list[Tensor]:
    """A number between 0 and 1 for each user."""
    if seed:
        return list(torch.rand(users, generator=_seeded(seed)))
    return [torch.rand((), generator=_of_users[user]) for user in range(users)]


def _drawn(logits: Tensor, k: int, p: float, draw: Tensor) -> Tensor:
    """The place of one among `logits`."""
    top, places = torch.topk(logits, k)
    chances = torch.softmax(top, dim=-1)
    before = chances.cumsum(dim=-1) - chances
    kept = torch.where(before < p, chances, 0.0)
    kept[0] = chances[0]  # the likeliest, whatever p is
    reached = torch.searchsorted(kept.cumsum(dim=-1) / kept.sum(), draw, right=True)
    return places[min(int(reached), int((kept > 0).sum()) - 1)]
