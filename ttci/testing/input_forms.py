"""What the one input of a module may be, as far as its attributes and its layers tell."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ttci.errors import Mistake
from ttci.testing.config import ModuleTest, Shape

# Attributes by which modules state the width of their input's last dimension, the
# likeliest first: a recurrent layer's hidden_size is that of its output.
_WIDTHS = (
    "in_features",
    "normalized_shape",
    "input_size",
    "input_dim",
    "embed_dim",
    "hidden_dim",
    "hidden_size",
    "d_model",
)
_VOCABULARIES = ("vocab_size", "num_embeddings")
_CHANNELS = ("in_channels", "num_channels", "num_features")  # of [batch, channels, ...]


@dataclass(frozen=True)
class InputForm:
    """One thing that the input of a module may be.

    Attributes:
        shape: Before a device cuts it.
        sequence: Which dimension is the sequence; None where none is.
        rows: How many sequences there are.
        vocabulary: The ids are below it; None for floating-point numbers.
        padding: The id of the padding, whose row gets no gradient by design.
        stated_by: The attribute or layer that it was worked out from; None where a shape is given.
    """

    shape: Shape
    sequence: int | None = None
    rows: int = 1
    vocabulary: int | None = None
    padding: int | None = None
    stated_by: str | None = None

    @property
    def tokens(self) -> int:
        """How long the sequence is; 1 where there is none."""
        return 1 if self.sequence is None else self.shape[self.sequence]

    def with_tokens(self, tokens: int) -> Shape:
        """The shape with a sequence of so many tokens."""
        return tuple(tokens if index == self.sequence else size for index, size in enumerate(self.shape))


def input_forms(test: ModuleTest) -> list[InputForm]:
    """What the input of a test may be, the likeliest first; empty where nothing tells.

    A name proves nothing: where there are several, the module's own call decides.
    """
    return [_with_sequence(test, form) for form in _forms(test)]


def stated_widths(module: Any) -> dict[str, Shape]:
    """The trailing dimensions that `module`, or the first of a sequence, may state for its input."""
    first = first_layer(module)
    found: dict[str, Shape] = {}
    for name in _WIDTHS:
        value = getattr(first, name, None)
        if name == "normalized_shape" and isinstance(value, tuple):
            value = tuple(value)
        elif not is_size(value):
            continue
        width = value if isinstance(value, tuple) else (value,)
        if width not in found.values():
            found[name] = width
    return found


def input_mistake(test: ModuleTest) -> Mistake | None:
    """What has to be added where a test's input cannot be worked out."""
    module, is_decode_step = test.module, test.decode_cache_length is not None
    if test.inputs is None and isinstance(module, nn.Module) and not is_decode_step:
        needed = required_arguments(module)
        if len(needed) > 1:
            return test.mistake(
                f"{type(module).__name__} takes {len(needed)} inputs ({', '.join(needed)}); add "
                "inputs=lambda shape: (…), which makes them, and input_shape=(…), which it is called with"
            )
    return None if input_forms(test) else test.mistake(_unknown_shape(module))


def first_layer(module: Any) -> Any:
    """`module`, or what a sequence of modules begins with."""
    while isinstance(module, nn.Sequential) and len(module):
        module = module[0]
    return module


def required_arguments(module: Any) -> list[str]:
    """The arguments of `module`'s forward pass that have no default."""
    forward = getattr(first_layer(module), "forward", first_layer(module))
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):  # a compiled function may not tell
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]


def is_size(value: object) -> bool:
    """Whether `value` can be meant as the size of a dimension."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _unknown_shape(module: Any) -> str:
    what = f"the input shape of {type(module).__name__} cannot be worked out"
    for name in _CHANNELS:
        channels = getattr(first_layer(module), name, None)
        if is_size(channels):
            return f"{what} (its {name} is the second dimension); add input_shape=(batch, {channels}, …)"
    return f"{what} (it has none of {', '.join(_WIDTHS)}); add input_shape=(batch, tokens, width)"


def _forms(test: ModuleTest) -> Iterator[InputForm]:
    if test.inputs is not None:
        yield InputForm(test.input_shape or _batch_and_tokens(test))
        return
    numbers, ids = [*_forms_of_numbers(test)], [*_forms_of_ids(test)]
    if isinstance(first_layer(test.module), nn.Embedding | nn.EmbeddingBag):
        yield from ids
    elif _stated_vocabularies(test.module) and (test.input_shape is None or len(test.input_shape) <= 2):
        yield from [*ids, *numbers]
    else:
        yield from [*numbers, *ids]


def _forms_of_numbers(test: ModuleTest) -> Iterator[InputForm]:
    if test.input_shape is not None:
        yield InputForm(test.input_shape)
        return
    for name, width in stated_widths(test.module).items():
        if isinstance(first_layer(test.module), nn.RNNCellBase):  # one token a row
            yield InputForm((test.default_batch, *width), stated_by=name)
        else:
            yield InputForm((*_batch_and_tokens(test), *width), stated_by=name)


def _forms_of_ids(test: ModuleTest) -> Iterator[InputForm]:
    """Where the module states a vocabulary or has an embedding: then the first one's is the limit."""
    module, stated = test.module, _stated_vocabularies(test.module)
    layers = module.modules() if isinstance(module, nn.Module) else ()
    embedding = next((part for part in layers if isinstance(part, nn.Embedding | nn.EmbeddingBag)), None)
    limits = [*stated.values()] if embedding is None else [*stated.values(), embedding.num_embeddings]
    if not limits:
        return
    padding = getattr(first_layer(module), "padding_idx", getattr(embedding, "padding_idx", None))
    given = test.input_shape
    source = None if given is not None else next(iter(stated), "its nn.Embedding")
    shape = given or _batch_and_tokens(test)
    yield InputForm(shape, vocabulary=min(limits), padding=padding, stated_by=source)


def _stated_vocabularies(module: Any) -> dict[str, int]:
    first = first_layer(module)
    return {name: getattr(first, name) for name in _VOCABULARIES if is_size(getattr(first, name, None))}


def _batch_and_tokens(test: ModuleTest) -> Shape:
    batch, tokens = test.default_batch, test.default_tokens if test.decode_cache_length is None else 1
    return (tokens, batch) if _takes_sequence_first(test.module) else (batch, tokens)


def _takes_sequence_first(module: Any) -> bool:
    return getattr(first_layer(module), "batch_first", None) is False


def _with_sequence(test: ModuleTest, form: InputForm) -> InputForm:
    """The sequence is the second of two leading dimensions, [batch, tokens, ...], or the first of one.

    With ``batch_first = False``, as torch's recurrent layers have it, it is the first of two.
    Other shapes (images, say) have none. A kernel cuts its own.
    """
    if test.kernel:
        return form
    leading = _leading_dimensions(test, form)
    if leading not in (1, 2):
        return form
    sequence = 0 if leading == 2 and _takes_sequence_first(test.module) else leading - 1
    rows = math.prod(form.shape[:leading]) // form.shape[sequence]
    return replace(form, sequence=sequence, rows=rows)


def _leading_dimensions(test: ModuleTest, form: InputForm) -> int:
    """How many dimensions come before those of one token."""
    shape = form.shape
    if test.inputs is not None or form.vocabulary is not None:
        return min(2, len(shape))
    channels = [getattr(first_layer(test.module), name, None) for name in _CHANNELS]
    if len(shape) > 2 and shape[1] in channels:
        return 0
    widths = [*stated_widths(test.module).values()]
    width = next((width for width in widths if shape[-len(width) :] == width), next(iter(widths), (1,)))
    return len(shape) - len(width)
