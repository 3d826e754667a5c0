"""Input shapes worked out from modules, and the inputs made from them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttci.errors import Mistake
from ttci.tensors import map_tensors
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
    def named_tensors(self) -> dict[str, Tensor]:
        """The tensors among the arguments, by what a message calls them."""
        named = {f"input {index}": value for index, value in enumerate(self.positional)}
        named |= {f"input {name}": value for name, value in self.keyword.items()}
        return {name: value for name, value in named.items() if isinstance(value, Tensor)}


def full_shape(test: ModuleTest) -> Shape:
    """The input shape of a test, before a device cuts it.

    Raises DeclarationError when none is given and none can be worked out.
    """
    if test.input_shape is not None:
        return test.input_shape
    batch_and_tokens = (test.default_batch, test.default_tokens)
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


def cut_shape(shape: Shape, max_tokens: int | None) -> Shape:
    """`shape` cut along the sequence (its second dimension) to batch x sequence <= max_tokens."""
    if max_tokens is None or len(shape) < 2 or shape[0] * shape[1] <= max_tokens:
        return shape
    return (shape[0], max(1, max_tokens // shape[0]), *shape[2:])


def cut_expected_shape(test: ModuleTest, shape: Shape) -> Shape | None:
    """The expected output shape, its sequence cut as the input's was."""
    expected, full = test.expected_output_shape, full_shape(test)
    if expected is None or shape == full or len(expected) < 2 or expected[1] != full[1]:
        return expected
    return (expected[0], shape[1], *expected[2:])


def make_inputs(test: ModuleTest, shape: Shape) -> Inputs:
    """The inputs of a test at `shape`, from a fixed seed, in float32."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        if test.inputs is not None:
            return _arguments(test.inputs(shape))
        vocabulary = _vocabulary(test.module)
        if vocabulary is not None:
            return Inputs((torch.randint(vocabulary, shape),), {})
        return Inputs((torch.randn(shape, dtype=torch.float32),), {})


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
    problem = _problem_of_a_call(test, cut_shape(shape, shape[0]))
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
    if len(inspect.signature(module.forward).parameters) != 1:
        return None
    sizes = [getattr(module, name, None) for name in _VOCABULARIES]
    return next((size for size in sizes if isinstance(size, int)), None)
