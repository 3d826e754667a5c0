"""The operations that a kernel of the manifest may run: what they take, and what is cut of it.

One row of data an operation; how torch and ttnn compute it stands in ``ttci.modules``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from ttci.errors import did_you_mean, quoted
from ttci.manifest import kernel_shapes as shapes_of
from ttci.manifest.identity import fits_as_test_name
from ttci.manifest.lines import Keys

Shape = tuple[int, ...]

ID_DTYPE = "uint32"
_BLOCK_FLOATS = ("bfloat8_b", "bfloat4_b")
_ROWS = -2  # of [..., S, E], the sequence


@dataclass(frozen=True)
class Option:
    """A keyword option of an operation.

    advice: what to give, for a message.
    """

    default: Any
    advice: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Operation:
    """What an operation takes.

    Attributes:
        inputs: names of its input tensors, in order.
        required: how many of them a kernel must give.
        problems: what does not fit in shapes of the right count, with all options.
        sequence: which dimension of an input is the sequence, by the input's index.
        takes_ids: the first input is ids, and the second the rows that they number.
    """

    inputs: tuple[str, ...]
    required: int
    problems: Callable[[shapes_of.Shapes, shapes_of.Options], Iterator[str]]
    options: Mapping[str, Option] = field(default_factory=dict)
    sequence: Mapping[int, int] = field(default_factory=lambda: {0: _ROWS})
    takes_ids: bool = False

    def with_defaults(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every option, those that are not given by their default."""
        return {name: option.default for name, option in self.options.items()} | dict(options)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _number(default: float | None) -> Option:
    return Option(default, "a number above 0", _is_number)


def _word(default: str | None, *words: str) -> Option:
    return Option(default, " or ".join(map(quoted, words)), lambda value: value in words)


_ACTIVATIONS = _word(None, "silu", "gelu", "relu")

OPERATIONS: dict[str, Operation] = {
    "linear": Operation(
        ("input", "weight", "bias"), 2, shapes_of.linear_problems, {"activation": _ACTIVATIONS}
    ),
    "matmul": Operation(("left", "right"), 2, shapes_of.matmul_problems),
    "rms_norm": Operation(("input", "weight"), 1, shapes_of.norm_problems, {"eps": _number(1e-6)}),
    "layer_norm": Operation(("input", "weight", "bias"), 1, shapes_of.norm_problems, {"eps": _number(1e-5)}),
    "softmax": Operation(
        ("input",), 1, shapes_of.softmax_problems, {"dim": Option(-1, "a whole number", _is_whole)}
    ),
    "silu": Operation(("input",), 1, shapes_of.activation_problems),
    "gelu": Operation(
        ("input",), 1, shapes_of.activation_problems, {"approximate": _word("none", "none", "tanh")}
    ),
    "mul": Operation(("left", "right"), 2, shapes_of.elementwise_problems, sequence={0: _ROWS, 1: _ROWS}),
    "add": Operation(("left", "right"), 2, shapes_of.elementwise_problems, sequence={0: _ROWS, 1: _ROWS}),
    "embedding": Operation(
        ("ids", "table"), 2, shapes_of.embedding_problems, sequence={0: -1}, takes_ids=True
    ),
    "rotary_embedding": Operation(("input",), 1, shapes_of.rotary_problems, {"theta": _number(10000.0)}),
    "scaled_dot_product_attention": Operation(
        ("queries", "keys", "values"),
        3,
        shapes_of.attention_problems,
        {"is_causal": Option(True, "true or false", _is_flag), "scale": _number(None)},
        sequence={0: _ROWS, 1: _ROWS, 2: _ROWS},
    ),
}


def kernel_mistakes(keys: Keys, entry: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """What is wrong in the kernel's table at `keys`; values of a wrong type are passed over."""
    name, op = str(keys[-1]), entry.get("op")
    if not fits_as_test_name(name):
        yield keys, f"{quoted(name)} is no name of a test; use printable text without brackets and '::'"
    if not isinstance(op, str) or op not in OPERATIONS:
        return
    options = entry.get("options", {})
    options = options if isinstance(options, Mapping) else {}
    wrong_options = list(_option_mistakes(op, options))
    for option, what in wrong_options:
        yield (*keys, "options", option), what
    shapes = entry.get("shapes")
    if not _are_shapes(shapes):
        return
    fitting_options = {} if wrong_options else options
    yield from (((*keys, "shapes"), what) for what in _shape_mistakes(op, shapes, fitting_options))
    yield from (((*keys, "dtypes"), what) for what in _dtype_mistakes(op, entry.get("dtypes"), len(shapes)))


def _shape_mistakes(op: str, shapes: Sequence[Any], options: Mapping[str, Any]) -> Iterator[str]:
    operation = OPERATIONS[op]
    if operation.required <= len(shapes) <= len(operation.inputs):
        for what in operation.problems(shapes, operation.with_defaults(options)):
            yield f"{op}: {what}"
        return
    optional = [f"{label} (optional)" for label in operation.inputs[operation.required :]]
    wanted = ", ".join([*operation.inputs[: operation.required], *optional])
    yield f"{op} takes a shape for each of {wanted}; {len(shapes)} given"


def _option_mistakes(op: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = OPERATIONS[op].options
    for name, value in options.items():
        if name not in known:
            advice = did_you_mean(name, known) if known else f"{op} takes none"
            yield name, f"unknown option {quoted(name)} of {op}; {advice}"
        elif not known[name].fits(value):
            yield name, f"this value does not fit; give {known[name].advice}"


def _dtype_mistakes(op: str, dtypes: Any, count: int) -> Iterator[str]:
    if isinstance(dtypes, list):
        if len(dtypes) != count:
            yield f"{len(dtypes)} given for {count} inputs; write one an input, or one word for all"
            return
        if OPERATIONS[op].takes_ids:
            if dtypes[0] != ID_DTYPE:
                yield f"the ids come first, as {quoted(ID_DTYPE)}"
            dtypes = dtypes[1:]
    numbers = dtypes if isinstance(dtypes, list) else [dtypes]
    if ID_DTYPE in numbers:
        yield f'{quoted(ID_DTYPE)} is of ids only; write "bfloat16", say'
    if OPERATIONS[op].takes_ids and any(dtype in _BLOCK_FLOATS for dtype in numbers):
        yield 'rows of a block float cannot be looked up; write "bfloat16" for the table'


def _are_shapes(shapes: Any) -> TypeGuard[list[list[int]]]:
    return isinstance(shapes, list) and all(
        isinstance(shape, list) and shape and all(_is_whole(size) and size > 0 for size in shape)
        for shape in shapes
    )


def cut_first_shape(op: str, shape: Shape, max_tokens: int | None) -> Shape:
    """The shape of the first input, cut along its sequence to batch x sequence <= max_tokens.

    The batch is the first dimension, where that is not the sequence itself.
    """
    index = len(shape) + OPERATIONS[op].sequence[0]
    if max_tokens is None or index < 0:
        return shape
    batch = shape[0] if index > 0 else 1
    return _with_at_most(shape, index, max(1, max_tokens // batch))


def cut_shapes(op: str, shapes: Sequence[Shape], first: Shape) -> tuple[Shape, ...]:
    """The shapes of all inputs, whose sequences are cut as that of the first one was to `first`."""
    if first == shapes[0]:
        return tuple(shapes)
    sequence = OPERATIONS[op].sequence
    tokens = first[sequence[0]]
    return tuple(
        _with_at_most(shape, len(shape) + sequence[position], tokens) if position in sequence else shape
        for position, shape in enumerate(shapes)
    )


def _with_at_most(shape: Shape, index: int, size: int) -> Shape:
    return shape if index < 0 else (*shape[:index], min(shape[index], size), *shape[index + 1 :])
