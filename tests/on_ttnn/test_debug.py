"""`ttci debug` and `ttci run --debug` on a mock board: which operation is wrong, and on which line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.debug_runs import errors, line_in
from ttci.artifacts.operations_file import DebugRun, debug_files, read_debug_run

if TYPE_CHECKING:
    from tests.conftest import Done, Project

MODEL = """
import torch
from torch import nn
from torch.nn.functional import silu
from ttci.modules import attention, ffn
from ttci.testing import ModuleTest

SHAPE = (1, 32, 64)


class FeedForward(nn.Module):
    hidden_dim = 64

    def __init__(self, fidelity="HiFi4", activation="silu", width=64, weights="bfloat16"):
        super().__init__()
        torch.manual_seed(0)
        self.fidelity, self.activation, self.width, self.weights = fidelity, activation, width, weights
        self.gate, self.up = nn.Linear(64, 128, bias=False), nn.Linear(64, 128, bias=False)
        self.down = nn.Linear(128, 64, bias=False)

    def forward(self, x):
        return self.down(silu(self.gate(x)) * self.up(x))  # the reference

    def to_ttnn(self, device):
        import ttnn

        def put(weight, dtype=ttnn.bfloat16):
            return ttnn.from_torch(weight.T, dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device)

        def config(fidelity):
            fidelity = getattr(ttnn.MathFidelity, fidelity)
            return ttnn.init_device_compute_kernel_config(
                device.arch(), math_fidelity=fidelity, fp32_dest_acc_en=True
            )

        gate, up = put(self.gate.weight), put(self.up.weight, getattr(ttnn, self.weights))
        down = put(self.down.weight)

        def forward(x):
            gated = ttnn.linear(x, gate, compute_kernel_config=config("HiFi4"))
            raised = ttnn.linear(x, up, compute_kernel_config=config(self.fidelity))  # the coarse one
            active = getattr(ttnn, self.activation)(gated)  # the other activation
            product = ttnn.mul(active, raised)
            ttnn.deallocate(gated)
            product = ttnn.reshape(product, (1, 1, 32, 2 * self.width))  # the reshape
            product = ttnn.reshape(product, (1, 32, 128))
            return ttnn.linear(product, down, compute_kernel_config=config("HiFi4"))

        return forward


class Adds(nn.Module):
    hidden_dim = 64

    def forward(self, x):
        return 2 * x + 1

    def to_ttnn(self, device):
        import ttnn

        def forward(x):
            doubled = ttnn.add(x, x)
            ttnn.add_(doubled, 1.0)  # in place
            return doubled

        return forward


class Model:
    def get_module_tests(self):
        only = {"input_shape": SHAPE, "test_cases": ["correctness"]}
        modules = {
            "right": FeedForward(),
            "lofi": FeedForward(fidelity="LoFi"),
            "relu": FeedForward(activation="relu"),
            "weights": FeedForward(weights="bfloat4_b"),
            "refused": FeedForward(width=65),
            "in place": Adds(),
            "own": ffn.SwiGLU(64, 128),
            "heads": attention.MultiHeadAttention(64, 2, rope_theta=10000.0),
        }
        memory = ModuleTest("memory", module=Adds(), input_shape=SHAPE, test_cases=["memory"])
        return [memory, *(ModuleTest(name, module=module, **only) for name, module in modules.items())]
"""
MANIFEST = """
[devices.n150-mock]
backend = "ttnn"
target = "mock"
board = "n150"

[devices.n300-mock]
backend = "ttnn"
target = "mock"
board = "n300"

[models.m]
source = "model.py::Model"
devices = ["n150-mock", "n300-mock"]
"""
FOLDER = Path("reports/m@n150-mock/debug")


@pytest.fixture(scope="module")
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(MODEL, MANIFEST)


@pytest.fixture(scope="module")
def ran(project: Project) -> Done:
    """Every check, with the operations of those that failed."""
    return project.ttci("run", "m", "--device", "n150-mock", "--debug")


@pytest.fixture(scope="module")
def debugged(project: Project, ran: Done) -> dict[str, DebugRun]:  # noqa: ARG001  # whose folder it shares
    """Every test, whether it failed or not."""
    done = project.pytest(
        *("--manifest", "models_manifest.toml", "--test-model", "m", "--test-device", "n150-mock"),
        *("--test-debug", "all", "--ttci-debug-passed"),
    )
    files = sorted((project.path / "all").glob("*.json"))
    assert files, done.output
    found = map(read_debug_run, files)
    return {run.id.partition("/")[2].partition("[")[0]: run for run in found}


def line_of(text: str) -> str:
    return line_in(MODEL, text)


def test_the_operation_that_loses_precision_is_named_with_the_users_line(
    debugged: dict[str, DebugRun],
) -> None:
    run = debugged["lofi"]
    (marked,) = run.marked
    operation = run.operations[marked - 1]
    assert (operation.name, operation.place) == ("ttnn.linear", line_of("# the coarse one"))
    assert operation.settings == "LoFi, float32 sums"
    others = [errors(each)[0] for each in run.operations if each is not operation]
    assert errors(operation)[0] > 5 * max(others)
    assert run.findings[0].startswith(f"operation 2, ttnn.linear at {operation.place}, has the largest error")
    assert [errors(each)[1] > 0.01 for each in run.operations] == [False, True, False, True, True, True, True]


def test_another_activation_is_named_and_no_precision_is_blamed(debugged: dict[str, DebugRun]) -> None:
    run = debugged["relu"]
    (marked,) = run.marked
    operation = run.operations[marked - 1]
    assert (operation.name, operation.place) == ("ttnn.relu", line_of("# the other activation"))
    assert "precision is not what is wrong" in run.findings[0]
    assert max(own for own, _ in map(errors, run.operations)) < 0.003
    known = [operation.as_reference for operation in run.operations]
    assert known == [f"mm at {line_of('# the reference')}"] * 2 + [None] * 5


def test_a_right_module_loses_what_its_types_explain_and_nothing_stands_out(
    debugged: dict[str, DebugRun],
) -> None:
    run = debugged["right"]
    assert [str(run.outcome), *run.marked] == ["passed"]
    assert all(own < 0.003 and so_far < 0.01 for own, so_far in map(errors, run.operations))
    assert all(operation.as_reference and not operation.note for operation in run.operations)
    assert run.in_float32 is not None
    assert run.in_float32.relative is not None
    assert run.in_float32.relative < 1e-6
    assert run.findings[0].startswith("no operation stands out")


def test_coarse_weights_are_an_error_so_far_and_none_of_the_operation(debugged: dict[str, DebugRun]) -> None:
    own, so_far = errors(debugged["weights"].operations[1])
    assert own < 0.003
    assert so_far > 0.05


def test_a_tensor_is_told_with_shape_type_layout_and_memory(debugged: dict[str, DebugRun]) -> None:
    (x, weight), (output,) = (
        debugged["weights"].operations[1].inputs,
        debugged["weights"].operations[1].outputs,
    )
    assert x.model_dump() == {
        "shape": (1, 32, 64),
        "dtype": "bfloat16",
        "layout": "tile",
        "memory": "DRAM interleaved",
    }
    assert (weight.shape, weight.dtype) == ((64, 128), "bfloat4_b")
    assert output.shape == (1, 32, 128)


def test_the_table_of_a_call_that_raises_ends_with_what_was_refused(debugged: dict[str, DebugRun]) -> None:
    run = debugged["refused"]
    last = run.operations[-1]
    assert (last.name, last.place) == ("ttnn.reshape", line_of("# the reshape"))
    assert last.note
    assert last.outputs == ()
    assert run.error is not None
    assert run.output is None


def test_an_operation_in_place_is_compared_with_what_was_there_before(debugged: dict[str, DebugRun]) -> None:
    add, in_place = debugged["in place"].operations
    assert (in_place.name, in_place.place) == ("ttnn.add_", line_of("# in place"))
    assert errors(add)[0] == 0
    assert 0 < errors(in_place)[0] < 0.003
    assert errors(in_place)[1] < 0.006


@pytest.mark.parametrize("name", ["own", "heads"])
def test_a_module_of_ttcis_own_names_its_own_lines(debugged: dict[str, DebugRun], name: str) -> None:
    operations = debugged[name].operations
    assert all((each.place or "").startswith("ttci/modules/ttnn/") for each in operations)
    assert [each.note for each in operations if each.note] == []
    assert operations[-1].as_reference
    products = [errors(each)[0] for each in operations if each.name == "ttnn.linear"]
    assert products
    assert all(0.001 < own < 0.003 for own in products)  # each rounds to the type that it is asked for
    in_float32 = debugged[name].in_float32
    assert in_float32 is not None
    assert in_float32.relative is not None
    assert in_float32.relative < 1e-5  # the second run rounds nothing


def test_a_test_that_has_no_correctness_has_no_table(debugged: dict[str, DebugRun]) -> None:
    assert "memory" not in debugged


def test_a_run_leaves_tables_of_what_failed_and_says_where(project: Project, ran: Done) -> None:
    assert ran.code == 1
    for name in ("lofi", "relu", "refused"):
        file, page = debug_files(project.path / FOLDER, name)
        assert file.is_file()
        assert page.is_file()
        assert f"every operation: {page}" in ran.output
    assert not debug_files(project.path / FOLDER, "right")[0].exists()
    assert f"operation 2, ttnn.linear at {line_of('# the coarse one')}" in ran.output


@pytest.mark.parametrize(
    "name",
    ["m@n150-mock/lofi", "ttci/tests/test_checks.py::m@n150-mock/lofi[correctness]"],
    ids=["identity", "node id"],
)
def test_debug_prints_the_table_of_one_check(project: Project, ran: Done, name: str) -> None:  # noqa: ARG001
    before = (project.path / "reports/m@n150-mock/run.json").read_bytes()
    done = project.ttci("debug", name)
    assert done.code == 1
    row = next(line for line in done.lines if line.startswith(">2"))
    assert "ttnn.linear (LoFi, float32 sums)" in row
    assert line_of("# the coarse one") in row
    assert "error of the output: 32 tokens down, 64 features across" in done.output
    _, page = debug_files(project.path / FOLDER, "lofi")
    assert done.lines[-1] == f"the same as a page: {page}"
    assert (project.path / "reports/m@n150-mock/run.json").read_bytes() == before
    assert not (project.path / "reports/m@n150-mock/again").exists()


def test_weights_that_two_chips_share_are_not_rounded_in_the_second_run(project: Project) -> None:
    done = project.ttci("debug", "m@n300-mock/own", "--json")
    found = DebugRun.model_validate_json(done.lines[-1])
    assert "ttnn.all_reduce" in [operation.name for operation in found.operations]
    assert found.in_float32 is not None
    assert found.in_float32.relative is not None
    assert found.in_float32.relative < 1e-5


def test_debug_prints_json_of_what_passed(project: Project) -> None:
    done = project.ttci("debug", "m@n150-mock/in place", "--json")
    assert done.code == 0
    found: Any = json.loads(done.lines[-1])
    assert [operation["name"] for operation in found["operations"]] == ["ttnn.add", "ttnn.add_"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("m@n150-mock/loffi", 'did you mean "m@n150-mock/lofi[correctness]"?'),
        ("m@n150-mock/memory", '"correctness" is not among its test_cases; add it'),
    ],
)
def test_a_test_that_is_not_there_is_a_mistake(project: Project, name: str, said: str) -> None:
    done = project.ttci("debug", name)
    assert done.code == 2
    assert said in done.output
    assert "Traceback" not in done.output
