"""Whether this CPU is quick at products of half precision, and what a user says of it."""

from __future__ import annotations

import os

import torch

from ttci.errors import InputError, did_you_mean, quoted

SETTING = "TTCI_PRODUCTS"
_FLOAT32, _NATIVE = "float32", "native"
# Whether oneDNN, which torch multiplies with, has instructions for the type on this CPU.
_CPU_HAS = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}


def computes_in_float32(dtype: torch.dtype) -> bool:
    """Whether products of `dtype` are to be computed in float32 on this CPU.

    So the variable TTCI_PRODUCTS says, or else the CPU.

    Raises:
        InputError: for a variable that says neither ``float32`` nor ``native``.
    """
    said = os.environ.get(SETTING) or None
    if said not in (None, _FLOAT32, _NATIVE):
        raise InputError(
            f"{SETTING}={quoted(said)}: how are products of half precision to be computed on a CPU? "
            f"{did_you_mean(said, (_FLOAT32, _NATIVE))}; without it, the CPU decides"
        )
    if dtype not in _CPU_HAS or said == _NATIVE:
        return False
    return said == _FLOAT32 or not has_fast_products(dtype)


def reason(dtype: torch.dtype) -> str:
    """Why they are, in one line."""
    name = str(dtype).removeprefix("torch.")
    why = f"this CPU has no fast {name} products" if not has_fast_products(dtype) else f"{SETTING} says so"
    return f"products of {name} are computed in float32 and rounded once: {why}"


def has_fast_products(dtype: torch.dtype) -> bool:
    """Whether oneDNN has instructions for products of `dtype` on this CPU."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):  # type: ignore[no-untyped-call]
        return False
    try:
        return bool(getattr(torch.ops.mkldnn, _CPU_HAS[dtype])())
    except (AttributeError, RuntimeError):  # a torch that does not say
        return False
