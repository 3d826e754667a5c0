"""The mistake whose reference agrees with the wrong output, searched for while there is time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ttci.diagnosis.agreement import Diagnosis, Evidence, agreement
from ttci.diagnosis.arithmetic import ARITHMETIC
from ttci.diagnosis.attention import ATTENTION, rotary_mistakes
from ttci.diagnosis.calls import Call, CallsMade, parameter_names
from ttci.diagnosis.inputs import wrong_inputs
from ttci.diagnosis.layers import LAYERS, input_shares
from ttci.diagnosis.mistakes import Maker, Mistake, Names, all_at_once, modules_left_out
from ttci.diagnosis.weights import weight_mistakes
from ttci.tensors import map_tensors, tensors_in

_RESIDUAL = "the residual"
_MOST_CALLS = 4  # of a reference, though they take longer than the time there is
_AS_WELL = 1.5  # times the error of the best: an explanation that fits as well
_MOST_NAMED = 3

Outputs = Sequence[Tensor]


@dataclass(frozen=True)
class Reference:
    """What computes the expected outputs, with its arguments.

    Attributes:
        function: a torch module, or a function that calls torch.
        args, kwargs: its arguments, in float32; they are copied for each call.
        output: which of the tensors that it gives is looked at.
        rounded: all of them as the device rounds, while something is entered; None where it computes in
            float32, or does not run so.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: int = 0
    rounded: Callable[[AbstractContextManager[Any]], Outputs | None] | None = None

    @property
    def module(self) -> nn.Module | None:
        """The torch module that is called."""
        called = itself(self.function)
        return called if isinstance(called, nn.Module) else None

    def outputs(self, within: AbstractContextManager[Any] | None = None, given: Any = None) -> list[Tensor]:
        """All that it gives, called `within` that, for the arguments `given` or its own."""
        args, kwargs = map_tensors((self.args, self.kwargs) if given is None else given, torch.clone)
        with torch.no_grad(), torch.random.fork_rng(devices=[]), within or nullcontext():
            outputs = self.function(*args, **kwargs)
        return tensors_in(outputs)

    def with_mistake(self, mistake: Mistake, calls: Sequence[Call]) -> Tensor:
        """The output with one mistake made in the `calls`, of which those before it are not made again."""
        known = [call.result for call in calls[: _first_wrong(mistake, calls)]]
        made = CallsMade(None, mistake.changes, mistake.weights, known, mistake.left_out)
        return self.outputs(made.following() if mistake.left_out else made)[self.output]

    def noise_of(self, mistake: Mistake, mistaken: Tensor) -> float:
        """What the device's rounding does to the output with a mistake made, relative; 0 if not known."""
        if self.rounded is None or mistake.left_out:  # it is a copy of the module that is rounded
            return 0.0
        outputs = self.rounded(CallsMade(None, mistake.changes, mistake.weights))
        return 0.0 if outputs is None else agreement(outputs[self.output], mistaken).error

    def with_inputs(self, tensors: Sequence[Tensor]) -> Tensor:
        """The output for other inputs."""
        left = list(tensors)
        given = map_tensors((self.args, self.kwargs), lambda _: left.pop(0))
        return self.outputs(given=given)[self.output]


def _first_wrong(mistake: Mistake, calls: Sequence[Call]) -> int:
    """The index of the first call that the mistake changes; 0 where a call writes to what others gave."""
    if mistake.left_out or any(call.writes for call in calls):
        return 0
    changed = [min(mistake.changes)] if mistake.changes else []
    using = (call.index for call in calls if any(id(a) in mistake.weights for a in _arguments(call)))
    return min([*changed, *itertools.islice(using, 1)], default=len(calls))


def _arguments(call: Call) -> list[Any]:
    return [*call.args, *call.kwargs.values()]


def itself(function: object) -> object:
    """What computes; of a module that stands for another, the other."""
    chosen = getattr(function, "chosen", function)
    return getattr(chosen, "original", chosen)


@dataclass(frozen=True)
class _Explanation:
    text: str
    error: float
    correlation_then: str


def mistake_made(
    evidence: Evidence, reference: Reference, input_names: Sequence[str], deadline: float
) -> Diagnosis | None:
    """The mistakes under which the reference agrees with the output; the best of those that were tried."""
    start = time.thread_time()
    candidates = list(_candidates(reference, input_names))
    latest = max(deadline, time.thread_time() + _MOST_CALLS * (time.thread_time() - start))
    found = []
    for text, compute, noise in candidates:
        if time.thread_time() > latest:
            break
        explanation = _explanation(evidence, text, compute, noise)
        if explanation is not None:
            found.append(explanation)
    return _told(found)


def _candidates(
    reference: Reference, input_names: Sequence[str]
) -> Iterator[tuple[str, Callable[[], Tensor], Callable[[Tensor], float]]]:
    module = reference.module
    modules = {m: name for name, m in module.named_modules() if name} if module is not None else {}
    made = CallsMade(modules)
    reference.outputs(made.following())
    names = Names(parameter_names(module))
    for mistake in _by_likelihood(module, made.calls, names):
        compute = partial(reference.with_mistake, mistake, made.calls)
        yield mistake.text, compute, partial(reference.noise_of, mistake)
    for wrong in wrong_inputs(input_names, tensors_in([reference.args, reference.kwargs])):
        yield wrong.text, partial(reference.with_inputs, wrong.tensors), lambda _: 0.0


def _by_likelihood(module: nn.Module | None, calls: Sequence[Call], names: Names) -> Iterator[Mistake]:
    """What has a name comes first: layers, masks, residuals, weights; then single sums and products."""
    layers = _of_calls({**LAYERS, **ATTENTION}, calls, names)
    arithmetic = _of_calls(ARITHMETIC, calls, names)
    yield from layers
    yield from (mistake for mistake in arithmetic if _RESIDUAL in mistake.text)
    yield from all_at_once([*layers, *arithmetic])
    yield from rotary_mistakes(calls)
    yield from modules_left_out(module)
    yield from weight_mistakes(module, calls, names)
    yield from (mistake for mistake in arithmetic if _RESIDUAL not in mistake.text)
    for call in calls:
        if call.name == "linear":
            yield from _made(input_shares, call, names)


def _of_calls(makers: Mapping[str, tuple[Maker, ...]], calls: Sequence[Call], names: Names) -> list[Mistake]:
    return [m for call in calls for maker in makers.get(call.name, ()) for m in _made(maker, call, names)]


def _made(maker: Maker, call: Call, names: Names) -> list[Mistake]:
    try:
        return list(maker(call, names))
    except Exception:  # noqa: BLE001  # a call of a form that the maker does not know is passed over
        return []


def _explanation(
    evidence: Evidence, text: str, compute: Callable[[], Tensor], noise: Callable[[Tensor], float]
) -> _Explanation | None:
    try:
        mistaken = compute()
        after = evidence.confirmed(evidence.output, mistaken)
        if after is None and evidence.is_near(mistaken):  # rounding may do more to it than to the right one
            wider = replace(evidence, bound=evidence.bound.for_noise(noise(mistaken)))
            after = wider.confirmed(evidence.output, mistaken)
    except Exception:  # noqa: BLE001  # a mistake that the reference cannot be made to do
        return None
    return None if after is None else _Explanation(text, after.error, evidence.then(after))


def _told(found: list[_Explanation]) -> Diagnosis | None:
    if not found:
        return None
    best = min(found, key=lambda one: one.error)
    as_well = [one for one in found if one.error <= _AS_WELL * best.error + 1e-6]
    texts = list(dict.fromkeys(one.text for one in as_well))[:_MOST_NAMED]
    brief = f"what the reference gives {', or '.join(texts)}"
    return Diagnosis(f"the output is {brief} {as_well[0].correlation_then}", brief, best.error)
