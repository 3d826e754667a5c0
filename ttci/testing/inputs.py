"""Input shapes worked out from modules, and the inputs made from them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttci.errors import Mistake
from ttci.modules.kernels import Kernel
from ttci.tensors import map_tensors, named_tensors_in
from ttci.testing.config import DeclarationError, ModuleTest, Shape

# Attributes by which modules state the width of their input's last dimension.
_WIDTHS = (
    "in_features",
    "normalized_shape",
    "embed_dim",
    "hidden_dim",
    "hidden_size",
    "d_model",
    "input_size",
)
_VOCABULARIES = ("vocab_size", "num_embeddings")
_CHANNELS = ("in_channels", "num_channels", "num_features")  # of [batch, channels, ...]
_SEED = 0


@dataclass(frozen=True)
class Inputs:
    """The arguments of one call of a module."""

    positional: tuple[Any, ...]
    keyword: dict[str, Any]

    def call(self, function: Any) -> Any:
        """`function` called with these."""
        return function(*self.positional, **self.keyword)

    def map(self, change: Any) -> Inputs:
        """The same with every tensor changed."""
        return Inputs(map_tensors(self.positional, change), map_tensors(self.keyword, change))

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, nested ones too."""
        return list(self.named_tensors.values())

    @property
    def named_tensors(self) -> dict[str, Tensor]:
        """The tensors among the arguments, by what a message calls them."""
        arguments = [*enumerate(self.positional), *self.keyword.items()]
        return {
            name: tensor
            for key, value in arguments
            for name, tensor in named_tensors_in(value, f"input {key}")
        }


def full_shape(test: ModuleTest) -> Shape:
    """The input shape of a test, before a device cuts it.

    Raises DeclarationError when none is given and none can be worked out.
    """
    if test.input_shape is not None:
        return test.input_shape
    tokens = test.default_tokens if test.decode_cache_length is None else 1
    batch_and_tokens = (test.default_batch, tokens)
    if test.inputs is not None or _vocabulary(test.module) is not None:
        return batch_and_tokens
    width = _width(test.module)
    if width is None:
        what = (
            f"the input shape of {type(test.module).__name__} cannot be worked out (it has none of "
            f"{', '.join(_WIDTHS)}); add input_shape=(batch, tokens, width)"
        )
        raise DeclarationError(test.mistake(what))
    return (*batch_and_tokens, *width)


def cut_shape(test: ModuleTest, shape: Shape, max_tokens: int | None) -> Shape:
    """`shape` cut along the sequence to batch x sequence <= max_tokens.

    The sequence is the second of two leading dimensions, [batch, tokens, ...], or
    the first of one, [tokens, ...]. Other shapes (images, say) stay as they are.
    A kernel knows its own.
    """
    if isinstance(test.module, Kernel):
        return test.module.cut_shape(shape, max_tokens)
    leading = _leading_dimensions(test, shape)
    if max_tokens is None or leading not in (1, 2) or math.prod(shape[:leading]) <= max_tokens:
        return shape
    if leading == 1:
        return (max_tokens, *shape[1:])
    return (shape[0], max(1, max_tokens // shape[0]), *shape[2:])


def cut_expected_shape(expected: Shape, full: Shape, cut: Shape, actual: Shape) -> Shape:
    """The expected output shape, cut as the input was.

    Which of its dimensions are the sequence cannot be told by size alone (a pooled
    output may be as wide as the sequence is long): `actual`, the shape the reference
    gives, decides between the two readings of a dimension.
    """
    if full == cut or len(expected) != len(actual):
        return expected
    tokens = {before: after for before, after in zip(full[:2], cut[:2], strict=True) if before != after}
    tokens[math.prod(full[:2])] = math.prod(cut[:2])
    return tuple(
        tokens[size]
        if tokens.get(size) == there or (index == 1 and size in tokens and size != there)
        else size
        for index, (size, there) in enumerate(zip(expected, actual, strict=True))
    )


def _leading_dimensions(test: ModuleTest, shape: Shape) -> int:
    """How many dimensions come before those of one token."""
    if test.inputs is not None or _vocabulary(test.module) is not None:
        return min(2, len(shape))
    if len(shape) > 2 and shape[1] in _attributes(test.module, _CHANNELS):
        return 0
    return len(shape) - len(_width(test.module) or (1,))


def make_inputs(test: ModuleTest, shape: Shape) -> Inputs:
    """The inputs of a test at `shape`, from a fixed seed, in float32."""
    with seeded():
        if test.inputs is not None:
            return _arguments(test.inputs(shape)).map(_as_float32)
        vocabulary = _vocabulary(test.module)
        if vocabulary is not None:
            return Inputs((_ids(test.module, vocabulary, shape),), {})
        return Inputs((torch.randn(shape, dtype=torch.float32),), {})


@contextmanager
def seeded() -> Iterator[None]:
    """Meanwhile torch draws from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed walks every kind of device
        yield


def shape_mistake(test: ModuleTest) -> Mistake | None:
    """What is wrong with a test's input shape; None when it can be meant.

    A width other than the module states is a mistake only if a call with one
    token fails too: an attribute's name proves nothing.
    """
    try:
        shape = full_shape(test)
    except DeclarationError as error:
        return error.mistakes[0]
    width = _width(test.module)
    if test.inputs is not None or width is None or shape[-len(width) :] == width:
        return None
    if not isinstance(test.module, nn.Module):  # it takes ttnn tensors
        return None
    problem = _problem_of_a_call(test, cut_shape(test, shape, 1))
    if problem is None:
        return None
    fitting = (*shape[: -len(width)], *width)
    return test.mistake(
        f"input_shape {shape} does not fit {type(test.module).__name__}, whose input is "
        f"{' x '.join(map(str, width))} wide; write {fitting} ({problem})"
    )


def _problem_of_a_call(test: ModuleTest, shape: Shape) -> str | None:
    try:
        with torch.no_grad():
            make_inputs(test, shape).call(test.module)
    except Exception as error:  # noqa: BLE001  # a module may raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def _ids(module: nn.Module, vocabulary: int, shape: Shape) -> Tensor:
    """Random ids; none is the padding's, whose row gets no gradient by design."""
    ids = torch.randint(vocabulary, shape)
    padding = getattr(module, "padding_idx", None)
    return torch.where(ids == padding, (ids + 1) % vocabulary, ids) if isinstance(padding, int) else ids


def _arguments(made: Any) -> Inputs:
    match made:
        case Mapping():
            return Inputs((), dict(made))
        case (tuple() as positional, Mapping() as keyword):
            return Inputs(positional, dict(keyword))
        case tuple():
            return Inputs(made, {})
        case _:
            return Inputs((made,), {})


def _attributes(module: nn.Module, names: Sequence[str]) -> list[Any]:
    """What `module`, or the first of a sequence, has of these attributes."""
    first = next(iter(module)) if isinstance(module, nn.Sequential) and len(module) else module
    return [getattr(first, name) for name in names if hasattr(first, name)]


def _width(module: nn.Module) -> Shape | None:
    """The trailing dimensions that `module` states for its input."""
    if isinstance(module, nn.Sequential) and len(module):
        return _width(module[0])
    if _vocabulary(module) is not None:
        return None
    for name in _WIDTHS:
        value = getattr(module, name, None)
        if isinstance(value, int) and not isinstance(value, bool):
            return (value,)
        if name == "normalized_shape" and isinstance(value, tuple):
            return value
    return None


def _vocabulary(module: nn.Module) -> int | None:
    """How many ids `module` knows, where its one input is ids."""
    if isinstance(module, nn.Sequential) and len(module):
        return _vocabulary(module[0])
    if not _takes_one_argument(getattr(module, "forward", module)):
        return None
    sizes = [getattr(module, name, None) for name in _VOCABULARIES]
    return next((size for size in sizes if isinstance(size, int)), None)


def _takes_one_argument(forward: Any) -> bool:
    try:
        return len(inspect.signature(forward).parameters) == 1
    except (TypeError, ValueError):  # a compiled function may not tell
        return False
