"""Mistakes in sums, products and the order of tensors: residuals, gates, positions, swapped halves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ttci.diagnosis.calls import Call, Function, is_float
from ttci.diagnosis.mistakes import Maker, Mistake, Names, instead, of_result

_ORDERS = {2: ((1, 0),), 3: ((0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))}
_BASES = (10_000.0, 500_000.0, 1_000_000.0)
_ORDINALS = ("first", "second", "third")


def _are_two(call: Call) -> bool:
    return len(call.args) >= 2 and all(isinstance(a, Tensor) and a.ndim for a in call.args[:2])


def _sums(call: Call, names: Names) -> Iterator[Mistake]:
    if not _are_two(call) or not (is_float(call.args[0]) or is_float(call.args[1])):
        yield from _epsilons(call, names)
        return
    first, second = _terms(call, names)
    shape = call.result.shape
    of_a = instead(lambda a, _, **__: a.expand(shape).clone())
    of_b = instead(lambda _, b, **__: b.expand(shape).clone())
    for term, other in ((second, of_a), (first, of_b)):
        is_residual = term.startswith("the residual")
        kind, all_of = ("no residual", "without any residual") if is_residual else ("", "")
        yield Mistake(f"without {term}", {call.index: other}, kind=kind, text_of_all=all_of)
    twice = (
        (first, instead(lambda a, b, **__: a + a + b)),
        (second, instead(lambda a, b, **__: a + b + b)),
    )
    for term, change in twice:
        yield Mistake(f"with {term} added twice", {call.index: change})
    subtracted = instead(lambda a, b, **__: a - b)
    yield Mistake(f"with {second} subtracted", {call.index: subtracted})


def _epsilons(call: Call, names: Names) -> Iterator[Mistake]:
    """A small number that is added to a tensor."""
    own = call.args[1] if len(call.args) > 1 else None
    if isinstance(own, float) and 0 < own < 1e-2:
        for eps in (1e-6, 1e-5, 1e-3, 1e-1):
            if abs(eps - own) > 1e-3 * eps:
                other = instead(lambda x, _, eps=eps, **__: x + eps)
                text = f"with an epsilon of {eps:g} for {own:g}"
                all_of = f"{text} everywhere"
                yield Mistake(text + names.place(call), {call.index: other}, kind=text, text_of_all=all_of)


def _powers(call: Call, names: Names) -> Iterator[Mistake]:
    """The base of rotary wavelengths, which is raised to powers."""
    base = next((a for a in call.args if isinstance(a, int | float)), None)
    if base is None or base < 100:
        return
    for other in _BASES:
        if other != base:
            change = instead(lambda *args, other=other, **__: other ** next(a for a in args if is_float(a)))
            yield Mistake(f"with a base of {other:g} for {base:g}{names.place(call)}", {call.index: change})


def _terms(call: Call, names: Names) -> tuple[str, str]:
    """What the two terms of a sum are; beside what a submodule gave, the other is the residual."""
    place = names.place(call)
    parameters = [names.of_parameters.get(id(term), "") for term in call.args[:2]]
    made = [call.made_by.get(index, "") for index in (0, 1)]
    named = [
        f"`{p}`" if p else f"what `{m}` adds" if m else "" for p, m in zip(parameters, made, strict=True)
    ]
    for one, other in ((0, 1), (1, 0)):
        if made[one] and not parameters[other] and (not made[other] or one == 1):
            named[other] = f"the residual around `{made[one]}`"
            break
    first, second = (
        text or f"the {ordinal} term of a sum{place}" for text, ordinal in zip(named, _ORDINALS, strict=False)
    )
    return first, second


def _products(call: Call, names: Names) -> Iterator[Mistake]:
    if not call.args or not is_float(call.args[0]):
        return
    place, factor = names.place(call), call.args[1] if len(call.args) > 1 else None
    if isinstance(factor, int | float):
        sign = "divided" if "div" in call.name else "multiplied"
        itself = instead(lambda x, *_, **__: x.clone())
        yield Mistake(f"without being {sign} by {factor:.4g}{place}", {call.index: itself})
    elif _are_two(call) and "mul" in call.name:
        shape = call.result.shape
        first, second = _factors(call, names)
        changes = (
            (f"without {second}", lambda a, _, **__: a.expand(shape).clone()),
            (f"without {first}", lambda _, b, **__: b.expand(shape).clone()),
            ("with a sum for the product", lambda a, b, **__: a + b),
        )
        for text, change in changes:
            yield Mistake(text + place, {call.index: instead(change)})


def _factors(call: Call, names: Names) -> tuple[str, str]:
    """What the two factors of a product are."""
    parameters = [names.of_parameters.get(id(factor), "") for factor in call.args[:2]]
    named = [
        f"the factor `{p}`"
        if p
        else f"the factor that `{call.made_by[i]}` gives"
        if i in call.made_by
        else ""
        for i, p in enumerate(parameters)
    ]
    first, second = (n or f"the {o} factor of a product" for n, o in zip(named, _ORDINALS, strict=False))
    return first, second


def _parts(call: Call, names: Names) -> Iterator[Mistake]:
    """Halves and thirds swapped, or taken from every second or third place."""
    parts = call.result
    if not isinstance(parts, tuple | list) or len({part.shape for part in parts}) != 1:
        return
    place = names.place(call)
    for order in _ORDERS.get(len(parts), ()):
        swapped = of_result(lambda parts, order=order: tuple(parts[index] for index in order))
        what = "the two halves swapped" if len(parts) == 2 else f"its thirds in the order {order}"
        yield Mistake(f"with {what}{place} (`{call.name}`)", {call.index: swapped})
    x, n = call.args[0], len(parts)
    if is_float(x) and parts[0].shape[:-1] == x.shape[:-1] and n in _ORDERS:
        taken = instead(lambda x, *_, **__: tuple(x[..., part::n] for part in range(n)))
        yield Mistake(
            f"with columns interleaved instead of in {n} parts{place} (`{call.name}`)",
            {call.index: taken},
            kind="interleaved",
            text_of_all="with columns interleaved instead of in parts everywhere",
        )


def _joined(call: Call, names: Names) -> Iterator[Mistake]:
    parts = call.argument(0, "tensors")
    if not isinstance(parts, tuple | list) or len(parts) != 2 or not all(map(is_float, parts)):
        return
    place, dim = names.place(call), call.argument(1, "dim", 0)

    def swapped(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function([parts[1], parts[0]] if not args else [*args[0]][::-1], *args[1:], **kwargs)

    if parts[0] is parts[1]:
        doubled = instead(lambda parts, *_, **__: parts[0].repeat_interleave(2, dim))
        yield Mistake(f"with pairs interleaved instead of halves{place} (`cat`)", {call.index: doubled})
    elif parts[0].shape == parts[1].shape:
        yield Mistake(f"with the two halves swapped{place} (`cat`)", {call.index: swapped})


def _positions(call: Call, names: Names) -> Iterator[Mistake]:
    result = call.result
    if not isinstance(result, Tensor) or (call.kwargs.get("step") or (*call.args, 1, 1, 1)[2]) != 1:
        return
    for by in (1, -1):
        moved = of_result(lambda positions, by=by: positions + by)
        yield Mistake(f"with every position{names.place(call)} off by {by:+d}", {call.index: moved})


def _reshaped(call: Call, names: Names) -> Iterator[Mistake]:
    """Dimensions that were to be swapped, and only the shape was changed."""
    x = call.args[0] if call.args else None
    result = call.result
    if not isinstance(x, Tensor) or not is_float(result) or result.shape == x.shape or result.ndim < 3:
        return
    reshaped = instead(lambda x, *_, **__: x.reshape(result.shape))
    shapes = f"{tuple(x.shape)} to {tuple(result.shape)}"
    yield Mistake(
        f"with a reshape for the `{call.name}` of {shapes}{names.place(call)}",
        {call.index: reshaped},
        kind=f"reshape {shapes}",
        text_of_all=f"with a reshape for every `{call.name}` of {shapes}",
    )


def _repeated(call: Call, names: Names) -> Iterator[Mistake]:
    x, times, dim = call.argument(0, "input"), call.argument(1, "repeats"), call.argument(2, "dim")
    if is_float(x) and isinstance(times, int) and isinstance(dim, int):
        sizes = [times if d == dim % x.ndim else 1 for d in range(x.ndim)]
        tiled = instead(lambda x, *_, **__: x.repeat(sizes))
        yield Mistake(
            f"with dimension {dim} tiled instead of each of it repeated{names.place(call)}",
            {call.index: tiled},
            kind="tiled",
            text_of_all="with heads tiled instead of each repeated",
        )


def _signs(call: Call, names: Names) -> Iterator[Mistake]:
    if call.args and is_float(call.args[0]):
        plain = instead(lambda x, *_, **__: x.clone())
        yield Mistake(
            f"without a change of sign{names.place(call)}",
            {call.index: plain},
            kind="sign",
            text_of_all="without any change of sign",
        )


ARITHMETIC: dict[str, tuple[Maker, ...]] = {
    **dict.fromkeys(("add", "iadd", "radd"), (_sums,)),
    **dict.fromkeys(("mul", "rmul", "imul", "div", "truediv", "itruediv"), (_products,)),
    **dict.fromkeys(("chunk", "split", "unbind", "tensor_split"), (_parts,)),
    **dict.fromkeys(("cat", "concat"), (_joined,)),
    "arange": (_positions,),
    **dict.fromkeys(("transpose", "permute", "swapaxes", "movedim"), (_reshaped,)),
    "repeat_interleave": (_repeated,),
    "neg": (_signs,),
    **dict.fromkeys(("rpow", "pow"), (_powers,)),
}
