"""A language model run as it is used, and told each next token: a prompt, then a decode step a token.

Shapes: B batch, S tokens, P of them the prompt, V vocabulary.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn


class PrefillAndDecode(nn.Module):
    """The logits from the end of the prompt on, [B, S] to [B, S - P + 1, V], with a cache.

    Args:
        model: Has ``make_caches(batch, length)``, ``prefill(ids, caches)`` and
            ``decode(ids, caches)``, as `ttci.modules.language_model.LanguageModel`; or is
            called as a causal model of Hugging Face, with ``past_key_values``.
        prompt_tokens: P; where S is not longer, all but the last.
    """

    def __init__(self, model: Any, prompt_tokens: int) -> None:
        super().__init__()
        self.model = model
        self.prompt_tokens = prompt_tokens

    @torch.no_grad()
    def forward(self, ids: Tensor, *, only_prompt: bool = False) -> Tensor:
        """Prefill, then decode the given tokens one by one; with `only_prompt` none, [B, 1, V]."""
        prompt = prompt_of(ids.shape[1], self.prompt_tokens)
        logits, caches = self.prefill(ids)
        if only_prompt:
            return logits
        steps = [logits]
        for position in range(prompt, ids.shape[1]):
            logits, caches = self.decode(ids[:, position : position + 1], caches)
            steps.append(logits)
        return torch.cat(steps, dim=1)

    @torch.no_grad()
    def prefill(self, ids: Tensor) -> tuple[Tensor, Any]:
        """The logits of the first token to be made, and the caches."""
        prompt = ids[:, : prompt_of(ids.shape[1], self.prompt_tokens)]
        if hasattr(self.model, "prefill"):
            caches = self.model.make_caches(*ids.shape)
            return self.model.prefill(prompt, caches), caches
        made = self.model(prompt, use_cache=True)
        return made.logits[:, -1:], _cache_of(made)

    @torch.no_grad()
    def decode(self, ids: Tensor, caches: Any) -> tuple[Tensor, Any]:
        """The logits behind one more token, and the caches."""
        if hasattr(self.model, "decode"):
            return self.model.decode(ids, caches), caches
        takes = inspect.signature(self.model.forward).parameters
        made = self.model(ids, use_cache=True, **{"cache" if "cache" in takes else "past_key_values": caches})
        return made.logits, _cache_of(made)


def _cache_of(made: Any) -> Any:
    """Of an output of Hugging Face's: newer versions of transformers call it ``cache``."""
    return made.cache if getattr(made, "cache", None) is not None else made.past_key_values


class OnePass(nn.Module):
    """The logits of the same positions by one pass without a cache: what they are judged by.

    Args:
        model: Maps ids [B, S] to logits [B, S, V], or to what has them as ``logits``.
        prompt_tokens: As of `PrefillAndDecode`.
    """

    def __init__(self, model: Any, prompt_tokens: int) -> None:
        super().__init__()
        self.model = model
        self.prompt_tokens = prompt_tokens

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        """[B, S] to [B, S - P + 1, V]."""
        made = self.model(ids)
        logits = cast("Tensor", getattr(made, "logits", made))
        return logits[:, prompt_of(ids.shape[1], self.prompt_tokens) - 1 :]


def prompt_of(tokens: int, prompt_tokens: int) -> int:
    """How many of so many tokens are the prompt: one at least is decoded."""
    return max(1, min(prompt_tokens, tokens - 1))


def with_layers(model: Any, layers: int | None) -> Any:
    """`model` with the first so many of its layers only, sharing their weights; itself where None.

    The layers are its longest `torch.nn.ModuleList`.

    Raises:
        ValueError: It has none, or fewer layers than that.
    """
    if layers is None:
        return model
    lists = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.ModuleList)]
    path, longest = max(lists, key=lambda found: len(found[1]), default=("", nn.ModuleList()))
    if len(longest) < layers:
        raise ValueError(
            f"{type(model).__name__} has {len(longest)} layers, and layers={layers} are asked for"
        )
    return _replaced(model, path.split("."), longest[:layers])


def _replaced(module: nn.Module, path: list[str], part: Any) -> nn.Module:
    """A copy of `module` that holds `part` at `path`; what is beside it is shared."""
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    rest = path[1:]
    child = module._modules[path[0]]
    copied._modules[path[0]] = _replaced(cast("nn.Module", child), rest, part) if rest else part
    return copied
