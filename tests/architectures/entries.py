"""What an entry of the corpus is, and how one is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ttci.devices import open_device
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.results import Result
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice
from ttci.testing.runner import run_choice

BOTH = ("float32", "bfloat16")
FLOAT32 = ("float32",)

Config = dict[str, Any]  # arguments of TestConfig


@dataclass(frozen=True)
class Right:
    """A right module.

    make: gives it; torch's generator is seeded then.
    config: how to test it, from a seed.
    dtypes: what plain torch can run it in.
    reference: another way to compute the same, from the module; its own output where None.
    """

    name: str
    make: Callable[[], nn.Module]
    config: Callable[[int], Config]
    dtypes: Sequence[str] = BOTH
    reference: Callable[[Any], nn.Module] | None = None

    def made(self, seed: int) -> tuple[nn.Module, Config]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.make().eval()
        reference = {} if self.reference is None else {"reference": self.reference(module).eval()}
        return module, {**self.config(seed), **reference}


@dataclass(frozen=True)
class Wrong:
    """A wrong module. `make` gives it, its right counterpart and how to test it, from a seed.

    check: that must fail.
    dtypes: in which the fault is larger than what rounding explains.
    """

    name: str
    make: Callable[[int], tuple[nn.Module, nn.Module, Config]]
    check: str = "correctness"
    dtypes: Sequence[str] = BOTH

    def made(self, seed: int) -> tuple[nn.Module, nn.Module, Config]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            wrong, right, config = self.make(seed)
        return wrong.eval(), right.eval(), config

    def judged(self, seed: int) -> tuple[nn.Module, Config]:
        """What is to be judged: the right one is the reference of its output, not of its gradients."""
        wrong, right, config = self.made(seed)
        return wrong, config if self.check == "gradients" else {**config, "reference": right}

    @property
    def dtypes_of_check(self) -> Sequence[str]:
        """Gradients are judged in one type, whatever the device's."""
        return FLOAT32 if self.check == "gradients" else self.dtypes


def judge(module: nn.Module, config: Config, dtype: str, *checks: str) -> dict[str, Result]:
    """The result of each check, on a torch device that computes in `dtype`."""
    test = ModuleTest("module", module=module, test_cases=checks, **config)
    device = open_device("cpu", TorchDeviceEntry(backend="torch", dtype=dtype))  # type: ignore[arg-type]
    results: list[Result] = []
    run_choice(Choice(Pair("corpus", "cpu"), device, [test]), results.append)
    return {result.check: result for result in results}


def normal(*shape: int) -> Callable[[int], Config]:
    """A test with one normally distributed input."""
    return with_inputs(shape, lambda cut, draw: torch.randn(cut, generator=draw))


def ids(vocabulary: int, *shape: int) -> Callable[[int], Config]:
    """A test with one input of ids."""
    return with_inputs(shape, lambda cut, draw: torch.randint(vocabulary, cut, generator=draw))


def fixed(*shape: int) -> Callable[[int], Config]:
    """A test that gives its shape and leaves the input to ttci; no shape is left to it too."""
    return lambda _: {"input_shape": shape} if shape else {}


def with_inputs(
    shape: tuple[int, ...], make: Callable[[tuple[int, ...], torch.Generator], Any]
) -> Callable[[int], Config]:
    """A test whose inputs are drawn by `make`, from a seed other than the weights'."""

    def config(seed: int) -> Config:
        return {
            "input_shape": shape,
            "inputs": lambda cut: make(cut, torch.Generator().manual_seed(1000 + seed)),
        }

    return config
