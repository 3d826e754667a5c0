"""Mistakes in attention: mask, scale, softmax, padding, rotary turns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ttci.diagnosis.calls import Call, Change, Function, is_float
from ttci.diagnosis.mistakes import Maker, Mistake, Names, instead

_TILE = 32
_ATTENTION = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


def _attended(**other: Any) -> Change:
    """Attention with other arguments; a function is given all of them."""

    def change(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = {**dict(zip(_ATTENTION, args, strict=False)), **kwargs}
        made = {name: value(given) if callable(value) else value for name, value in other.items()}
        return function(**{**given, **made})

    return change


def _otherwise(call: Call, text: str, **other: Any) -> Mistake:
    return Mistake(text, {call.index: _attended(**other)}, kind=text, text_of_all=f"{text} everywhere")


def _attention_masks(call: Call, names: Names) -> Iterator[Mistake]:
    place, query, key = names.place(call), call.argument(0, "query"), call.argument(1, "key")
    mask, is_causal = call.argument(3, "attn_mask"), call.argument(5, "is_causal", False)
    if mask is not None or is_causal:
        yield _otherwise(call, f"without the mask{place}", attn_mask=None, is_causal=False)
    if not is_causal and mask is None and query.shape[-2] == key.shape[-2] > 1:
        yield _otherwise(call, f"with a causal mask{place}", is_causal=True)
    if is_causal:
        yield from (
            _otherwise(call, text + place, attn_mask=of, is_causal=False) for text, of in _causal_masks()
        )
        signed = {"attn_mask": _of_the_other_sign, "is_causal": False}
        yield _otherwise(call, f"with the mask's sign changed{place}", **signed)
    if isinstance(mask, Tensor):
        yield from (_otherwise(call, text + place, attn_mask=other) for text, other in _masks(mask))


def _attention(call: Call, names: Names) -> Iterator[Mistake]:
    place = names.place(call)
    query, key = call.argument(0, "query"), call.argument(1, "key")
    mask, is_causal = call.argument(3, "attn_mask"), call.argument(5, "is_causal", False)
    size = query.shape[-1]

    mistake = partial(_otherwise, call)
    yield mistake(f"without the scale of 1 / √{size}{place}", scale=1.0)
    yield mistake(f"with a scale of 1 / {size} for 1 / √{size}{place}", scale=1 / size)
    yield mistake(
        f"with keys and values swapped{place}",
        key=lambda given: given["value"],
        value=lambda given: given["key"],
    )
    if call.kwargs.get("enable_gqa") and query.shape[-3] != key.shape[-3]:
        groups = query.shape[-3] // key.shape[-3]
        tiled = partial(_tiled, groups)
        yield mistake(
            f"with key and value heads tiled instead of each repeated{place}",
            key=lambda given: tiled(given["key"]),
            value=lambda given: tiled(given["value"]),
            enable_gqa=False,
        )
    yield Mistake(f"with the softmax over queries instead of keys{place}", {call.index: _over_queries})
    if key.shape[-2] % _TILE and mask is None and not is_causal:
        yield mistake(
            f"with the keys padded to whole tiles of {_TILE}{place}",
            key=lambda given: _padded(given["key"]),
            value=lambda given: _padded(given["value"]),
        )


def _over_queries(_: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Attention of queries [.., S, D] to keys and values [.., L, D], each key's weights adding up to 1."""
    given = {**dict(zip(_ATTENTION, args, strict=False)), **kwargs}
    query, key, value = (given[name] for name in _ATTENTION[:3])
    if given.get("enable_gqa"):
        groups = query.shape[-3] // key.shape[-3]
        key, value = (heads.repeat_interleave(groups, -3) for heads in (key, value))
    scores = query @ key.mT * (given.get("scale") or query.shape[-1] ** -0.5)
    mask = torch.ones_like(scores).bool().tril() if given.get("is_causal") else given.get("attn_mask")
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    attended: Tensor = scores.softmax(-2) @ value
    return attended


def _tiled(times: int, heads: Tensor) -> Tensor:
    return heads.repeat(*[1] * (heads.ndim - 3), times, 1, 1)


def _padded(rows: Tensor) -> Tensor:
    return torch.nn.functional.pad(rows, (0, 0, 0, -rows.shape[-2] % _TILE))


def _causal_masks() -> Iterator[tuple[str, Any]]:
    def allowed(given: dict[str, Any], change: Any) -> Tensor:
        sizes = given["query"].shape[-2], given["key"].shape[-2]
        return change(torch.ones(sizes, dtype=torch.bool))  # type: ignore[no-any-return]

    for text, change in (
        ("with the causal mask one place too far ahead", lambda ones: ones.tril(1)),
        ("with the causal mask one place too far behind", _behind),
        ("with the causal mask transposed", lambda ones: ones.triu()),
    ):
        yield text, partial(allowed, change=change)


def _of_the_other_sign(given: dict[str, Any]) -> Tensor:
    """What is behind a token is as far above it as it should be below."""
    return torch.full((given["query"].shape[-2], given["key"].shape[-2]), 1e9).triu(1)


def _behind(ones: Tensor) -> Tensor:
    """No token sees itself but the first, which would see nothing."""
    allowed = ones.tril(-1)
    allowed[0, 0] = True
    return allowed


def _masks(mask: Tensor) -> Iterator[tuple[str, Tensor]]:
    if mask.ndim >= 2 and mask.shape[-1] == mask.shape[-2]:
        yield "with the mask transposed", mask.mT
    if mask.dtype == torch.bool:
        yield "with the mask inverted", ~mask
    else:
        yield "with the mask's sign changed", -mask


def _masked(call: Call, names: Names) -> Iterator[Mistake]:
    place, mask = names.place(call), call.argument(1, "mask")

    def given(change: Any) -> Change:
        def changed(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return function(args[0], change(args[1] if len(args) > 1 else kwargs["mask"]), *args[2:])

        return changed

    if not isinstance(mask, Tensor) or not is_float(call.argument(0, "input")):
        return
    yield Mistake(f"without the mask{place}", {call.index: given(torch.zeros_like)}, kind="no mask")
    for text, other in _masks(mask):
        yield Mistake(text + place, {call.index: given(lambda _, other=other: other)})


def _triangles(call: Call, names: Names) -> Iterator[Mistake]:
    x, diagonal = call.argument(0, "input"), call.argument(1, "diagonal", 0)
    if not isinstance(x, Tensor) or not isinstance(diagonal, int):
        return
    place, other = names.place(call), "triu" if "tril" in call.name else "tril"
    for by, where in ((1, "ahead"), (-1, "behind")):
        moved = instead(lambda x, *_, by=by, **__: getattr(x, call.name)(diagonal + by))
        yield Mistake(f"with the causal mask one place too far {where}{place}", {call.index: moved})
    turned = instead(lambda x, *_, **__: getattr(x, other)(-diagonal))
    yield Mistake(f"with the causal mask transposed{place}", {call.index: turned})


def _softmaxes(call: Call, names: Names) -> Iterator[Mistake]:
    x, place = call.argument(0, "input"), names.place(call)
    dim = call.argument(1, "dim")
    if not is_float(x) or not isinstance(dim, int):
        return
    others = [d for d in (-1, -2) if d % x.ndim != dim % x.ndim] if x.ndim > 1 else []
    for other in others:
        along = instead(lambda x, *_, other=other, **__: x.softmax(other))
        yield Mistake(f"with the softmax along dimension {other} for {dim}{place}", {call.index: along})
    yield Mistake(f"without the softmax{place}", {call.index: instead(lambda x, *_, **__: x.clone())})
    if dim % x.ndim == x.ndim - 1 and x.shape[-1] % _TILE:
        padded = instead(lambda x, *_, **__: _softmax_of_padded(x))
        yield Mistake(
            f"with the softmax over rows padded to whole tiles of {_TILE} with zeros{place}",
            {call.index: padded},
        )


def _softmax_of_padded(x: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(x, (0, -x.shape[-1] % _TILE))
    return padded.softmax(-1)[..., : x.shape[-1]]


def rotary_mistakes(calls: Sequence[Call]) -> Iterator[Mistake]:
    """Cosines and sines are the rotary turns, where a reference computes both."""
    cosines, sines = ([call for call in calls if call.name == name] for name in ("cos", "sin"))
    if not cosines or len(cosines) != len(sines):
        return
    ones = {call.index: instead(lambda x, *_, **__: torch.ones_like(x)) for call in cosines}
    zeros = {call.index: instead(lambda x, *_, **__: torch.zeros_like(x)) for call in sines}
    yield Mistake("without the rotary embedding", {**ones, **zeros})
    backwards = {call.index: instead(lambda x, *_, **__: -x.sin()) for call in sines}
    yield Mistake("with the rotary embedding turning the other way", backwards)
    turns = list(_turns(calls))
    for number, (call, turned) in enumerate(turns):
        unturned = instead(lambda *_, turned=turned, **__: turned.clone())
        if len(turns) == 2:
            which = f"the {('first', 'second')[number]} of the two tensors that are turned (queries, keys)"
            yield Mistake(f"without the rotary embedding of {which}", {call.index: unturned})


def _turns(calls: Sequence[Call]) -> Iterator[tuple[Call, Tensor]]:
    """Sums of two products, ``x * cos + rotated * sin``, with their x."""
    products = {id(call.result): call for call in calls if call.name == "mul" and len(call.args) == 2}
    for call in calls:
        terms = [products.get(id(term)) for term in call.args[:2]]
        if call.name == "add" and len(terms) == 2 and terms[0] is not None and terms[1] is not None:
            x = terms[0].args[0]
            if is_float(x) and x.ndim >= 3 and x.shape == call.result.shape:
                yield call, x


ATTENTION: dict[str, tuple[Maker, ...]] = {
    "scaled_dot_product_attention": (_attention_masks, _attention),
    **dict.fromkeys(("masked_fill", "masked_fill_"), (_masked,)),
    **dict.fromkeys(("tril", "triu"), (_triangles,)),
    "softmax": (_softmaxes,),
}
