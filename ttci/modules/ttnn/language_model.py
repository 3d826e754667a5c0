"""A whole language model in ttnn: the layers' implementations, with a cache of each on the mesh.

Shapes: B batch, S tokens, P of them the prompt, E hidden dim, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ttci.devices.protocol import NoImplementationError
from ttci.devices.ttnn.lowering import LoweringTarget, register_lowering
from ttci.modules.language_model import LanguageModel
from ttci.modules.teacher_forcing import PrefillAndDecode, prompt_of
from ttci.modules.ttnn.attention_decode import TtnnKVCache
from ttci.modules.ttnn.linear import lower_linear


@dataclass
class TtnnCaches:
    """Of all layers.

    Attributes:
        by_layer: their keys and values.
        position: of the next token, in every row.
    """

    by_layer: Sequence[TtnnKVCache]
    position: int = 0


class TtnnLanguageModel:
    """Embedding, blocks, norm and head; what is between them is replicated on every chip."""

    def __init__(self, module: LanguageModel, target: LoweringTarget) -> None:
        self._module = module
        self._target = target
        self._ttnn = target.ttnn
        self._embedding = target.lower(module.embedding)
        self._layers: list[Any] = [target.lower(layer) for layer in module.layers]
        self._norm = target.lower(module.norm)
        self._lm_head = lower_linear(target, module.lm_head)

    def __call__(self, ids: Any) -> Any:
        """The logits at every position, by one pass without a cache: [B, S] to [B, S, V]."""
        x = self._embedding(ids)
        for layer in self._layers:
            x = layer(x)
        return self._lm_head(self._norm(x))

    def make_caches(self, batch: int, length: int) -> TtnnCaches:
        """An empty cache for each layer, of so many tokens."""
        empty = self._module.make_caches(batch, length)
        placed = zip(self._layers, empty, strict=True)
        return TtnnCaches([layer.place_cache(cache) for layer, cache in placed])

    def prefill(self, ids: Any, caches: TtnnCaches) -> Any:
        """The logits behind a prompt, [B, P] to [B, 1, V]; its keys and values go to the caches."""
        ttnn = self._ttnn
        x = self._embedding(ids)  # [B, P, E]
        for layer, cache in zip(self._layers, caches.by_layer, strict=True):
            x = layer.prefill(x, cache)
        batch, tokens, width = x.shape
        last = ttnn.slice(x, (0, tokens - 1, 0), (batch, tokens, width))  # [B, 1, E]
        caches.position = tokens
        return self._lm_head(self._norm(last))

    def decode(self, ids: Any, caches: TtnnCaches) -> Any:
        """The logits behind one more token, [B, 1] to [B, 1, V]; the caches move on by one."""
        ttnn, target = self._ttnn, self._target
        place = torch.full((ids.shape[0],), caches.position, dtype=torch.int32)
        positions = target.integers(place, ttnn.int32)
        table_rows = target.integers(place[None], ttnn.uint32)
        x = self._embedding(ids)  # [B, 1, E]
        for layer, cache in zip(self._layers, caches.by_layer, strict=True):
            x = layer.decode(x, replace(cache, positions=positions, table_rows=table_rows))
        caches.position += 1
        return self._lm_head(self._norm(x), ttnn.DRAM_MEMORY_CONFIG)


class TtnnPrefillAndDecode:
    """A prompt, and a decode step for each token behind it: logits [B, S - P + 1, V]."""

    def __init__(self, module: PrefillAndDecode, target: LoweringTarget) -> None:
        self._ttnn = target.ttnn
        self._prompt_tokens = module.prompt_tokens
        self._model: Any = target.lower(module.model)
        missing = [name for name in ("make_caches", "prefill", "decode") if not hasattr(self._model, name)]
        if missing:
            raise NoImplementationError(
                f"the ttnn implementation of {type(module.model).__name__} is no language model: it has no "
                f"{' and no '.join(missing)}; give it make_caches(batch, length), prefill(ids, caches) and "
                "decode(ids, caches)"
            )

    def __call__(self, ids: Any, *, only_prompt: bool = False) -> Any:
        """Row-major ids [B, S]."""
        ttnn = self._ttnn
        batch, tokens = ids.shape
        prompt = prompt_of(tokens, self._prompt_tokens)
        caches = self._model.make_caches(batch, tokens)
        steps = [self._model.prefill(ttnn.slice(ids, (0, 0), (batch, prompt)), caches)]
        for position in range(prompt, prompt if only_prompt else tokens):
            token = ttnn.slice(ids, (0, position), (batch, position + 1))  # [B, 1]
            steps.append(self._model.decode(token, caches))
        return steps[0] if len(steps) == 1 else ttnn.concat(steps, dim=1)


register_lowering(LanguageModel)(TtnnLanguageModel)
register_lowering(PrefillAndDecode)(TtnnPrefillAndDecode)
