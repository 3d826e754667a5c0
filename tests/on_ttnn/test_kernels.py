"""Kernels of a manifest on mock boards: real ttnn operations against torch."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Board  # type: ignore[import-not-found]  # beside this file

from ttci.devices.ttnn.lowering import LoweringTarget
from ttci.manifest import KernelEntry
from ttci.modules.kernels import Kernel
from ttci.modules.ttnn.kernels import TtnnKernel

ROWS = [1, 64, 256]
HEADS = [1, 8, 64, 64]
GROUPS = [1, 2, 64, 64]
ATTENTION = {"op": "scaled_dot_product_attention"}
ROTARY = {"op": "rotary_embedding"}
WEIGHTS = {"dtypes": ["bfloat16", "bfloat8_b"]}
KERNELS: dict[str, dict[str, Any]] = {
    "linear": {"op": "linear", "shapes": [ROWS, [256, 512]]} | WEIGHTS,
    "linear_bias_gelu": {
        "op": "linear",
        "shapes": [ROWS, [256, 512], [512]],
        "dtypes": ["bfloat16", "bfloat8_b", "bfloat16"],
        "options": {"activation": "gelu"},
    },
    "linear_l1": {"op": "linear", "shapes": [ROWS, [256, 512]], "memory-config": "l1"} | WEIGHTS,
    "matmul": {"op": "matmul", "shapes": [HEADS, HEADS]},
    "rms_norm": {"op": "rms_norm", "shapes": [ROWS, [256]], "options": {"eps": 0.5}},
    "layer_norm": {"op": "layer_norm", "shapes": [ROWS, [256], [256]], "options": {"eps": 0.5}},
    "softmax": {"op": "softmax", "shapes": [HEADS]},
    "softmax_of_heads": {"op": "softmax", "shapes": [HEADS], "options": {"dim": 1}},
    "silu": {"op": "silu", "shapes": [ROWS], "memory-config": "l1"},
    "silu_float32": {"op": "silu", "shapes": [ROWS], "dtypes": "float32"},
    "gelu": {"op": "gelu", "shapes": [ROWS]},
    "gelu_tanh": {"op": "gelu", "shapes": [ROWS], "options": {"approximate": "tanh"}},
    "mul": {"op": "mul", "shapes": [ROWS, [256]]},
    "add": {"op": "add", "shapes": [ROWS, ROWS], "dtypes": "bfloat8_b"},
    "embedding": {"op": "embedding", "shapes": [[2, 32], [100, 256]]},
    "rotary": ROTARY | {"shapes": [HEADS], "options": {"theta": 100.0}},
    "rotary_of_two": ROTARY | {"shapes": [[2, 8, 64, 64]]},
    "attention": ATTENTION | {"shapes": [HEADS, GROUPS, GROUPS], "options": {"is_causal": True}},
    "attention_across": ATTENTION
    | {"shapes": [HEADS, [1, 2, 96, 64], [1, 2, 96, 64]], "options": {"is_causal": False, "scale": 0.2}},
}
# What ttnn itself refuses, and the sentence that is told of it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "too_large_for_l1": (
        {"op": "silu", "shapes": [[1, 1, 8192, 8192]], "memory-config": "l1"},
        "ttnn.to_device of (1, 1, 8192, 8192)",
    ),
    "head_dim": (
        ROTARY | {"shapes": [[1, 4, 64, 96]]},
        "ttnn.experimental.rotary_embedding_hf of (1, 4, 64, 96), (1, 1, 64, 96), (1, 1, 64, 96) is refused:",
    ),
    "rows": (
        {"op": "embedding", "shapes": [[2, 32], [100, 256]], "dtypes": ["uint32", "float32"]},
        "ttnn.embedding of (2, 32), (100, 256) is refused: Weights tensor must have BFLOAT16 dtype",
    ),
}
MODEL = """
from torch import nn
from ttci.testing import ModuleTest

TESTS = [ModuleTest("lin", (1, 32, 64), module=nn.Linear(64, 64), test_cases=["correctness"])]
"""
DEVICE = '[devices.{board}]\nbackend = "ttnn"\ntarget = "mock"\nboard = "{board}"\n'
SCALED = """
import json, sys
from pathlib import Path

from ttci.testing.choice import Request, choose
from ttci.testing.kernels import Kernel
from ttci.testing.runner import run_choice

choice = choose(Request(device="n150", manifest=Path("models_manifest.toml"), model="good"))
for test in choice.tests:
    test.test_cases = ["correctness"]
    if isinstance(test.module, Kernel):
        test.reference = lambda *inputs, module=test.module: 1.1 * module(*inputs)
results = [(result.test, result.outcome, result.message) for result in run_choice(choice)]
choice.device.close()
print(json.dumps(results))
"""


def as_toml(value: Any) -> str:
    """A table as an inline one; everything else as JSON writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def model(name: str, kernels: dict[str, dict[str, Any]]) -> str:
    listed = "".join(f"kernels.{key} = {as_toml(kernel)}\n" for key, kernel in kernels.items())
    return f'[models.{name}]\nsource = "model.py"\ndevices = ["n150", "n300", "p150", "short"]\n{listed}'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    devices = "".join(DEVICE.format(board=board) for board in ("n150", "n300", "p150"))
    short = DEVICE.format(board="n150").replace("devices.n150", "devices.short") + "max-tokens = 32\n"
    refused = {name: kernel for name, (kernel, _) in REFUSED.items()}
    target = "targets.n150.silu = { memory_mb = 1e-6 }\n"
    (folder / "models_manifest.toml").write_text(
        devices + short + model("good", KERNELS) + target + model("bad", refused)
    )
    (folder / "model.py").write_text(MODEL)
    return folder


def run(project: Path, *command: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for name in [name for name in environment if name.startswith(("TT_METAL_", "TTNN_"))]:
        del environment[name]  # of a board that is open in this process
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def results(project: Path, request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Of ``ttci run`` of a pair, by identity less the pair."""
    name, board = request.param
    run(project, "-m", "ttci", "run", name, "--device", board)
    written = json.loads((project / "reports" / f"{name}@{board}" / "run.json").read_bytes())["results"]
    return {result["id"].partition("/")[2]: result for result in written}


@pytest.mark.parametrize(
    "results",
    [("good", board) for board in ("n150", "n300", "p150")],
    indirect=True,
    ids=lambda pair: pair[1],
)
@pytest.mark.parametrize("name", KERNELS)
def test_operation_has_the_numbers_of_torch(results: dict[str, dict[str, Any]], name: str) -> None:
    correctness = results[f"{name}[correctness]"]
    assert correctness["outcome"] == "passed", correctness["message"]
    correlation = correctness["measurements"][0]["value"]
    assert 0.9999 < correlation <= 1
    assert (correlation < 1) or name == "silu_float32"  # bfloat16 and block floats round
    assert results[f"{name}[performance]"]["outcome"] == "unavailable"


@pytest.mark.parametrize("results", [("good", "n150")], indirect=True, ids=["n150"])
def test_memory_is_that_of_tiles_where_the_kernel_lies(results: dict[str, dict[str, Any]]) -> None:
    figures = {
        name: {m["name"]: m["value"] for m in results[f"{name}[memory]"]["measurements"]} for name in KERNELS
    }
    rows, weights = 64 * 256 * 2, (256 * 512 // 1024) * 1088  # bfloat16; bfloat8_b: 1088 bytes a tile
    in_all = rows + weights + 64 * 512 * 2
    assert figures["linear"]["memory_mb"] * 1e6 == in_all
    assert figures["linear"]["dram_mb"] * 1e6 == in_all
    assert figures["linear_l1"]["memory_mb"] * 1e6 == in_all
    assert figures["linear_l1"]["dram_mb"] == 0
    assert figures["linear_l1"]["l1_per_core_kb"] > 0


@pytest.mark.parametrize("results", [("good", "n150")], indirect=True, ids=["n150"])
def test_a_target_binds_a_kernel_on_its_device(results: dict[str, dict[str, Any]]) -> None:
    memory = results["silu[memory]"]
    assert memory["outcome"] == "failed"
    assert memory["measurements"][0]["verdict"] == "missed"


@pytest.mark.parametrize("results", [("good", "short")], indirect=True, ids=["short"])
@pytest.mark.parametrize("name", KERNELS)
def test_a_cut_operation_has_the_numbers_of_torch_too(results: dict[str, dict[str, Any]], name: str) -> None:
    correctness = results[f"{name}[correctness]"]
    assert correctness["outcome"] == "passed", correctness["message"]
    assert correctness["config"]["cut_from"] == KERNELS[name]["shapes"][0]


@pytest.mark.parametrize("results", [("bad", "n150")], indirect=True, ids=["n150"])
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("check", ["correctness", "memory"])
def test_a_refusal_names_operation_shapes_and_cause(
    results: dict[str, dict[str, Any]], name: str, check: str
) -> None:
    told = results[f"{name}[{check}]"]
    assert told["outcome"] == "failed"
    assert told["message"].startswith(REFUSED[name][1])
    assert "backtrace" not in told["message"]


def test_no_kernel_passes_against_a_reference_of_another_scale(project: Path) -> None:
    code, output = run(project, "-c", SCALED)
    assert code == 0
    judged = json.loads(output.splitlines()[-1])
    assert {name: outcome for name, outcome, _ in judged} == dict.fromkeys(KERNELS, "failed") | {
        "lin": "passed"
    }
    assert all("scaled by 0.9" in message for name, _, message in judged if name != "lin")


OPERATIONS = {
    "linear": "ttnn.linear",
    "matmul": "ttnn.matmul",
    "rms_norm": "ttnn.rms_norm",
    "layer_norm": "ttnn.layer_norm",
    "softmax": "ttnn.softmax",
    "silu": "ttnn.silu",
    "gelu": "ttnn.gelu",
    "mul": "ttnn.multiply",
    "add": "ttnn.add",
    "embedding": "ttnn.embedding",
    "rotary_embedding": "ttnn.experimental.rotary_embedding_hf",
    "scaled_dot_product_attention": "ttnn.transformer.scaled_dot_product_attention",
}


def lowered(n150: Board, name: str) -> tuple[TtnnKernel, tuple[Any, ...]]:
    """A kernel's ttnn implementation, and its inputs on the board."""
    module = Kernel(KernelEntry.model_validate(KERNELS[name]))
    implementation = TtnnKernel(module, LoweringTarget(n150.ttnn, n150.mesh, n150.ttnn.bfloat8_b))
    return implementation, implementation.to_device(module.make_inputs(module.entry.shapes[0]))


@pytest.mark.parametrize("name", sorted(KERNELS.keys() - {"rotary_of_two"}))
def test_a_kernel_is_one_operation_of_ttnn(n150: Board, name: str) -> None:
    implementation, inputs = lowered(n150, name)
    called: list[str] = []

    def note(operation: Any, *_: Any) -> None:
        called.append(operation.python_fully_qualified_name)

    with n150.ttnn.decorators.register_pre_operation_hook(note):
        implementation(*inputs)
    assert called == [OPERATIONS[KERNELS[name]["op"]]]


@pytest.mark.parametrize("name", KERNELS)
def test_inputs_and_output_lie_where_the_manifest_says_in_its_types(n150: Board, name: str) -> None:
    implementation, inputs = lowered(n150, name)
    output = implementation(*inputs)
    wanted = KERNELS[name].get("memory-config", "dram").upper()
    assert {tensor.memory_config().buffer_type.name for tensor in (*inputs, output)} == {wanted}
    declared = KERNELS[name].get("dtypes", "bfloat16")
    by_input = declared if isinstance(declared, list) else [declared] * len(KERNELS[name]["shapes"])
    if KERNELS[name]["op"] == "embedding":
        by_input[0] = "uint32"
        assert [tensor.layout for tensor in inputs] == [n150.ttnn.ROW_MAJOR_LAYOUT] * 2
    assert [tensor.dtype.name.lower() for tensor in inputs[: len(by_input)]] == by_input


def test_a_weight_is_placed_once_and_again_only_when_it_changes(n150: Board) -> None:
    module = Kernel(KernelEntry.model_validate(KERNELS["linear"]))
    implementation = TtnnKernel(module, LoweringTarget(n150.ttnn, n150.mesh, n150.ttnn.bfloat8_b))
    x, weight = module.make_inputs((1, 64, 256))
    first, again = (implementation.to_device((x.clone(), weight.clone())) for _ in range(2))
    assert first[0].tensor_id != again[0].tensor_id
    assert first[1].tensor_id == again[1].tensor_id
    (_, other) = implementation.to_device((x, 2 * weight))
    assert torch.allclose(n150.read(other), 2 * n150.read(first[1]))


def test_what_a_kernel_placed_goes_with_it(n150: Board) -> None:
    target = LoweringTarget(n150.ttnn, n150.mesh, n150.ttnn.bfloat8_b)
    module = Kernel(KernelEntry.model_validate(KERNELS["linear"]))
    implementation: Any = target.lower(module)
    implementation.to_device(module.make_inputs((1, 64, 256)))
    left = weakref.ref(implementation)
    gc.disable()  # nothing waits for a search for garbage
    try:
        del implementation, target
        assert left() is None
    finally:
        gc.enable()
