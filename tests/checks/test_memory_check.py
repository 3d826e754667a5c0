"""The memory check: the peak of live tensor bytes, counted by hand beside it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.memory import PeakMemory, Usage, check_memory
from ttci.devices.torch_device import TorchDevice
from ttci.manifest import TorchDeviceEntry

FLOAT = 4


def peak_bytes(module: nn.Module | Callable[..., Any], *inputs: Any) -> int:
    device = TorchDevice("cpu", TorchDeviceEntry(backend="torch"))
    with torch.no_grad():
        return device.peak_memory(module, inputs, lambda: module(*inputs)).total_bytes


def test_a_linear_layer_takes_its_weights_its_input_and_its_output() -> None:
    weights, bias, inputs, outputs = 64 * 128, 128, 8 * 64, 8 * 128
    assert peak_bytes(nn.Linear(64, 128), torch.randn(8, 64)) == FLOAT * (weights + bias + inputs + outputs)


def test_the_peak_of_a_chain_counts_an_intermediate_only_while_it_is_alive() -> None:
    chain = nn.Sequential(
        nn.Linear(16, 64, bias=False), nn.Linear(64, 32, bias=False), nn.Linear(32, 8, bias=False)
    )
    weights = 16 * 64 + 64 * 32 + 32 * 8
    # The first intermediate is alive while the second is made, and gone for the third.
    assert peak_bytes(chain, torch.randn(4, 16)) == FLOAT * (weights + 4 * 16 + 4 * 64 + 4 * 32)


def test_a_temporary_that_is_freed_before_the_end_is_in_the_peak() -> None:
    def frees_it(x: Tensor) -> Tensor:
        wide = x.repeat(100)
        total = wide.sum()
        del wide
        return total + 1

    # x, the temporary and its sum.
    assert peak_bytes(frees_it, torch.randn(10)) == FLOAT * (10 + 1000 + 1)


def test_two_temporaries_that_do_not_overlap_count_once() -> None:
    def one_after_the_other(x: Tensor) -> Tensor:
        first = x.repeat(100).sum()
        second = x.repeat(100).sum()
        return first + second

    assert peak_bytes(one_after_the_other, torch.randn(10)) == FLOAT * (10 + 1000 + 2)


def test_views_and_shared_storage_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Parameter(torch.randn(32, 32))
            self.second = self.first
            self.register_buffer("row", self.first.detach()[0])

        def forward(self, x: Tensor, same: Tensor) -> Tensor:
            return x.view(-1)[:4].reshape(2, 2) + same[0, 0]

    x = torch.randn(8, 8)
    assert peak_bytes(Tied(), x, x.t()) == FLOAT * (32 * 32 + 64 + 4)


def test_a_change_in_place_takes_no_memory() -> None:
    assert peak_bytes(lambda x: x.mul_(2).add_(1), torch.randn(100)) == FLOAT * 100


def test_buffers_and_inputs_in_dicts_and_integers_count() -> None:
    class Lookup(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.zeros(50, dtype=torch.float64))

        def forward(self, inputs: dict[str, Tensor]) -> Tensor:
            table: Tensor = self.table  # type: ignore[assignment]
            return table[inputs["ids"]]

    assert peak_bytes(Lookup(), {"ids": torch.arange(10)}) == 8 * 50 + 8 * 10 + 8 * 10


def test_the_peak_is_the_same_on_every_run_and_leaves_no_count_behind() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True).eval()
    x = torch.randn(2, 8, 32)
    assert len({peak_bytes(layer, x) for _ in range(5)}) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_bytes_follow_the_type(dtype: torch.dtype) -> None:
    x = torch.zeros(100, dtype=dtype)
    assert peak_bytes(nn.Identity(), x) == 100 * dtype.itemsize


def test_the_peak_is_told_in_megabytes_of_a_million_bytes() -> None:
    (measurement,) = check_memory(PeakMemory(1_500_000)).measurements
    assert (measurement.name, measurement.value, measurement.unit) == ("memory_mb", 1.5, "MB")
    assert (measurement.statistic, measurement.direction) == ("peak", "lower")


def test_a_boards_memories_stand_beside_what_there_is_of_them() -> None:
    peak = PeakMemory(3_000_000, dram=Usage(2_000_000, 8_000_000), l1_per_core=Usage(1_500, 4_000))
    found = {m.name: (m.value, m.capacity, m.unit) for m in check_memory(peak).measurements}
    assert found == {
        "memory_mb": (3.0, None, "MB"),
        "dram_mb": (2.0, 8.0, "MB"),
        "l1_per_core_kb": (1.5, 4.0, "kB"),
    }
