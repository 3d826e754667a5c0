"""Where a test's sequence may be cut: a cut is tried, and the whole is run where none holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ttci.testing.config import ModuleTest, Shape
from ttci.testing.input_forms import InputForm

_FEWEST = 8  # a shorter sequence than this shows little
_MOST_TRIES = 8  # of a kind


@dataclass(frozen=True)
class ChosenShape:
    """The input shape of a check.

    Attributes:
        shape: As it is run.
        not_cut: Why it is the whole though a cut was wanted; None where that is not so.
    """

    shape: Shape
    not_cut: str | None = None


def choose_shape(candidates: Sequence[Shape], problem: Callable[[Shape], str | None]) -> ChosenShape:
    """The first of `candidates` without a problem, else the last, which is the whole and is not tried."""
    problems: list[str] = []
    for shape in candidates[:-1]:
        found = problem(shape)
        if found is None:
            return ChosenShape(shape)
        problems.append(found)
    return ChosenShape(candidates[-1], next(iter(problems), None))


def cuts_within(test: ModuleTest, form: InputForm, max_tokens: int | None) -> list[Shape]:
    """What to try so that batch x sequence <= max_tokens: the longest, divisors of the whole, the whole.

    Divisors, as a module that works in windows takes whole windows only.
    """
    if test.kernel:
        return [test.kernel.cut_shape(form.shape, max_tokens)]
    wanted = _tokens_within(form, max_tokens)
    shorter = [tokens for tokens in _divisors(form.tokens) if _FEWEST <= tokens < wanted]
    return _shapes(form, [wanted, *shorter[::-1][:_MOST_TRIES]])


def cuts_from(test: ModuleTest, form: InputForm, tokens: int, max_tokens: int | None) -> list[Shape]:
    """What to try so that the sequence is short: `tokens`, then longer ones up to the whole."""
    if test.kernel:
        return [test.kernel.cut_shape(form.shape, tokens)]
    wanted = _tokens_within(form, tokens)
    longer = [longer for longer in _divisors(form.tokens) if longer > wanted][:_MOST_TRIES]
    of_device = _tokens_within(form, max_tokens)
    if of_device > wanted:
        longer = sorted({*longer, of_device})
    return _shapes(form, [wanted, *longer])


def cut_expected_shape(expected: Shape, full: Shape, cut: Shape, actual: Shape) -> Shape:
    """The expected output shape, cut as the input was.

    Which of its dimensions are the sequence, or a half of it, cannot be told by size alone
    (a pooled output may be as wide as the sequence is long): `actual`, the shape the
    reference gives, decides between the two readings of a dimension.
    """
    if full == cut or len(expected) != len(actual):
        return expected
    lengths = {(before, after) for before, after in zip(full[:2], cut[:2], strict=True) if before != after}
    lengths.add((math.prod(full[:2]), math.prod(cut[:2])))  # batch and tokens as one
    return tuple(
        there if any(size * after == there * before for before, after in lengths) else size
        for size, there in zip(expected, actual, strict=True)
    )


def _tokens_within(form: InputForm, max_tokens: int | None) -> int:
    """How many tokens a row may have; 1 at least."""
    if max_tokens is None or form.sequence is None:
        return form.tokens
    return max(1, min(form.tokens, max_tokens // form.rows))


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number) if number % divisor == 0]


def _shapes(form: InputForm, tokens: Sequence[int]) -> list[Shape]:
    """At so many tokens, and whole; whole alone where the first of them is."""
    cuts = [form.with_tokens(few) for few in tokens if few < form.tokens]
    return [*cuts, form.shape] if tokens[0] < form.tokens else [form.shape]
