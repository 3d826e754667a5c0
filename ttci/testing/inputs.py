"""The arguments that a test calls its module with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ttci.tensors import map_tensors, named_tensors_in
from ttci.testing.config import ModuleTest, Shape
from ttci.testing.input_forms import InputForm, input_forms

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


def make_inputs(test: ModuleTest, shape: Shape, form: InputForm | None = None) -> Inputs:
    """The inputs of a test at `shape`, from a fixed seed, in float32.

    Args:
        test: whose inputs they are.
        shape: of the first one.
        form: what they are; the likeliest where None.
    """
    with seeded():
        if test.inputs is not None:
            return _arguments(test.inputs(shape)).map(_as_float32)
        form = form or input_forms(test)[0]
        if form.vocabulary is not None:
            return Inputs((_ids(form.vocabulary, form.padding, shape),), {})
        return Inputs((torch.randn(shape, dtype=torch.float32),), {})


@contextmanager
def seeded() -> Iterator[None]:
    """Meanwhile torch draws from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed walks every kind of device
        yield


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def _ids(vocabulary: int, padding: int | None, shape: Shape) -> Tensor:
    """Random ids; none is the padding's, whose row gets no gradient by design."""
    ids = torch.randint(vocabulary, shape)
    return ids if padding is None else torch.where(ids == padding, (ids + 1) % vocabulary, ids)


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
