"""Imported for what it registers: the ttnn implementations of ttci's and torch's modules."""

from ttci.modules.ttnn import (
    activations,
    attention,
    block,
    decode,
    embedding,
    ffn,
    kernels,
    language_model,
    normalization,
    torch_nn,
)

__all__ = [
    "activations",
    "attention",
    "block",
    "decode",
    "embedding",
    "ffn",
    "kernels",
    "language_model",
    "normalization",
    "torch_nn",
]
