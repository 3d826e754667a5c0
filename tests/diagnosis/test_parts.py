"""Of a module with submodules that has one wrong one, that one is named."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.diagnosis.test_diagnosis import judged
from tests.diagnosis.wrong_modules import TOKENS, WIDTH, Layer, WrongModule, block
from ttci.diagnosis.agreement import Bound
from ttci.diagnosis.parts import first_wrong_part
from ttci.modules.normalization import RMSNorm
from ttci.tensors import tensors_in


def network() -> nn.Module:
    """Two levels: layers, each of parts."""
    return nn.Sequential(Layer(), Layer())


def decoder() -> nn.Module:
    return block(RMSNorm)


def weight_doubled(module: Any) -> None:
    module.weight.mul_(2)


def weight_zero_in_part(module: Any) -> None:
    module.weight[: WIDTH // 2] = 0


NETWORK = [f"{layer}.{part}" for layer in (0, 1) for part in ("norm", "gate", "up", "down")]
DECODER = [
    "attention_norm",
    "ffn_norm",
    *(f"attention.{part}_proj" for part in "qkvo"),
    *(f"ffn.{part}_proj" for part in ("gate", "up", "down")),
]


def cases() -> Iterator[Any]:
    places = [*((network, name) for name in NETWORK), *((decoder, name) for name in DECODER)]
    for make, name in places:
        yield pytest.param(make, name, weight_doubled, id=f"{name} doubled")
    for name in NETWORK[1:4]:
        yield pytest.param(network, name, weight_zero_in_part, id=f"{name} partly zero")


@pytest.mark.parametrize(("make", "name", "spoil"), list(cases()))
def test_the_wrong_submodule_is_named(
    make: Callable[[], nn.Module], name: str, spoil: Callable[[Any], None]
) -> None:
    def wrong(right: nn.Module) -> nn.Module:
        changed = copy.deepcopy(right)
        with torch.no_grad():
            spoil(changed.get_submodule(name))
        return changed

    message = judged(WrongModule(name, make, wrong, None)).message
    named = [line.split("`")[1] for line in message.splitlines() if "first submodule" in line]
    assert named == [name], message


def test_there_are_twenty_of_them() -> None:
    assert len(list(cases())) == 20


class OfAttributes:
    """An implementation that is no torch module: its parts are attributes, with an underscore."""

    def __init__(self, module: Any) -> None:
        self._gate, self._norm = module.gate, module.norm
        self._rest = module

    def __call__(self, x: Tensor) -> Tensor:
        given = self._norm(x)
        out: Tensor = x + self._rest.down(nn.functional.silu(2 * self._gate(given)) * self._rest.up(given))
        return out


def test_parts_of_what_is_no_module_are_followed_by_their_attributes() -> None:
    module = Layer().eval()
    implementation = OfAttributes(copy.deepcopy(module))
    with torch.no_grad():
        implementation._gate.weight.mul_(3)
    x, plain = torch.randn(1, TOKENS, WIDTH), implementation._gate

    def found() -> Any:
        return first_wrong_part(
            module,
            lambda: module(x),
            implementation,
            lambda: implementation(x),
            tensors_in,
            Bound(0.999, 0.02),
        )

    with torch.no_grad():
        wrong = found()
        assert wrong is not None
        assert wrong.call.name == "gate"
        assert implementation._gate is plain
        implementation._gate.weight.div_(3)
        assert found() is None


def test_a_part_whose_input_is_wrong_already_is_not_blamed() -> None:
    module = network().eval()
    other = copy.deepcopy(module)
    x = torch.randn(1, TOKENS, WIDTH)
    with torch.no_grad():
        wrong = first_wrong_part(
            module, lambda: module(x), other, lambda: other(x.flip(1)), tensors_in, Bound(0.999, 0.02)
        )
    assert wrong is None
