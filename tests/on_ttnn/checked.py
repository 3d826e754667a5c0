"""Declared tests judged on a mock board; one process a board: ttnn opens one board a process.

``python checked.py WHAT BOARD`` prints, as JSON, what was found.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ttci.catalog.checks import Capability
from ttci.manifest import Pair, TtnnDeviceEntry
from ttci.modules import attention, block, ffn, normalization
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice, open_with_modules
from ttci.testing.runner import run_choice

WIDTH = 64


class Compiles(nn.Module):
    """Another shape at every call, as of a cache that grows."""

    hidden_dim = WIDTH
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn = importlib.import_module("ttnn")

        def forward(x: Any) -> Any:
            self.calls += 1
            grown = ttnn.from_torch(
                torch.zeros(1, 32 * self.calls, WIDTH),
                dtype=ttnn.bfloat16,
                layout=ttnn.TILE_LAYOUT,
                device=device,
            )
            ttnn.matmul(grown, ttnn.transpose(grown, 1, 2))
            return ttnn.add(x, x)

        return forward


class Already:
    """Its forward takes and gives ttnn tensors; it loads its weight when it is first called."""

    weight: Any = None

    def __call__(self, x: Any) -> Any:
        ttnn = importlib.import_module("ttnn")
        if self.weight is None:
            self.weight = ttnn.from_torch(
                3 * torch.eye(WIDTH),
                dtype=ttnn.bfloat16,
                layout=ttnn.TILE_LAYOUT,
                device=ttnn.GetDefaultDevice(),
            )
        return ttnn.matmul(x, self.weight)


class FreesEarly:
    """Gives its input back, which is of no use afterwards."""

    def __call__(self, x: Any) -> Any:
        ttnn = importlib.import_module("ttnn")
        doubled = ttnn.add(x, x)
        ttnn.deallocate(x)
        return ttnn.silu(doubled)


class Keeps(nn.Module):
    """Its to_ttnn gives the same implementation again, with the weight that it has."""

    hidden_dim = WIDTH
    implementation: Already | None = None

    def forward(self, x: Tensor) -> Tensor:
        return 3 * x

    def to_ttnn(self, _: Any) -> Already:
        self.implementation = self.implementation or Already()
        return self.implementation


class Frees(nn.Module):
    """Its implementation frees its input, as upstream's do."""

    hidden_dim = WIDTH

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x

    def to_ttnn(self, _: Any) -> Callable[[Any], Any]:
        ttnn = importlib.import_module("ttnn")

        def forward(x: Any) -> Any:
            doubled = ttnn.add(x, x)
            ttnn.deallocate(x)
            return doubled

        return forward


class OwnCache(nn.Module):
    """It keeps a cache on the board, writes the given tokens into it, and gives all that it holds."""

    hidden_dim = WIDTH

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, torch.ones_like(x)], dim=1)

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn = importlib.import_module("ttnn")
        cache = ttnn.ones([1, 1, 64, WIDTH], dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)

        def forward(x: Any) -> Any:
            ttnn.fill_cache(cache, ttnn.reshape(x, (1, 1, 32, WIDTH)), 0)
            return ttnn.reshape(cache, (1, 64, WIDTH))

        return forward


class Named(NamedTuple):
    double: Any
    others: dict[str, list[Any]]


@dataclasses.dataclass(frozen=True)
class Fields:
    double: Any
    nothing: Any = None


class Outputs(OrderedDict[str, Any]):
    """A mapping whose items are attributes too, as Hugging Face's ModelOutput."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)


NESTED: dict[str, Callable[[Any, Any], Any]] = {  # of x and 2 x
    "named_tuple": lambda x, double: Named(double, {"x": [x, (double,)]}),
    "dataclass": lambda x, double: Fields((x, double)),
    "mapping": lambda x, double: MappingProxyType({"x": x, "double": double}),
    "model_output": lambda x, double: Outputs(last=double, hidden=(x, double)),
    "list": lambda x, double: [[x], double],
}


class Nested(nn.Module):
    """Its outputs are nested, on torch and on ttnn alike; `wrong` makes the last of them three times x."""

    hidden_dim = WIDTH

    def __init__(self, nest: Callable[[Any, Any], Any], *, wrong: bool = False) -> None:
        super().__init__()
        self.nest = nest
        self.wrong = wrong

    def forward(self, x: Tensor) -> Any:
        return self.nest(x, 2 * x)

    def to_ttnn(self, _: Any) -> Callable[[Any], Any]:
        ttnn = importlib.import_module("ttnn")
        return lambda x: self.nest(x, ttnn.multiply(x, 3.0) if self.wrong else ttnn.add(x, x))


def nested() -> list[ModuleTest]:
    right = [
        ModuleTest(name, module=Nested(nest), input_shape=(1, 32, WIDTH)) for name, nest in NESTED.items()
    ]
    wrong = Nested(NESTED["named_tuple"], wrong=True)
    return [*right, ModuleTest("wrong", module=wrong, input_shape=(1, 32, WIDTH))]


def heads() -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(256, 8, 4, rope_theta=10000.0)


def layer() -> block.DecoderBlock:
    norms = normalization.RMSNorm(256), normalization.RMSNorm(256)
    return block.DecoderBlock(heads(), ffn.SwiGLU(256, 512), *norms)


def decoding(name: str, module: nn.Module, batch: int, length: int) -> ModuleTest:
    return ModuleTest(name, module=module, input_shape=(batch, 1, 256), decode_cache_length=length)


def ttnn_already() -> list[ModuleTest]:
    keeps, shape = Keeps(), (1, 64, WIDTH)
    return [
        ModuleTest("already", module=Already(), input_shape=shape, reference=lambda x: 3 * x),
        ModuleTest("wrong", module=Already(), input_shape=shape, reference=lambda x: 2 * x),
        ModuleTest(
            "frees_early", module=FreesEarly(), input_shape=shape, reference=silu, test_cases=["memory"]
        ),
        ModuleTest("keeps", module=keeps, input_shape=shape),
        ModuleTest("keeps_still", module=keeps, input_shape=shape),
    ]


def as_upstream() -> list[ModuleTest]:
    """In the order in which values are hardest to know: sizes are asked for first."""
    lazy, shape = Already(), (1, 64, WIDTH)
    cases = ["memory", "performance", "correctness"]
    return [
        ModuleTest("frees", module=Frees(), input_shape=shape, test_cases=cases),
        ModuleTest(
            "lazy_memory", module=lazy, reference=lambda x: 3 * x, input_shape=shape, test_cases=["memory"]
        ),
        ModuleTest("lazy", module=lazy, reference=lambda x: 3 * x, input_shape=shape, test_cases=cases),
        ModuleTest("own_cache", module=OwnCache(), input_shape=(1, 32, WIDTH), test_cases=cases),
    ]


def only_memory(name: str, module: nn.Module, tokens: int) -> ModuleTest:
    return ModuleTest(
        name, module=module, input_shape=(1, tokens, 4096), test_cases=["memory"], inputs=torch.zeros
    )


def large() -> list[ModuleTest]:
    swiglu = ffn.SwiGLU(4096, 14336)
    return [only_memory("fits", swiglu, 32), only_memory("too_large", swiglu, 140_000)]


def with_other_norms() -> Any:
    """Heads that have to be filled up, with norms that cannot be."""
    module: Any = attention.MultiHeadAttention(96, 2, qk_norm=True)
    module.q_norm, module.k_norm = nn.LayerNorm(48), nn.LayerNorm(48)
    return module


def not_on_the_board() -> list[ModuleTest]:
    return [
        ModuleTest("trains", module=nn.Dropout(0.5), input_shape=(1, 64, WIDTH)),
        ModuleTest("in_a_sequence", module=nn.Sequential(nn.Dropout(0.5)), input_shape=(1, 64, WIDTH)),
        ModuleTest("without_effect", module=nn.Dropout(0.0), input_shape=(1, 64, WIDTH)),
        ModuleTest("norms", module=with_other_norms(), input_shape=(1, 64, 96)),
    ]


TESTS: dict[str, Callable[[], list[ModuleTest]]] = {
    "decode": lambda: [decoding("heads", heads(), 1, 256), decoding("layer", layer(), 32, 64)],
    "timing": lambda: [
        decoding("heads", heads(), 1, 64),
        ModuleTest("compiles", module=Compiles(), input_shape=(1, 64, WIDTH), test_cases=["performance"]),
    ],
    "ttnn": ttnn_already,
    "upstream": as_upstream,
    "memory": large,
    "absent": not_on_the_board,
    "narrow_heads": lambda: [
        ModuleTest("heads", module=attention.MultiHeadAttention(96, 2), input_shape=(1, 64, 96))
    ],
    "nested": nested,
    "released": lambda: [ModuleTest(f"{i}", module=ffn.SwiGLU(256, 512)) for i in range(3)],
}


def let_mocks_be_timed() -> None:
    """As silicon is: the same code, though its figures mean nothing here."""
    from ttci.devices.ttnn import device as rows

    row = rows._TARGETS["mock"]
    timed = row.capabilities | {Capability.TIMING}
    rows._TARGETS["mock"] = dataclasses.replace(row, capabilities=timed)


def capacity(device: Any) -> list[list[int]]:
    """DRAM of a chip and L1 of a core in bytes: as ttnn's allocator says, and as the memory check does."""
    ttnn, chips = device._ttnn, device.board.chips
    kinds = (ttnn.BufferType.DRAM, ttnn.BufferType.L1)
    dram, l1 = (ttnn.get_memory_view(device._mesh, kind) for kind in kinds)
    ttnns = [dram.num_banks * dram.total_bytes_per_bank, l1.total_bytes_per_bank]
    return [ttnns, [chips.dram_bytes, chips.l1_bytes_per_core - device._l1_small_bytes]]


def warm_up_calls(device: Any, *limits: float) -> list[int]:
    """How often a call that compiles anew each time is made before it is timed, by seconds for measuring."""
    implementation = Compiles().to_ttnn(device._mesh)
    x = device.to_device(torch.zeros(1, 64, WIDTH))
    calls: list[Any] = []
    made = []
    for device.measure_seconds in limits:
        calls.clear()
        with device.timed(lambda: calls.append(implementation(x))):
            made.append(len(calls))
    return made


def lowest(device: Any) -> list[bool]:
    """Of the lowest float32 and of minus infinity, on the board: whether they are finite."""
    mask = torch.tensor([torch.finfo(torch.float32).min, -torch.inf]).expand(32, 2)
    found: list[bool] = device.to_host(device.to_device(mask))[0].isfinite().tolist()
    return found


def main(what: str, board: str) -> None:
    if what == "timing":
        let_mocks_be_timed()
    entry = {"backend": "ttnn", "target": "mock", "board": board, "measure-seconds": 1}
    device: Any = open_with_modules("mock", TtnnDeviceEntry.model_validate(entry))
    try:
        found: Any = capacity(device)
        if what in TESTS:
            results = run_choice(Choice(Pair("model", "mock"), device, TESTS[what]()))
            found = [result.model_dump(mode="json") for result in results]
        if what == "warm-up":
            found = warm_up_calls(device, 1e-9, 1e9)
        if what == "lowest":
            found = lowest(device)
        if what == "released":
            found = len(device._follower.numbers._entries)
    finally:
        device.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
