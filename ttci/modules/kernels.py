"""Single operations, as the kernels of a manifest ask for them: torch's side.

Shapes: B batch, S tokens, I and O input and output dim, E width, H heads, D head dim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.manifest import KernelEntry
from ttci.manifest.kernels import OPERATIONS, cut_first_shape, cut_shapes
from ttci.modules.rotary import apply_rotary, inverse_frequencies, rotary_tables

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]
Options = Mapping[str, Any]

_SPREAD = 0.3  # of a norm's weights around 1, and of biases around 0


class Kernel(nn.Module):
    """One torch operation of its inputs; it has no weights of its own.

    Attributes:
        entry: what the manifest says of it.
        options: the operation's keyword options, by default where none is given.
    """

    def __init__(self, entry: KernelEntry) -> None:
        super().__init__()
        self.entry = entry
        self.options = OPERATIONS[entry.op].with_defaults(entry.options)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The operation of its inputs, of the shapes that the manifest gives them."""
        return _TORCH[self.entry.op](*inputs, **self.options)

    def cut_shape(self, shape: Shape, max_tokens: int | None) -> Shape:
        """The first input's shape, cut along its sequence to what a device takes."""
        return cut_first_shape(self.entry.op, shape, max_tokens)

    def shapes(self, first: Shape) -> Shapes:
        """The shapes of all inputs where the first, cut maybe, has the shape `first`."""
        return cut_shapes(self.entry.op, self.entry.shapes, first)

    def make_inputs(self, first: Shape) -> tuple[Tensor, ...]:
        """Inputs drawn from torch's generator, the first of the shape `first`."""
        draw = _INPUTS.get(self.entry.op, _normal)
        return draw(self.shapes(first), self.options)

    def described(self, first: Shape) -> dict[str, Any]:
        """What the manifest says of it, in shapes as they are run; a torch device has its own dtype."""
        return {
            "op": self.entry.op,
            "shapes": [list(shape) for shape in self.shapes(first)],
            "dtypes": list(self.entry.dtypes),
            "memory_config": self.entry.memory_config,
            "options": dict(self.options),
        }

    def extra_repr(self) -> str:
        """Show the operation when printed."""
        return self.entry.op


def _normal(shapes: Shapes, _: Options) -> tuple[Tensor, ...]:
    return tuple(torch.randn(shape) for shape in shapes)


def _factors(shapes: Shapes, _: Options) -> tuple[Tensor, ...]:
    """The second is scaled, so that the product's numbers are about as large as the first's."""
    left, right, *bias = (torch.randn(shape) for shape in shapes)
    return left, right.mul_(right.shape[-2] ** -0.5), *bias


def _norm_inputs(shapes: Shapes, _: Options) -> tuple[Tensor, ...]:
    """With weights that are not all one, and biases that are not all zero."""
    x, *weights = (torch.randn(shape) for shape in shapes)
    return x, *(centre + _SPREAD * weight for centre, weight in zip((1.0, 0.0), weights, strict=False))


def _ids_and_rows(shapes: Shapes, _: Options) -> tuple[Tensor, ...]:
    ids, rows = shapes
    return torch.randint(rows[0], ids), torch.randn(rows)


def _rotary_inputs(shapes: Shapes, options: Options) -> tuple[Tensor, ...]:
    """With the tables of positions 0 to S - 1, [1, 1, S, D] each."""
    x = torch.randn(shapes[0])
    tokens, head_dim = x.shape[-2:]
    cos, sin = rotary_tables(torch.arange(tokens), inverse_frequencies(head_dim, options["theta"]))
    return x, cos[None, None], sin[None, None]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str | None) -> Tensor:
    y = F.linear(x, weight.t(), bias)
    return y if activation is None else _ACTIVATIONS[activation](y)


def _rms_norm(x: Tensor, weight: Tensor | None = None, *, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def _layer_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def _rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor, *, theta: float) -> Tensor:  # noqa: ARG001
    return apply_rotary(x, cos, sin)  # theta is in the tables


def _attention(
    queries: Tensor, keys: Tensor, values: Tensor, *, is_causal: bool, scale: float | None
) -> Tensor:
    is_grouped = queries.shape[1] != keys.shape[1]
    return F.scaled_dot_product_attention(
        queries, keys, values, is_causal=is_causal, scale=scale, enable_gqa=is_grouped
    )


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu, "relu": F.relu}
_TORCH: dict[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "matmul": torch.matmul,
    "rms_norm": _rms_norm,
    "layer_norm": _layer_norm,
    "softmax": torch.softmax,
    "silu": F.silu,
    "gelu": F.gelu,
    "mul": torch.mul,
    "add": torch.add,
    "embedding": F.embedding,
    "rotary_embedding": _rotary_embedding,
    "scaled_dot_product_attention": _attention,
}
_INPUTS: dict[str, Callable[[Shapes, Options], tuple[Tensor, ...]]] = {
    "linear": _factors,
    "matmul": _factors,
    "rms_norm": _norm_inputs,
    "layer_norm": _norm_inputs,
    "embedding": _ids_and_rows,
    "rotary_embedding": _rotary_inputs,
}
