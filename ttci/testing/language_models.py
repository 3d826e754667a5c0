"""What the declaration of a whole language model may say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ttci.catalog.metrics import METRICS
from ttci.errors import did_you_mean

if TYPE_CHECKING:
    from ttci.testing.config import TestConfig

_KINDS = ("module", "language-model")
_FIELDS = ("prompt_tokens", "decode_tokens", "layers")


def language_model_mistakes(config: TestConfig) -> Iterator[str]:
    """What is wrong with a test's kind, and with what is a language model's only."""
    if config.kind not in _KINDS:
        yield f"unknown kind {config.kind!r}; {did_you_mean(str(config.kind), _KINDS)}"
    given = {name: value for name in _FIELDS if (value := getattr(config, name)) is not None}
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield f"{name} is {value!r}; give a positive integer"
    if config.is_language_model:
        yield from _mistakes_of_one(config, given)
        return
    if given:
        yield f'{" and ".join(given)}: of a language model only; give kind="language-model"'
    targets = config.performance_targets if isinstance(config.performance_targets, Mapping) else {}
    for name in targets:
        if name in METRICS and METRICS[name].of_language_models:
            yield f'{name} is measured of a language model; give kind="language-model"'


def _mistakes_of_one(config: TestConfig, given: Mapping[str, int]) -> Iterator[str]:
    if config.decode_cache_length is not None:
        yield "a language model makes its own caches; leave out decode_cache_length"
    shape = config.input_shape
    if shape is None:
        return
    if len(shape) != 2:
        yield f"input_shape is {shape!r}; a language model takes ids: (batch, tokens)"
    elif {"prompt_tokens", "decode_tokens"} <= given.keys() and shape[1] != sum(
        given[name] for name in ("prompt_tokens", "decode_tokens")
    ):
        yield f"input_shape has {shape[1]} tokens, and prompt_tokens and decode_tokens ask for others"
