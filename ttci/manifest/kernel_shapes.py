"""Whether the shapes of a kernel's inputs fit its operation, one function an operation.

Each yields what does not fit, given as many shapes as the operation takes and all of
its options.

Shapes: B batch, S tokens, L keys, E width, I and O input and output dim, H heads, K
key/value heads, D head dim, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Size = Sequence[int]
Shapes = Sequence[Size]
Options = Mapping[str, Any]


def matmul_problems(shapes: Shapes, _: Options) -> Iterator[str]:
    """[..., S, I] by [..., I, O]."""
    left, right = shapes[:2]
    if len(left) < 2 or len(right) < 2:
        yield "both factors need two dimensions or more"
        return
    if left[-1] != right[-2]:
        yield f"{_shown(left)} by {_shown(right)}: the inner dimensions {left[-1]} and {right[-2]} differ"
    if len(right) > 2 and list(right[:-2]) != list(left[:-2]):
        yield f"{_shown(left)} by {_shown(right)}: the dimensions before the last two differ"


def linear_problems(shapes: Shapes, options: Options) -> Iterator[str]:
    """[..., S, I] by [I, O], and [O]."""
    weight = shapes[1]
    if len(weight) != 2:
        yield f"the weight is {_shown(weight)}; write [input dim, output dim]"
        return
    yield from matmul_problems(shapes, options)
    for bias in shapes[2:]:
        if list(bias) != [weight[-1]]:
            yield f"the bias is {_shown(bias)}; write [{weight[-1]}], the weight's output dim"


def norm_problems(shapes: Shapes, _: Options) -> Iterator[str]:
    """[..., E], and [E] for each weight."""
    width = shapes[0][-1]
    for label, shape in zip(("weight", "bias"), shapes[1:], strict=False):
        if list(shape) != [width]:
            yield f"the {label} is {_shown(shape)}; write [{width}], the width of the input"


def softmax_problems(shapes: Shapes, options: Options) -> Iterator[str]:
    """Of any shape that has the dimension `dim`."""
    (x,) = shapes
    if not -len(x) <= options["dim"] < len(x):
        yield f"{_shown(x)} has no dimension {options['dim']}"


def activation_problems(_: Shapes, __: Options) -> Iterator[str]:
    """Of any shape."""
    return iter(())


def elementwise_problems(shapes: Shapes, _: Options) -> Iterator[str]:
    """The second is repeated along the dimensions where it has size 1, or none."""
    left, right = shapes
    ends = zip(reversed(left), reversed(right), strict=False)
    if len(right) > len(left) or any(small not in (1, large) for large, small in ends):
        yield f"{_shown(right)} cannot be repeated to {_shown(left)}; write the larger one first"


def embedding_problems(shapes: Shapes, _: Options) -> Iterator[str]:
    """Ids [B, S], and rows [V, E]."""
    ids, table = shapes
    if len(ids) != 2:
        yield f"the ids are {_shown(ids)}; write [batch, tokens]"
    if len(table) != 2:
        yield f"the table is {_shown(table)}; write [vocabulary, width]"


def rotary_problems(shapes: Shapes, _: Options) -> Iterator[str]:
    """[B, H, S, D]."""
    (x,) = shapes
    if len(x) != 4:
        yield f"the input is {_shown(x)}; write [batch, heads, tokens, head dim]"
    elif x[-1] % 2:
        yield f"the head dim {x[-1]} is odd, and its two halves turn together"


def attention_problems(shapes: Shapes, options: Options) -> Iterator[str]:
    """[B, H, S, D] by two of [B, K, L, D]; with `is_causal`, L is S."""
    if any(len(shape) != 4 for shape in shapes):
        yield "queries, keys and values are each [batch, heads, tokens, head dim]"
        return
    queries, keys, values = shapes
    if list(keys) != list(values):
        yield f"the keys {_shown(keys)} and the values {_shown(values)} differ"
    if queries[0] != keys[0]:
        yield f"the queries' batch {queries[0]} is not the keys' {keys[0]}"
    if queries[1] % keys[1]:
        yield f"{queries[1]} query heads do not divide by {keys[1]} key/value heads"
    if queries[3] != keys[3]:
        yield f"the queries' head dim {queries[3]} is not the keys' {keys[3]}"
    if options["is_causal"] and queries[2] != keys[2]:
        yield f"is_causal needs as many keys as queries, not {keys[2]} for {queries[2]}"


def _shown(shape: Size) -> str:
    return " x ".join(map(str, shape))
