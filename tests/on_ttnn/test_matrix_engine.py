"""Products on a mock board at a math fidelity, against what ttsim's kernels gave, and ttnn's own defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

import pytest
import torch
from conftest import Board  # type: ignore[import-not-found]  # beside this file

from ttci.catalog.boards import PASSES
from ttci.checks.comparison import compare
from ttci.devices.ttnn.engine import engine_settings
from ttci.devices.ttnn.graph import operations_in
from ttci.devices.ttnn.memory import captured

# Least-squares scales against float that real kernels gave on ttsim: [32, 64] by [64, 256], sums in float32.
ON_TTSIM = {
    ("bfloat16", "HiFi2"): 0.99706,
    ("bfloat16", "HiFi3"): 1.00001,
    ("bfloat16", "HiFi4"): 1.00005,
    ("bfloat8_b", "HiFi2"): 0.99696,
    ("bfloat8_b", "HiFi3"): 0.99997,
    ("bfloat8_b", "HiFi4"): 1.00000,
}
SEEDS = 20


@pytest.fixture
def engine(n150: Board) -> Iterator[Board]:
    """The board, its goldens computed as the matrix engine does."""
    n150.follower.models_engine = True
    yield n150
    n150.follower.models_engine = False


def config(board: Board, fidelity: str, *, float32_sums: bool = True) -> Any:
    ttnn = board.ttnn
    return ttnn.init_device_compute_kernel_config(
        board.mesh.arch(),
        math_fidelity=getattr(ttnn.MathFidelity, fidelity),
        fp32_dest_acc_en=float32_sums,
        packer_l1_acc=float32_sums,
    )


def scale(output: torch.Tensor, reference: torch.Tensor) -> float:
    return float((output * reference).sum() / (reference * reference).sum())


@pytest.mark.parametrize(("dtype", "fidelity"), ON_TTSIM)
def test_scales_are_those_of_the_real_kernels(engine: Board, dtype: str, fidelity: str) -> None:
    def of_seed(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        x, weight = torch.randn(32, 64, generator=generator), torch.randn(64, 256, generator=generator)
        y = engine.ttnn.matmul(
            engine.put(x),
            engine.put(weight, getattr(engine.ttnn, dtype)),
            compute_kernel_config=config(engine, fidelity),
        )
        return scale(engine.read(y), x @ weight)

    assert mean(map(of_seed, range(SEEDS))) == pytest.approx(ON_TTSIM[dtype, fidelity], abs=2e-4)


def test_a_feed_forward_network_at_hifi2_is_scaled_as_on_ttsim(
    engine: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.99095 at the size of Llama 3 8B, whose scale does not depend on the size."""
    import ttci.modules.ttnn.implementations  # noqa: F401  # they register themselves
    from ttci.devices.ttnn.lowering import LoweringTarget
    from ttci.modules.ffn import SwiGLU
    from ttci.modules.ttnn import linear

    monkeypatch.setattr(linear, "product_fidelity", lambda _: "HiFi2")
    torch.manual_seed(0)
    module, x = SwiGLU(1024, 3584), torch.randn(1, 64, 1024)
    implementation = LoweringTarget(engine.ttnn, engine.mesh, engine.ttnn.bfloat8_b).lower(module)
    with torch.no_grad():
        compared = compare(engine.read(implementation(engine.put(x))), module(x), 1e-3)
    assert compared.slope == pytest.approx(0.99095, abs=1e-3)
    assert compared.correlation == pytest.approx(0.99994, abs=5e-5)


@pytest.mark.parametrize(("fidelity", "passes"), [("LoFi", False), ("HiFi4", True)])
def test_a_down_projection_at_lofi_is_told_from_one_at_hifi4(
    engine: Board, fidelity: str, passes: bool
) -> None:
    x, weight = torch.randn(1, 32, 1792), torch.randn(1792, 512) * 1792**-0.5
    y = engine.ttnn.linear(
        engine.put(x),
        engine.put(weight, engine.ttnn.bfloat8_b),
        compute_kernel_config=config(engine, fidelity),
    )
    assert (abs(scale(engine.read(y), x @ weight) - 1) < 0.005) is passes


def test_long_sums_in_bfloat16_are_seen(engine: Board) -> None:
    """Tt-metal, issue 8449: 8192 for 6144 on a Wormhole."""
    ones = engine.put(torch.ones(32, 6144)), engine.put(torch.ones(6144, 32))
    for float32_sums, expected in ((False, 8192), (True, 6144)):
        sums = config(engine, "HiFi4", float32_sums=float32_sums)
        y = engine.ttnn.matmul(*ones, compute_kernel_config=sums)
        assert engine.read(y)[0, 0] == expected


def test_without_the_engine_the_golden_is_in_float32(n150: Board) -> None:
    x, weight = torch.randn(32, 64).bfloat16().float(), torch.randn(64, 64).bfloat16().float()
    y = n150.ttnn.matmul(n150.put(x), n150.put(weight), compute_kernel_config=config(n150, "LoFi"))
    assert torch.equal(n150.read(y), (x @ weight).bfloat16().float())


def _calls(board: Board) -> dict[str, Callable[[], tuple[Any, str, list[Any], dict[str, Any]]]]:
    ttnn = board.ttnn

    def of(name: str, *shapes: tuple[int, ...], dtypes: str = "bfloat16", **kwargs: Any) -> Any:
        def call() -> Any:
            function = ttnn
            for part in name.split("."):
                function = getattr(function, part)
            names = dtypes.split() * (len(shapes) if " " not in dtypes else 1)
            tensors = [
                board.put(torch.randn(shape), getattr(ttnn, dtype))
                for shape, dtype in zip(shapes, names, strict=True)
            ]
            return function, f"ttnn.{name}", tensors, kwargs

        return call

    pair = ((1, 1, 64, 128), (128, 128))
    heads = ((1, 8, 64, 64), (1, 2, 64, 64), (1, 2, 64, 64))
    return {
        "matmul": of("matmul", *pair),
        "block-float weights": of("linear", *pair, dtypes="bfloat16 bfloat8_b"),
        "block floats": of("matmul", *pair, dtypes="bfloat8_b bfloat8_b"),
        "float32": of("matmul", *pair, dtypes="float32 float32"),
        "core grid": of("linear", *pair, core_grid=ttnn.CoreGrid(y=8, x=8)),
        "addmm": of("addmm", (64, 128), (64, 128), (128, 128)),
        "minimal_matmul": of("experimental.minimal_matmul", *pair),
        "attention": of("transformer.scaled_dot_product_attention", *heads),
        "rms_norm": of("rms_norm", (1, 1, 64, 128)),
        "layer_norm": of("layer_norm", (1, 1, 64, 128)),
    }


CALLS = (
    *("matmul", "block-float weights", "block floats", "float32", "core grid", "addmm"),
    *("minimal_matmul", "attention", "rms_norm", "layer_norm"),
)


@pytest.mark.parametrize("call", CALLS)
def test_defaults_are_those_that_ttnn_runs(n150: Board, call: str) -> None:
    function, name, tensors, kwargs = _calls(n150)[call]()
    known = engine_settings(n150.ttnn, name, tensors, kwargs)
    with captured(n150.ttnn) as graph:
        function(*tensors, **kwargs)
    ran = next(operation for operation in operations_in(graph) if "math_fidelity" in operation.settings)
    assert known is not None
    sums = re.search(r"fp32_dest_acc_en=(\d)", ran.settings)
    assert sums is not None
    assert (known.passes, known.float32_sums) == (PASSES[ran.fidelity], sums[1] == "1")
