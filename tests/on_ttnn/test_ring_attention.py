"""Attention whose tokens are spread over the chips of a mock board, against attention in one place."""

from __future__ import annotations

from typing import Any

import torch
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file
from ring_attention_read import (  # type: ignore[import-not-found]
    HEAD_DIM,
    HEADS,
    REAL,
    TOKENS,
    balanced,
    given,
)
from torch import Tensor


def near(output: Any, expected: Tensor) -> bool:
    return torch.allclose(torch.as_tensor(output), expected, rtol=1e-2, atol=1e-2)


def attention(q: Tensor, k: Tensor, v: Tensor, *, is_causal: bool = False) -> Tensor:
    scores = q @ k.mT / HEAD_DIM**0.5
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    output: Tensor = scores.softmax(-1) @ v
    return output


def test_tokens_of_all_chips_and_joint_ones_see_each_other_but_for_those_behind_the_end() -> None:
    found = printed_by("ring_attention_read.py")
    q, k, v = (torch.cat([own, joint], 2) for own, joint in zip(given("own"), given("joint"), strict=True))
    is_real = torch.cat([torch.arange(TOKENS) < REAL, torch.ones(q.shape[2] - TOKENS, dtype=torch.bool)])
    expected = attention(q, k[:, :, is_real], v[:, :, is_real])
    assert near(found["joint"], expected[:, :, :TOKENS])
    of_joint = torch.tensor(found["of joint"])  # of each of the four chips of a row
    assert of_joint.shape[:2] == (4, HEADS)
    assert all(near(chip, expected[0, :, TOKENS:]) for chip in of_joint)


def test_tokens_of_all_chips_see_those_before_them() -> None:
    found, whole = printed_by("ring_attention_read.py"), attention(*given("own"), is_causal=True)
    assert near(found["causal"], whole)
    assert near(found["balanced"], whole[:, :, balanced()])
    assert near(found["distributed"], whole[:, :, balanced()])


def test_argument_that_is_not_modelled_is_named() -> None:
    refused = printed_by("ring_attention_read.py")["refused"]
    assert refused == (
        "ttnn.transformer.ring_joint_scaled_dot_product_attention: its argument kv_cache_batch_idx is not "
        "modelled on a mock board"
    )
