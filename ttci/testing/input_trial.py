"""Which input a module takes, where its attributes leave several: a call on a few tokens tells."""

from __future__ import annotations

import torch
from torch import nn

from ttci.errors import Mistake
from ttci.testing.config import DeclarationError, ModuleTest, Shape
from ttci.testing.input_forms import InputForm, input_forms, input_mistake, stated_widths
from ttci.testing.inputs import make_inputs

FEW_TOKENS = 8  # enough for attention to attend
_LONGEST_REASON = 200  # characters


def input_form(test: ModuleTest) -> InputForm:
    """What the module takes; the likeliest where it takes none of what it may be.

    Raises:
        DeclarationError: where nothing tells what that is.
    """
    mistake = input_mistake(test)
    if mistake:
        raise DeclarationError(mistake)
    forms = input_forms(test)
    if len(forms) == 1 or not isinstance(test.module, nn.Module) or test.decode_cache_length is not None:
        return forms[0]
    if test.is_language_model:
        return forms[0]
    few = [(form, form.with_tokens(min(FEW_TOKENS, form.tokens))) for form in forms]
    whole = [(form, form.shape) for form in forms]  # some take no shorter sequence
    tries = [*few, *whole] if few != whole else whole
    return next((form for form, shape in tries if _problem_of_a_call(test, shape, form) is None), forms[0])


def full_shape(test: ModuleTest) -> Shape:
    """The input shape of a test, before a device cuts it.

    Raises:
        DeclarationError: when none is given and none can be worked out.
    """
    return input_form(test).shape


def shape_mistake(test: ModuleTest) -> Mistake | None:
    """What is wrong with a test's input shape; None when it can be meant.

    A width other than the module states is a mistake only if a call with one
    token and one with all fail too: an attribute's name proves nothing.
    """
    mistake = input_mistake(test)
    if mistake or not isinstance(test.module, nn.Module):  # it takes ttnn tensors
        return mistake
    form, widths = input_forms(test)[0], [*stated_widths(test.module).values()]
    shape = form.shape
    fits = any(shape[-len(width) :] == width for width in widths)
    if test.inputs is not None or form.vocabulary is not None or not widths or fits:
        return None
    problems = [_problem_of_a_call(test, tried, form) for tried in (form.with_tokens(1), shape)]
    if None in problems:
        return None
    width = widths[0]
    return test.mistake(
        f"input_shape {shape} does not fit {type(test.module).__name__}, whose input is "
        f"{' x '.join(map(str, width))} wide; write {(*shape[: -len(width)], *width)} ({problems[-1]})"
    )


def origin_of_input(test: ModuleTest, form: InputForm) -> str | None:
    """What a test's input was worked out from, in a sentence; None where the test gives it."""
    if form.stated_by is None:
        return None
    kind = "numbers" if form.vocabulary is None else f"ids below {form.vocabulary}"
    return (
        f"its input, {' x '.join(map(str, form.shape))} {kind}, was worked out from {form.stated_by}; "
        f"if {type(test.module).__name__} takes another, give input_shape=… or inputs=…"
    )


def brief(error: BaseException) -> str:
    """An exception on one line, cut where it is long."""
    line = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


def _problem_of_a_call(test: ModuleTest, shape: Shape, form: InputForm) -> str | None:
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            make_inputs(test, shape, form).call(test.module)
    except Exception as error:  # noqa: BLE001  # a module may raise anything
        return brief(error)
    return None
