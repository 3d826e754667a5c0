"""The checks of a declared test, the targets that bind, and running them by call."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.catalog.checks import check_names
from ttci.checks.performance import Timing, measure
from ttci.devices import open_device
from ttci.devices.protocol import Device
from ttci.manifest import Pair, TestTargets, TorchDeviceEntry
from ttci.results import Fidelity, Outcome, Result, Verdict
from ttci.testing import ModuleTest, ModuleTestSpec, TestConfig, run_module_tests, test_module
from ttci.testing import discover as declarations
from ttci.testing.choice import Choice, Request, choose
from ttci.testing.judge import judge_case
from ttci.testing.runner import run_choice

found_in = declarations.tests_of
WIDTH = 16
SHAPE = (1, 8, WIDTH)


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def device(max_tokens: int | None = None) -> Device:
    entry = {"backend": "torch", "max-tokens": max_tokens}
    return open_device("cpu", TorchDeviceEntry.model_validate(entry))


def judged(test: ModuleTest, check: str, max_tokens: int | None = None, **choice: Any) -> Result:
    cases = Choice(Pair("model", "cpu"), device(max_tokens), [test], **choice).cases
    (case,) = [case for case in cases if case.check == check]
    return judge_case(case, lambda call: measure(call, max_seconds=0.01))


def line_of(marker: str) -> int:
    """The line of this file that `marker` ends."""
    lines = Path(__file__).read_text().splitlines()
    (line,) = [number for number, line in enumerate(lines, start=1) if line.endswith(f"# {marker}")]
    return line


def test_without_test_cases_all_four_checks_run_and_test_cases_narrow_them() -> None:
    assert ModuleTest("it", module=nn.Identity()).checks == check_names()
    assert ModuleTest("it", module=nn.Identity(), test_cases=["gradients"]).checks == ("gradients",)
    module = nn.Linear(WIDTH, 4)
    results = run_module_tests([ModuleTest("it", module=module, test_cases=["memory", "correctness"])])
    assert list(results["it"]) == ["correctness", "memory"]


def test_a_memory_target_is_judged_along_with_performance() -> None:
    config = TestConfig("it", performance_targets={"memory_mb": 1.0}, test_cases=["performance"])
    assert config.checks == ("performance", "memory")


def test_an_accuracy_target_stands_for_the_tolerance() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 0.1 * torch.cos(1000 * x)  # correlates by 0.9975

    arguments: dict[str, Any] = {"module": Noisy(), "reference": nn.Identity(), "input_shape": (1, 64, 64)}
    strict = judged(ModuleTest("it", **arguments), "correctness")
    assert (strict.outcome, strict.config["tolerance"]) == (Outcome.FAILED, 1e-3)
    assert strict.measurements[0].target == 0.999
    loose = judged(ModuleTest("it", performance_targets={"accuracy": 0.5}, **arguments), "correctness")
    assert (loose.outcome, loose.config["tolerance"]) == (Outcome.PASSED, 0.5)
    assert loose.measurements[0].target == 0.5


def verdict_of_memory(test: ModuleTest, **choice: Any) -> tuple[Outcome, Verdict]:
    result = judged(test, "memory", **choice)
    return result.outcome, result.measurements[0].verdict


def test_a_target_in_the_code_binds_where_no_manifest_is_named_and_on_silicon_only() -> None:
    test = ModuleTest("it", module=nn.Linear(WIDTH, 4), performance_targets={"memory_mb": 1e-6})
    assert verdict_of_memory(test) == (Outcome.FAILED, Verdict.MISSED)
    assert verdict_of_memory(test, has_manifest=True) == (Outcome.PASSED, Verdict.REPORT_ONLY)
    silicon = device()
    silicon.fidelity = Fidelity.SILICON
    (case,) = [
        c for c in Choice(Pair("m", "d"), silicon, [test], has_manifest=True).cases if c.check == "memory"
    ]
    assert judge_case(case, measure).outcome is Outcome.FAILED


def test_a_target_in_the_manifest_binds_and_goes_before_the_codes() -> None:
    test = ModuleTest("it", module=nn.Linear(WIDTH, 4), performance_targets={"memory_mb": 1e-6})
    of_manifest = {"it": TestTargets.model_validate({"memory_mb": 1.0})}
    assert verdict_of_memory(test, targets=of_manifest, has_manifest=True) == (
        Outcome.PASSED,
        Verdict.IMPROVED,
    )
    other = {"other": TestTargets.model_validate({"memory_mb": 1.0})}
    assert verdict_of_memory(test, targets=other, has_manifest=True)[1] is Verdict.REPORT_ONLY


def test_a_target_takes_its_own_tolerance() -> None:
    # 16 x 4 weights, 4 biases, 8 x 16 inputs, 8 x 4 outputs of 4 bytes: 912 bytes.
    targets = {"memory_mb": {"value": 0.0009, "tolerance": 0.02}}
    arguments: dict[str, Any] = {"module": nn.Linear(WIDTH, 4), "input_shape": SHAPE}
    assert verdict_of_memory(ModuleTest("it", performance_targets=targets, **arguments))[1] is Verdict.MET
    targets["memory_mb"]["tolerance"] = 0.01
    assert verdict_of_memory(ModuleTest("it", performance_targets=targets, **arguments))[1] is Verdict.MISSED


def test_a_latency_target_that_nothing_measured_fails() -> None:
    test = ModuleTest("it", module=nn.Linear(WIDTH, 4), performance_targets={"latency_ms": 5.0})
    cases = Choice(Pair("model", "cpu"), device(), [test]).cases
    (case,) = [case for case in cases if case.check == "performance"]
    result = judge_case(case, lambda _: Timing())
    assert result.outcome is Outcome.FAILED
    assert result.message == "latency_ms: not measured, yet it has a target of 5 ms"


def small_model() -> list[ModuleTest]:
    return [ModuleTest("a", module=nn.Linear(WIDTH, 4), input_shape=SHAPE, test_cases=["correctness"])]


class Small(nn.Module):
    """A model with one test."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = test_module(nn.Linear(WIDTH, 4), "layer", input_shape=SHAPE, test_cases=["correctness"])


SPEC = ModuleTestSpec(
    "spec", "normalization.RMSNorm", {"hidden_dim": WIDTH}, input_shape=SHAPE, test_cases=["correctness"]
)


@pytest.mark.parametrize(
    ("declared", "model", "test"),
    [
        (Small(), "Small", "layer"),
        (Small, "Small", "layer"),
        (small_model(), "list", "a"),
        ([SPEC], "list", "spec"),
    ],
    ids=["instance", "class", "tests", "specs"],
)
def test_a_model_a_list_and_a_spec_list_are_run(declared: Any, model: str, test: str) -> None:
    results = run_module_tests(declared)
    assert results.ok
    assert [result.id for result in results] == [f"{model}@cpu/{test}[correctness]"]
    assert results[test]["correctness"].outcome is Outcome.PASSED


def test_a_run_leaves_the_modules_as_they_were() -> None:
    norm, head = nn.BatchNorm1d(WIDTH).train(), nn.Linear(WIDTH, 4)
    head.bias.requires_grad_(False)
    modules = {"norm": norm, "head": head}
    before = {name: {k: v.clone() for k, v in m.state_dict().items()} for name, m in modules.items()}
    attributes = {name: set(vars(m)) for name, m in modules.items()}
    run_choice(
        Choice(
            Pair("m", "cpu"),
            device(),
            found_in([ModuleTest(n, module=m, input_shape=(8, WIDTH)) for n, m in modules.items()]),
        )
    )
    for name, module in modules.items():
        assert all(torch.equal(value, before[name][key]) for key, value in module.state_dict().items())
        assert module.training
        assert all(parameter.grad is None for parameter in module.parameters())
        assert set(vars(module)) == attributes[name]
    assert (head.weight.requires_grad, head.bias.requires_grad) == (True, False)
    assert torch.get_default_dtype() is torch.float32


def test_failing_and_raising_modules_are_results_and_print_as_such() -> None:
    class Raises(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError(f"no {x.ndim}")  # raised here

    tests = [
        *small_model(),
        ModuleTest("b", module=Raises(), input_shape=SHAPE, test_cases=["memory"]),
        ModuleTest(
            "c", module=nn.Identity(), reference=nn.Tanh(), input_shape=SHAPE, test_cases=["correctness"]
        ),
    ]
    seen: list[Result] = []
    results = run_module_tests(tests, name="mine", on_result=seen.append)
    assert not results.ok
    assert len(results) == 3
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.ERROR, Outcome.FAILED]
    assert list(results) == seen
    assert results["b"]["memory"].message == (
        f"ValueError: no 3\nin your code (most recent call last):\n"
        f'  File "{__file__}", line {line_of("raised here")}, in forward\n'
        '    raise ValueError(f"no {x.ndim}")  # raised here'
    )
    lines = str(results).splitlines()
    assert lines[0].split() == ["test", "check", "outcome", "measured"]
    assert lines[1].startswith("a     correctness  passed   correlation 1 (target 0.999: met)")
    assert "mine@cpu/b[memory]" in lines
    assert "mine@cpu/a[correctness]" not in lines
    assert lines[-1] == "1 passed, 1 error, 1 failed"


def test_results_without_any_test_are_not_ok() -> None:
    from ttci.testing import TestResults

    assert not TestResults().ok
    assert str(TestResults()).endswith("no tests")


def test_a_target_that_is_beaten_asks_to_be_updated_and_fails_nothing() -> None:
    test = ModuleTest(
        "linear",
        (1, 4, 8),
        performance_targets={"memory_mb": 1000},
        test_cases=["memory"],
        module=nn.Linear(8, 8),
    )
    (result,) = run_module_tests([test])
    assert result.outcome is Outcome.PASSED
    assert re.search(r"memory_mb is better than its target, .*: write memory_mb = 0\.000\d+ ", result.message)


def test_a_result_says_where_its_test_and_its_targets_are_written(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.py").write_text(
        "from torch import nn\nfrom ttci.testing import ModuleTest\n\n"
        "TESTS = [ModuleTest('it', module=nn.Linear(8, 8))]\n"
    )
    manifest = tmp_path / "models_manifest.toml"
    manifest.write_text(
        '[devices.cpu]\nbackend = "torch"\nmax-tokens = 8\n'
        '[models.tiny]\nsource = "models/tiny.py"\ndevices = ["cpu"]\n'
        "[models.tiny.targets.cpu.it]\nlatency_ms = 500.0\nmemory_mb = 3.0\n"
    )
    choice = choose(Request(device="cpu", manifest=manifest, model="tiny"))
    configs = {case.check: judge_case(case, lambda _: Timing((0.001,))).config for case in choice.cases}
    assert {config["declared_at"] for config in configs.values()} == {"models/tiny.py:4"}
    assert configs["performance"]["targets_at"] == {"latency_ms": "models_manifest.toml:8"}
    assert configs["memory"]["targets_at"] == {"memory_mb": "models_manifest.toml:9"}
    assert "targets_at" not in configs["correctness"]
