"""Transformer modules: the torch reference that every device is judged against.

Forward passes take ``[batch, tokens, hidden_dim]`` (``Embedding``: integer ids
``[batch, tokens]``), keep the input's dtype and draw no random numbers.
"""

from ttci.modules import attention, block, embedding, ffn, normalization

__all__ = ["attention", "block", "embedding", "ffn", "normalization"]
