"""The operations that a kernel of the manifest may run, a class each.

To add one, add its row, and its class in ``ttci/operations``: the facts, its rules for shapes,
and how torch and ttnn compute it. The light floor asks for facts and rules: a module of an
operation imports torch in functions only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from ttci.catalog.installed import load
from ttci.errors import quoted

OPERATIONS = {
    "linear": "ttci.operations.products:Linear",
    "matmul": "ttci.operations.products:Matmul",
    "rms_norm": "ttci.operations.norms:RmsNorm",
    "layer_norm": "ttci.operations.norms:LayerNorm",
    "softmax": "ttci.operations.softmax:Softmax",
    "silu": "ttci.operations.activations:Silu",
    "gelu": "ttci.operations.activations:Gelu",
    "mul": "ttci.operations.elementwise:Mul",
    "add": "ttci.operations.elementwise:Add",
    "embedding": "ttci.operations.embedding:Embedding",
    "rotary_embedding": "ttci.operations.rotary_embedding:RotaryEmbedding",
    "scaled_dot_product_attention": "ttci.operations.attention:ScaledDotProductAttention",
}

Size = Sequence[int]
Shapes = Sequence[Size]
Options = Mapping[str, Any]
ROWS = -2  # of [..., S, E], the sequence


@dataclass(frozen=True)
class Option:
    """A keyword option of an operation.

    Attributes:
        advice: what to give, for a message.
    """

    default: Any
    advice: str
    fits: Callable[[Any], bool]


class OperationFacts:
    """What a manifest may say of an operation.

    Attributes:
        inputs: names of its input tensors, in order.
        required: how many of them a kernel must give.
        sequence: which dimension of an input is the sequence, by the input's index.
        takes_ids: the first input is ids, and the second the rows that they number.
    """

    inputs: ClassVar[tuple[str, ...]]
    required: ClassVar[int]
    options: ClassVar[Mapping[str, Option]] = {}
    sequence: ClassVar[Mapping[int, int]] = {0: ROWS}
    takes_ids: ClassVar[bool] = False

    def problems(self, shapes: Shapes, options: Options) -> Iterator[str]:  # noqa: ARG002
        """What does not fit in shapes of the right count, with all options; any does here."""
        yield from ()

    def with_defaults(self, options: Options) -> dict[str, Any]:
        """Every option, those that are not given by their default."""
        return {name: option.default for name, option in self.options.items()} | dict(options)


@cache
def operation_facts(name: str) -> OperationFacts:
    """What a manifest may say of the operation of that name."""
    facts: OperationFacts = load("operation", name, OPERATIONS[name])()
    return facts


def number(default: float | None) -> Option:
    """An option that is a number above 0."""
    return Option(default, "a number above 0", _is_number)


def whole_number(default: int) -> Option:
    """An option that is a whole number."""
    return Option(default, "a whole number", is_whole)


def flag(*, default: bool) -> Option:
    """An option that is true or false."""
    return Option(default, "true or false", lambda value: isinstance(value, bool))


def word(default: str | None, *words: str) -> Option:
    """An option that is one of these words."""
    return Option(default, " or ".join(map(quoted, words)), lambda value: value in words)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def shown(shape: Size) -> str:
    """A shape as messages have it."""
    return " x ".join(map(str, shape))


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0
