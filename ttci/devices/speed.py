"""How fast this machine multiplies matrices, as models do most of the time."""

from __future__ import annotations

import time

import torch

from ttci.devices.half_precision import has_fast_products

# [64, 512] by [512, 512]: small enough to end where bfloat16 takes 260 times as long as float32.
_ROWS, _DIM = 64, 512
_OPERATIONS = 2 * _ROWS * _DIM * _DIM
_TIMES = 5


def gflops(dtype: torch.dtype) -> float:
    """Thousand million multiplications and additions a second, of products on the CPU: the best of five."""
    x, weight = torch.ones(_ROWS, _DIM, dtype=dtype), torch.ones(_DIM, _DIM, dtype=dtype)
    best = float("inf")
    for _ in range(_TIMES):
        begun = time.perf_counter()
        x @ weight  # [64, 512]
        best = min(best, time.perf_counter() - begun)
    return _OPERATIONS / best / 1e9


def speed_text() -> dict[str, str]:
    """By the type of the products, how fast they are here and how ttci computes them."""
    how = "native" if has_fast_products(torch.bfloat16) else "slow here, so ttci computes them in float32"
    return {
        "float32 products": f"{gflops(torch.float32):.3g} GFLOP/s",
        "bfloat16 products": f"{gflops(torch.bfloat16):.3g} GFLOP/s, {how}",
    }
