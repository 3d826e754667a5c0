"""Imported for what it registers: the ttnn implementations of ttci's and torch's modules."""

from ttci.modules import (
    ttnn_activations,
    ttnn_attention,
    ttnn_block,
    ttnn_decode,
    ttnn_embedding,
    ttnn_ffn,
    ttnn_kernels,
    ttnn_normalization,
    ttnn_torch_nn,
)

__all__ = [
    "ttnn_activations",
    "ttnn_attention",
    "ttnn_block",
    "ttnn_decode",
    "ttnn_embedding",
    "ttnn_ffn",
    "ttnn_kernels",
    "ttnn_normalization",
    "ttnn_torch_nn",
]
