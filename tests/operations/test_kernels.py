"""Kernels of a manifest: single operations against their torch reference, on torch devices."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch
from torch import Tensor

from tests.root import ROOT
from ttci.catalog.operations import OPERATIONS, operation_facts
from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.manifest import KernelEntry, Manifest, Pair, TorchDeviceEntry, load_manifest
from ttci.modules.kernels import Kernel
from ttci.operations.protocol import Operation
from ttci.results import Outcome, Result
from ttci.testing.choice import Choice, declared_tests
from ttci.testing.judge import judge_case
from ttci.testing.prepared import PreparedTest
from ttci.testing.sources import attribute_of, import_source

if TYPE_CHECKING:
    from tests.conftest import Project

ROWS = [1, 32, 64]
HEADS = [1, 4, 32, 16]
# One kernel an operation, and variants of some: what stands in its table.
KERNELS: dict[str, dict[str, Any]] = {
    "linear": {"op": "linear", "shapes": [ROWS, [64, 48]]},
    "linear_bias_silu": {
        "op": "linear",
        "shapes": [ROWS, [64, 48], [48]],
        "dtypes": ["bfloat16", "bfloat8_b", "bfloat16"],
        "options": {"activation": "silu"},
    },
    "matmul": {"op": "matmul", "shapes": [HEADS, [1, 4, 16, 24]]},
    "rms_norm": {"op": "rms_norm", "shapes": [ROWS, [64]], "options": {"eps": 0.5}},
    "layer_norm": {"op": "layer_norm", "shapes": [ROWS, [64], [64]], "options": {"eps": 0.5}},
    "softmax": {"op": "softmax", "shapes": [HEADS]},
    "softmax_of_heads": {"op": "softmax", "shapes": [HEADS], "options": {"dim": 1}},
    "silu": {"op": "silu", "shapes": [ROWS], "memory-config": "l1"},
    "gelu": {"op": "gelu", "shapes": [ROWS]},
    "gelu_tanh": {"op": "gelu", "shapes": [ROWS], "options": {"approximate": "tanh"}},
    "mul": {"op": "mul", "shapes": [ROWS, [64]]},
    "add": {"op": "add", "shapes": [ROWS, ROWS]},
    "embedding": {"op": "embedding", "shapes": [[2, 16], [100, 64]]},
    "rotary_embedding": {"op": "rotary_embedding", "shapes": [[2, 4, 32, 16]], "options": {"theta": 100.0}},
    "attention": {
        "op": "scaled_dot_product_attention",
        "shapes": [HEADS, [1, 2, 32, 16], [1, 2, 32, 16]],
        "options": {"is_causal": True},
    },
    "attention_across": {
        "op": "scaled_dot_product_attention",
        "shapes": [HEADS, [1, 4, 64, 16], [1, 4, 64, 16]],
        "options": {"is_causal": False, "scale": 0.5},
    },
}
every_kernel = pytest.mark.parametrize("name", KERNELS)


def kernel(name: str) -> Kernel:
    return Kernel(KernelEntry.model_validate(KERNELS[name]))


def as_toml(value: Any) -> str:
    """A table as an inline one; everything else as JSON writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


DEVICES = """\
[devices.cpu]
backend = "torch"
[devices.short]
backend = "torch"
dtype = "bfloat16"
max-tokens = 8
"""
HEAD = f"""{DEVICES}
[models.tiny]
source = "model.py::Tiny"
devices = ["cpu", "short"]
"""
LISTED = HEAD + "[models.tiny.kernels]\n" + "".join(f"{k} = {as_toml(v)}\n" for k, v in KERNELS.items())


@pytest.fixture(scope="module")
def manifest(make_project: Callable[..., Project]) -> Manifest:
    """All kernels beside the model's own tests."""
    return load_manifest(make_project(manifest=LISTED).path / "models_manifest.toml")


def judged(manifest: Manifest, name: str, device: str, break_reference: Any = None) -> dict[str, Result]:
    """The results of one kernel, by check."""
    (test,) = [test for test in declared_tests(manifest, "tiny") if test.name == name]
    if break_reference:
        test.reference = lambda *inputs: break_reference(test.module(*inputs))
    entry = manifest.devices[device]
    assert isinstance(entry, TorchDeviceEntry)
    cases = Choice(Pair("tiny", device), open_device(device, entry), [test]).cases
    return {case.check: judge_case(case, lambda call: measure(call, max_seconds=0.01)) for case in cases}


def test_every_operation_of_the_table_can_be_written_and_is_tested() -> None:
    assert get_args(KernelEntry.model_fields["op"].annotation) == tuple(OPERATIONS)
    assert set(OPERATIONS) == {entry["op"] for entry in KERNELS.values()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_its_torch_and_its_ttnn_form(name: str) -> None:
    assert isinstance(operation_facts(name), Operation)  # which is abstract without them


@every_kernel
def test_kernel_passes_its_checks_in_float32_and_has_no_gradients_to_check(
    manifest: Manifest, name: str
) -> None:
    results = judged(manifest, name, "cpu")
    assert {check: result.outcome for check, result in results.items()} == dict.fromkeys(
        ("correctness", "performance", "memory"), Outcome.PASSED
    )
    assert results["correctness"].measurements[0].name == "correlation"


@every_kernel
def test_kernel_computes_in_the_type_of_the_torch_device(manifest: Manifest, name: str) -> None:
    result = judged(manifest, name, "short")["correctness"]
    assert result.outcome is Outcome.PASSED, result.message
    assert result.config["dtype"] == "bfloat16"
    assert 0.999 < (result.measurements[0].value or 0) < 1  # it is rounded


@every_kernel
def test_kernel_fails_against_a_reference_of_another_scale_or_another_order(
    manifest: Manifest, name: str
) -> None:
    scaled = judged(manifest, name, "short", lambda y: 1.1 * y)["correctness"]
    assert scaled.outcome is Outcome.FAILED
    assert "scaled by 0.9" in scaled.message
    turned = judged(manifest, name, "short", lambda y: y.flip(-1))["correctness"]
    assert turned.outcome is Outcome.FAILED
    assert "correlation" in turned.message


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def rms(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 0.5).sqrt() * weight


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / (
        x.var(-1, correction=0, keepdim=True) + 0.5
    ).sqrt() * weight + bias


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    return x.exp() / x.exp().sum(dim, keepdim=True)


def turned_in_the_complex_plane(x: Tensor, *_: Tensor) -> Tensor:
    """The two halves of a head as real and imaginary parts."""
    size = x.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[-2]), 100.0 ** -(torch.arange(size) / size))
    turned = torch.complex(*x.chunk(2, dim=-1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((turned.real, turned.imag), dim=-1)


def causal(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    keys, values = (tensor.repeat_interleave(2, dim=1) for tensor in (keys, values))
    scores = queries @ keys.transpose(-1, -2) / 4  # the root of the head dim
    return softmax(scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)) @ values


FORMULAS: dict[str, Callable[..., Tensor]] = {
    "linear": lambda x, w: torch.einsum("bsi,io->bso", x, w),
    "linear_bias_silu": lambda x, w, b: silu(torch.einsum("bsi,io->bso", x, w) + b),
    "matmul": lambda a, b: torch.einsum("bhsi,bhio->bhso", a, b),
    "rms_norm": rms,
    "layer_norm": layer_norm,
    "softmax": softmax,
    "softmax_of_heads": lambda x: softmax(x, 1),
    "silu": silu,
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "gelu_tanh": gelu_tanh,
    "mul": lambda a, b: a * b,
    "add": lambda a, b: a + b,
    "embedding": lambda ids, rows: torch.stack([rows[line] for line in ids]),
    "rotary_embedding": turned_in_the_complex_plane,
    "attention": causal,
    "attention_across": lambda q, k, v: softmax(q @ k.transpose(-1, -2) * 0.5) @ v,
}


@every_kernel
def test_kernel_computes_its_formula(name: str) -> None:
    inputs = kernel(name).make_inputs(tuple(KERNELS[name]["shapes"][0]))
    torch.testing.assert_close(kernel(name)(*inputs), FORMULAS[name](*inputs), rtol=1e-4, atol=1e-5)


@every_kernel
def test_inputs_have_the_declared_shapes_and_come_from_a_fixed_seed(manifest: Manifest, name: str) -> None:
    (test,) = [test for test in declared_tests(manifest, "tiny") if test.name == name]
    device = open_device("cpu", TorchDeviceEntry(backend="torch"))
    first, second = (PreparedTest(test, device).inputs.tensors for _ in range(2))
    shapes = [list(tensor.shape) for tensor in first]
    assert shapes[: len(KERNELS[name]["shapes"])] == KERNELS[name]["shapes"]
    assert all(map(torch.equal, first, second))


def test_weights_of_norms_are_not_all_one_and_ids_are_in_range() -> None:
    _, weight, bias = kernel("layer_norm").make_inputs((1, 32, 64))
    assert 0.1 < weight.std() < 0.6
    assert abs(weight.mean() - 1) < 0.2
    assert 0.1 < bias.std() < 0.6
    ids, rows = kernel("embedding").make_inputs((2, 16))
    assert not ids.is_floating_point()
    assert set(ids.flatten().tolist()) <= set(range(len(rows)))


CUT = {  # to 8 tokens: batch x sequence
    "linear_bias_silu": ([1, 8, 64], [[1, 8, 64], [64, 48], [48]]),
    "matmul": ([1, 4, 8, 16], [[1, 4, 8, 16], [1, 4, 16, 24]]),
    "rms_norm": ([1, 8, 64], [[1, 8, 64], [64]]),
    "softmax": ([1, 4, 8, 16], [[1, 4, 8, 16]]),
    "mul": ([1, 8, 64], [[1, 8, 64], [64]]),
    "add": ([1, 8, 64], [[1, 8, 64], [1, 8, 64]]),
    "embedding": ([2, 4], [[2, 4], [100, 64]]),
    "rotary_embedding": ([2, 4, 4, 16], [[2, 4, 4, 16]]),
    "attention": ([1, 4, 8, 16], [[1, 4, 8, 16], [1, 2, 8, 16], [1, 2, 8, 16]]),
    "attention_across": ([1, 4, 8, 16], [[1, 4, 8, 16], [1, 4, 8, 16], [1, 4, 8, 16]]),
}


@pytest.mark.parametrize("name", CUT)
def test_sequence_of_every_input_is_cut_to_what_the_device_takes_and_the_result_says_so(
    manifest: Manifest, name: str
) -> None:
    first, shapes = CUT[name]
    result = judged(manifest, name, "short")["correctness"]
    assert result.outcome is Outcome.PASSED, result.message
    assert result.config["input_shape"] == first
    assert result.config["cut_from"] == KERNELS[name]["shapes"][0]
    assert result.config["kernel"]["shapes"] == shapes


def test_a_kernel_that_is_short_enough_is_not_cut(manifest: Manifest) -> None:
    config = judged(manifest, "linear_bias_silu", "cpu")["correctness"].config
    assert "cut_from" not in config
    assert config["kernel"] == {
        "op": "linear",
        "shapes": [ROWS, [64, 48], [48]],
        "dtypes": ["bfloat16", "bfloat8_b", "bfloat16"],
        "memory_config": "dram",
        "options": {"activation": "silu"},
    }


def test_memory_is_that_of_inputs_and_output(manifest: Manifest) -> None:
    (memory,) = judged(manifest, "add", "cpu")["memory"].measurements
    assert memory.value == 3 * 32 * 64 * 4 / 1e6


def test_tolerance_is_the_kernels_own(make_project: Callable[..., Project]) -> None:
    loose = KERNELS["silu"] | {"tolerance": 0.25}
    text = HEAD + f"kernels.silu = {as_toml(loose)}\n"
    found = load_manifest(make_project(manifest=text).path / "models_manifest.toml")
    assert judged(found, "silu", "cpu")["correctness"].config["tolerance"] == 0.25


TARGETS = """
[models.tiny.targets.cpu]
silu = { memory_mb = 1e-6 }
gelu = { accuracy = 0.5 }
"""


@pytest.fixture(scope="module")
def ran(make_project: Callable[..., Project]) -> Project:
    """The pair tiny@cpu with all kernels, one of which misses its target, after ``ttci run``."""
    project = make_project(manifest=LISTED + TARGETS)
    done = project.ttci("run", "tiny", "--device", "cpu")
    assert done.code == 1, done.output
    return project


def test_a_target_binds_a_kernel_as_it_binds_a_module(ran: Project) -> None:
    results = {result["id"]: result for result in ran.run_json("reports/tiny@cpu/run.json")["results"]}
    missed = results["tiny@cpu/silu[memory]"]
    assert (missed["outcome"], missed["measurements"][0]["verdict"]) == ("failed", "missed")
    assert results["tiny@cpu/gelu[correctness]"]["config"]["tolerance"] == 0.5
    others = {name for name, result in results.items() if result["outcome"] != "passed"}
    assert others == {"tiny@cpu/silu[memory]"}


def test_kernels_stand_beside_the_models_tests_in_every_file(ran: Project) -> None:
    identities = {f"tiny@cpu/{n}[{c}]" for n in KERNELS for c in ("correctness", "performance", "memory")}
    own = {f"tiny@cpu/{n}[{c}]" for n in ("lin", "norm") for c in ("correctness", "performance")}
    written = {result["id"] for result in ran.run_json("reports/tiny@cpu/run.json")["results"]}
    assert written == identities | own
    assert {case.get("name") for case in ran.junit("reports/tiny@cpu/junit.xml").iter("testcase")} == written


@pytest.mark.parametrize("model", ["tiny", "model.py::Tiny"])
def test_pytest_runs_kernels_where_the_manifest_is_named(project: Project, model: str) -> None:
    project.write("models_manifest.toml", LISTED)
    chosen = ("--test-model", model, "-k", "add", "-q", "-p", "no:cacheprovider")
    named = project.pytest(*chosen, "--manifest", "models_manifest.toml")
    assert named.code == 0, named.output
    assert "3 passed" in named.output


def test_list_and_check_show_kernels(project: Project) -> None:
    project.write("models_manifest.toml", LISTED)
    listed = project.ttci("list", "--tests")
    (row,) = [line.split() for line in listed.lines if line.startswith("linear_bias_silu")]
    shown = "linear_bias_silu linear kernel 1 x 32 x 64, 64 x 48, 48 correctness, performance, memory -"
    assert row == shown.split()
    as_json = json.loads(project.ttci("list", "--tests", "--json").output)["tests"]["tiny"]
    assert {test["test"]: test["module"] for test in as_json}["add"] == "add kernel"
    counted = project.ttci("check")
    assert counted.lines == [
        f"tiny: {2 + len(KERNELS)} tests ({len(KERNELS)} kernels), {4 + 3 * len(KERNELS)} checks"
    ]


def test_a_kernel_is_declared_at_its_line_of_the_manifest(manifest: Manifest) -> None:
    tests = {test.name: test for test in declared_tests(manifest, "tiny")}
    lines = LISTED.splitlines()
    for name in KERNELS:
        file, line = tests[name].declared_at or ("", 0)
        assert file == str(manifest.path)
        assert line is not None
        assert lines[line - 1].startswith(f"{name} = ")


def test_names_taken_and_targets_of_nothing_are_told_at_once(project: Project) -> None:
    add = as_toml(KERNELS["add"])
    text = f"""{HEAD}
kernels.lin = {add}
kernels.sum = {add}
targets.cpu.sun = {{ latency_ms = 1 }}
targets.cpu.sum = {{ latency_ms = 1 }}
"""
    project.write("models_manifest.toml", text)
    done = project.ttci("check")
    assert done.code == 2
    taken, unknown = done.lines
    line = text.splitlines().index(f"kernels.lin = {add}") + 1
    assert taken.startswith(
        f"models_manifest.toml:{line}: models.tiny.kernels.lin: a test of the model has this name"
    )
    assert "model.py:" in taken
    assert taken.endswith("give the kernel another")
    assert unknown.endswith('models.tiny.targets.cpu.sun: there is no test "sun"; did you mean "sum"?')


LAYERS = ["llama3", "qwen3", "mistral", "bert"]  # the shipped models that are a layer


def test_shipped_models_use_every_operation() -> None:
    models = load_manifest(ROOT / "models_manifest.toml").models
    used = {entry.op for model in models.values() for entry in model.kernels.values()}
    assert used == set(OPERATIONS)
    assert [name for name, model in models.items() if model.kernels] == LAYERS


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_of_a_shipped_model_have_the_sizes_of_its_layer(name: str) -> None:
    manifest = load_manifest(ROOT / "models_manifest.toml")
    source = manifest.source(name)
    with torch.device("meta"):
        model: Any = attribute_of(import_source(source), source)()
    found, attention = manifest.models[name].kernels, model.attention
    projected = (attention.num_heads + 2 * attention.num_kv_heads) * attention.head_dim
    assert found["qkv_proj"].shapes[1] == (attention.hidden_dim, projected)
    for kernel_name, layer in (("o_proj", attention.o_proj), ("down_proj", model.ffn.down_proj)):
        assert found[kernel_name].shapes[1] == tuple(layer.weight.T.shape)
    inner = "gate_proj" if "gate_proj" in found else "up_proj"
    assert found[inner].shapes[1] == tuple(getattr(model.ffn, inner).weight.T.shape)
    assert found["norm"].options["eps"] == model.norm.eps
    assert found["attention"].options["is_causal"] == attention.causal
    queries, keys, _ = found["attention"].shapes
    assert (queries[1], keys[1], keys[3]) == (attention.num_heads, attention.num_kv_heads, attention.head_dim)
    if attention.rope_theta is not None:
        assert found["rotary"].options["theta"] == attention.rope_theta
