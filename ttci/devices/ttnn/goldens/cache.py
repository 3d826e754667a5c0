"""Goldens of the operations that write to a key/value cache, which they give back changed.

Shapes: B batch, K key/value heads, L cache length, S tokens, D head dim. A paged cache
is [blocks, K, block size, D]; its page table [B, blocks] names the blocks of each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.goldens.registry import register_golden


@register_golden("ttnn.update_cache")
@register_golden("ttnn.kv_cache.update_cache_for_token_")
def _update_cache(
    cache: Tensor, tokens: Tensor, update_index: int, batch_offset: int = 0, **_: Any
) -> Tensor:
    """Tokens are [1, K, padded B, D]: one for each row of the cache."""
    cache = cache.clone()
    rows = tokens[0, :, batch_offset : batch_offset + len(cache)]  # [K, B, D]
    cache[:, :, update_index] = rows.transpose(0, 1)
    return cache


@register_golden("ttnn.fill_cache")
@register_golden("ttnn.kv_cache.fill_cache_for_user_")
def _fill_cache(cache: Tensor, tokens: Tensor, batch_idx: int, *, update_idx: int = 0, **_: Any) -> Tensor:
    """Tokens are [1, K, S, D]: the first of one row of the cache."""
    cache = cache.clone()
    cache[batch_idx, :, update_idx : update_idx + tokens.shape[-2]] = tokens[0]
    return cache


@register_golden("ttnn.experimental.paged_update_cache")
def _paged_update_cache(
    cache: Tensor,
    tokens: Tensor,
    *_: Any,
    update_idxs: Sequence[int] = (),
    update_idxs_tensor: Tensor | None = None,
    page_table: Tensor | None = None,
    share_cache: bool | None = None,
    **__: Any,
) -> Tensor:
    """Tokens are [1, B, K or more, D]; a negative position is left out."""
    positions = list(update_idxs) if update_idxs_tensor is None else update_idxs_tensor.flatten().tolist()
    cache = cache.clone()
    heads, length = cache.shape[1:3]
    for row, position in enumerate(positions):
        if position < 0:
            continue
        block = 0 if share_cache else row
        if page_table is not None:
            block, position = int(page_table[row, position // length]), position % length
        cache[block, :, position] = tokens[0, row, :heads]
    return cache


@register_golden("ttnn.experimental.paged_fused_update_cache")
def _paged_fused_update_cache(
    cache1: Tensor, tokens1: Tensor, cache2: Tensor, tokens2: Tensor, *_: Any, **kwargs: Any
) -> tuple[Tensor, Tensor]:
    return _paged_update_cache(cache1, tokens1, **kwargs), _paged_update_cache(cache2, tokens2, **kwargs)


@register_golden("ttnn.experimental.paged_fill_cache")
def _paged_fill_cache(
    cache: Tensor,
    tokens: Tensor,
    page_table: Tensor,
    *_: Any,
    batch_idx: int = 0,
    batch_idx_tensor: Tensor | None = None,
    **__: Any,
) -> Tensor:
    """Tokens are [rows, K, S, D]: the first of those rows of the page table."""
    rows = [batch_idx] if batch_idx_tensor is None else batch_idx_tensor.flatten().tolist()
    cache = cache.clone()
    size = cache.shape[2]
    for sequence, row in zip(tokens, rows, strict=True):
        for index, part in enumerate(sequence.split(size, dim=1)):
            cache[int(page_table[row, index]), :, : part.shape[1]] = part
    return cache
