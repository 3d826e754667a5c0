"""Wrong rows of embeddings, positions, ids and booleans; padding that leaks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.architectures.entries import FLOAT32, Wrong, ids, with_inputs
from tests.architectures.wrong_outputs import both, called, linear

WIDTH = 32


# --- embeddings, indices, booleans


def one_row_off(module: Any, tokens: Tensor) -> Any:
    return module(torch.where(tokens == tokens[0, 3], (tokens + 1) % 30, tokens))


def last_id_off(module: Any, tokens: Tensor) -> Any:
    tokens = tokens.clone()
    tokens[:, -1] = (tokens[:, -1] + 1) % 30
    return module(tokens)


def with_positions(module: Any, tokens: Tensor) -> Any:
    return module(tokens) + module.weight[torch.arange(tokens.shape[1])]


def with_positions_from_one(module: Any, tokens: Tensor) -> Any:
    return module(tokens) + module.weight[torch.arange(tokens.shape[1]) + 1]


def scaled_embedding(module: Any, tokens: Tensor) -> Any:
    return module(tokens) * WIDTH**0.5


def separated(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Hidden states that are one-hot but for some noise: argmax is never near a tie."""
    chosen = torch.randint(WIDTH, shape[:2], generator=draw)
    return 4 * F.one_hot(chosen, WIDTH) + 0.1 * torch.randn(shape, generator=draw)


def most_likely(_: Any, x: Tensor) -> Tensor:
    return x.argmax(-1)


def one_id_off(_: Any, x: Tensor) -> Tensor:
    chosen = x.argmax(-1)
    chosen[0, 5] = (chosen[0, 5] + 1) % WIDTH
    return chosen


def ids_from_one(_: Any, x: Tensor) -> Tensor:
    return x.argmax(-1) + 1


def large_ids_off(_: Any, x: Tensor) -> Tensor:
    return 31_000 + x.argmax(-1) + 1


def large_ids(_: Any, x: Tensor) -> Tensor:
    return 31_000 + x.argmax(-1)


def is_likely(_: Any, x: Tensor) -> Tensor:
    return x > 2


def one_boolean_off(_: Any, x: Tensor) -> Tensor:
    likely = x > 2
    likely[0, 0, 0] = ~likely[0, 0, 0]
    return likely


# --- padding


def lengths(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hidden states of two rows, the second of 20 tokens and padding that is not zero."""
    real = torch.ones(shape[:2], dtype=torch.bool)
    real[1, 20:] = False
    return torch.randn(shape, generator=draw), real


def mean_of_real(module: Any, x: Tensor, real: Tensor) -> Any:
    weights = real[..., None].to(x.dtype)
    return module((x * weights).sum(1) / weights.sum(1))


def mean_of_all(module: Any, x: Tensor, _: Tensor) -> Any:
    return module(x.mean(1))


def sum_over_full_length(module: Any, x: Tensor, real: Tensor) -> Any:
    return module((x * real[..., None]).mean(1))


def attend(module: Any, x: Tensor, real: Tensor) -> Any:
    scores = module(x) @ x.mT / WIDTH**0.5
    return scores.masked_fill(~real[:, None], -torch.inf).softmax(-1) @ x


def attend_to_padding(module: Any, x: Tensor, real: Tensor) -> Any:
    return attend(module, x, torch.ones_like(real))


def attend_to_one_padding(module: Any, x: Tensor, real: Tensor) -> Any:
    return attend(module, x, real | real.roll(1, 1))


def attend_with_zeroed_padding(module: Any, x: Tensor, real: Tensor) -> Any:
    """Scores of padding are zero, not minus infinity."""
    scores = (module(x) @ x.mT / WIDTH**0.5).masked_fill(~real[:, None], 0)
    return scores.softmax(-1) @ x


def attend_with_the_other_rows_mask(module: Any, x: Tensor, real: Tensor) -> Any:
    return attend(module, x, real.flip(0))


def last_real(module: Any, x: Tensor, real: Tensor) -> Any:
    return module(x[torch.arange(len(x)), real.sum(1) - 1])


def one_behind_the_last(module: Any, x: Tensor, real: Tensor) -> Any:
    return module(x[torch.arange(len(x)), real.sum(1).clamp(max=x.shape[1] - 1)])


def last_place(module: Any, x: Tensor, _: Tensor) -> Any:
    return module(x[:, -1])


def embedding() -> nn.Module:
    return nn.Embedding(30, WIDTH)


IDS = ids(30, 2, 24)
SEPARATED = with_inputs((4, 32, WIDTH), separated)
LENGTHS = with_inputs((2, 32, WIDTH), lengths)
WRONG = [
    Wrong("one row of an embedding off by one", both(embedding, called, one_row_off, IDS)),
    Wrong("last id off by one", both(embedding, called, last_id_off, IDS)),
    Wrong("positions off by one", both(embedding, with_positions, with_positions_from_one, IDS)),
    Wrong("embedding not scaled", both(embedding, scaled_embedding, called, IDS)),
    Wrong("one id of many off by one", both(nn.Identity, most_likely, one_id_off, SEPARATED), dtypes=FLOAT32),
    Wrong("all ids off by one", both(nn.Identity, most_likely, ids_from_one, SEPARATED)),
    Wrong("all large ids off by one", both(nn.Identity, large_ids, large_ids_off, SEPARATED)),
    Wrong("one boolean off", both(nn.Identity, is_likely, one_boolean_off, SEPARATED), dtypes=FLOAT32),
    Wrong("all booleans off", both(nn.Identity, is_likely, lambda _, x: x <= 2, SEPARATED)),
    Wrong("padding in the mean", both(linear, mean_of_real, mean_of_all, LENGTHS)),
    Wrong("mean over the full length", both(linear, mean_of_real, sum_over_full_length, LENGTHS)),
    Wrong("padding in the softmax", both(linear, attend, attend_to_padding, LENGTHS)),
    Wrong("one token of padding in the softmax", both(linear, attend, attend_to_one_padding, LENGTHS)),
    Wrong("padding's scores zero", both(linear, attend, attend_with_zeroed_padding, LENGTHS)),
    Wrong("the other row's mask", both(linear, attend, attend_with_the_other_rows_mask, LENGTHS)),
    Wrong("one behind the last token", both(linear, last_real, one_behind_the_last, LENGTHS)),
    Wrong("last place instead of last token", both(linear, last_real, last_place, LENGTHS)),
]
