"""One step of decoding as a module of its own, with the cache that it decodes from.

Shapes: B batch, E hidden dim.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ttci.tensors import tensors_in


class DecodeStep(nn.Module):
    """``decoder.decode(x, cache)``, [B, 1, E] to [B, 1, E].

    The cache moves and is converted with the module, as its weights do.

    Args:
        decoder: A module with ``decode(x, cache)``, or a function of token and cache;
            the same call again gives the same.
        cache: What it decodes from: tensors, or a dataclass of them, say.
    """

    def __init__(self, decoder: Any, cache: Any) -> None:
        super().__init__()
        self.decoder = decoder
        self.cache = cache
        for index, tensor in enumerate(tensors_in(cache)):
            self.register_buffer(f"cache_{index}", tensor, persistent=False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Decode one token a row."""
        decode = getattr(self.decoder, "decode", self.decoder)
        decoded: Tensor = decode(x, self.cache)
        return decoded
