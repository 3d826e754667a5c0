"""`ttci debug` and `ttci run --debug` on torch: which operation is wrong, and on which line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Done, Project
from tests.debug_runs import errors, line_in
from ttci.artifacts.operations_file import DebugRun, debug_files, read_debug_run

MODEL = """
import torch
from torch import nn
from torch.nn.functional import silu
from ttci.modules import attention
from ttci.testing import ModuleTest

SHAPE = (1, 32, 64)


class FeedForward(nn.Module):
    hidden_dim = 64

    def __init__(self, activation=silu, coarse=False):
        super().__init__()
        torch.manual_seed(0)
        self.activation, self.coarse = activation, coarse
        self.gate, self.up = nn.Linear(64, 128, bias=False), nn.Linear(64, 128, bias=False)
        self.down = nn.Linear(128, 64, bias=False)

    def forward(self, x):
        raised = self.up(x)
        if self.coarse:
            raised = raised.to(torch.float8_e4m3fn).to(x.dtype)  # the coarse one
        active = self.activation(self.gate(x))
        active[:, ::2] *= raised[:, ::2]  # in place, by a view
        active[:, 1::2] *= raised[:, 1::2]
        return self.down(active)


def wrong(x):
    return torch.relu(x)  # the other activation


class Refused(FeedForward):
    def forward(self, x):
        return self.down(x)  # refused


class Drops(nn.Module):
    hidden_dim = 64

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, training=True) + x


class Model:
    def get_module_tests(self):
        only = {"input_shape": SHAPE, "test_cases": ["correctness"]}
        modules = {
            "right": FeedForward(),
            "coarse": FeedForward(coarse=True),
            "relu": FeedForward(wrong),
            "refused": Refused(),
        }
        others = {"drops": Drops(), "heads": attention.MultiHeadAttention(64, 2, rope_theta=10000.0)}
        own = [ModuleTest(name, module=module, **only) for name, module in others.items()]
        right = FeedForward()
        return [*own, *(ModuleTest(n, module=m, reference=right, **only) for n, m in modules.items())]
"""
MANIFEST = """
[devices.half]
backend = "torch"
dtype = "bfloat16"

[models.m]
source = "model.py::Model"
devices = ["half"]
"""


@pytest.fixture(scope="module")
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(MODEL, MANIFEST)


@pytest.fixture(scope="module")
def ran(project: Project) -> Done:
    """Every check, with the operations of those that failed."""
    return project.ttci("run", "--debug")


@pytest.fixture(scope="module")
def debugged(project: Project) -> dict[str, DebugRun]:
    """Every test, whether it failed or not."""
    done = project.pytest(
        *("--manifest", "models_manifest.toml", "--test-model", "m", "--test-device", "half"),
        *("--test-debug", "all", "--ttci-debug-passed"),
    )
    files = sorted((project.path / "all").glob("*.json"))
    assert files, done.output
    return {run.id.partition("/")[2].partition("[")[0]: run for run in map(read_debug_run, files)}


def line_of(text: str) -> str:
    return line_in(MODEL, text)


def test_the_operation_that_loses_precision_is_named(debugged: dict[str, DebugRun]) -> None:
    run = debugged["coarse"]
    (marked,) = run.marked
    cast = run.operations[marked - 1]
    assert (cast.name, cast.place) == ("aten._to_copy", line_of("# the coarse one"))
    assert cast.outputs[0].model_dump(include={"shape", "dtype"}) == {
        "shape": (1, 32, 64 * 2),
        "dtype": "float8_e4m3fn",
    }
    assert run.in_float32 is not None
    assert run.in_float32.relative == 0


def test_another_activation_is_named(debugged: dict[str, DebugRun]) -> None:
    run = debugged["relu"]
    (marked,) = run.marked
    operation = run.operations[marked - 1]
    assert (operation.name, operation.place) == ("aten.relu", line_of("# the other activation"))


@pytest.mark.parametrize("name", ["right", "heads"])
def test_a_right_module_loses_what_its_type_explains(debugged: dict[str, DebugRun], name: str) -> None:
    run = debugged[name]
    assert run.marked == ()
    assert all(own < 0.004 and so_far < 0.01 for own, so_far in map(errors, run.operations))
    assert run.in_float32 is not None
    assert run.in_float32.relative == 0
    assert [operation.note for operation in run.operations if operation.note] == []


def test_what_is_changed_in_place_by_a_view_is_followed(debugged: dict[str, DebugRun]) -> None:
    in_place = [each for each in debugged["right"].operations if each.name == "aten.mul_"]
    assert in_place[0].place == line_of("# in place, by a view")
    assert [0 < own < 0.004 for own, _ in map(errors, in_place)] == [True, True]


def test_the_table_of_a_call_that_raises_ends_with_what_was_refused(debugged: dict[str, DebugRun]) -> None:
    run = debugged["refused"]
    assert run.operations[-1].place == line_of("# refused")
    assert "shapes cannot be multiplied" in run.operations[-1].note
    assert run.error is not None


def test_random_numbers_have_no_golden_and_that_is_said(debugged: dict[str, DebugRun]) -> None:
    drawn = [each for each in debugged["drops"].operations if "random" in each.note]
    assert drawn
    assert all(each.own is None and each.so_far is None for each in drawn)


def test_a_run_leaves_tables_of_what_failed_alone_and_the_next_removes_them(
    project: Project, ran: Done
) -> None:
    folder = project.path / "reports/m@half/debug"
    file, page = debug_files(folder, "relu")
    assert page.is_file()
    assert read_debug_run(file).operations
    assert not debug_files(folder, "right")[0].exists()
    assert f"every operation: {page}" in ran.output
    project.ttci("run", "-q")
    assert not folder.exists()


def test_a_pair_that_was_only_debugged_is_none_that_a_report_misses_results_of(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(MODEL, MANIFEST)
    assert project.ttci("debug", "m@half/right").code == 0
    assert [file.name for file in (project.path / "reports/m@half").iterdir()] == ["debug"]
    done = project.ttci("report")
    assert "m@half" not in done.output
    assert done.code == 5, done.output


def test_a_folder_that_cannot_be_made_is_a_mistake(project: Project) -> None:
    (project.path / "a file").write_text("")
    done = project.ttci("debug", "m@half/right", "--report-dir", "a file")
    assert (done.code, done.lines) == (2, ["--report-dir a file: Not a directory"])


def test_debug_prints_the_table_of_a_check(project: Project) -> None:
    done = project.ttci("debug", "m@half/relu[correctness]")
    assert done.code == 1
    assert any(line.startswith(">") and line_of("# the other activation") in line for line in done.lines)
    passed = project.ttci("debug", "m@half/right", "--json")
    assert passed.code == 0
    found: Any = json.loads(passed.lines[-1])
    assert found["outcome"] == "passed"


def test_a_test_that_is_not_there_is_a_mistake(project: Project) -> None:
    done = project.ttci("debug", "m@half/rihgt")
    assert done.code == 2
    assert 'did you mean "m@half/right[correctness]"?' in done.output


SLOW = """
import time
import torch
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode
from ttci.testing import ModuleTest


class Slow(nn.Module):
    hidden_dim = 32

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, x):
        for _ in range(20):
            if type(_get_current_dispatch_mode()).__name__ == "RecordedTorchOperations":
                time.sleep(self.seconds)  # as one that is recorded may take, and is not else
            x = x + 0.05
        return x


class Model:
    def get_module_tests(self):
        only = {"input_shape": (1, 16, 32), "test_cases": ["correctness"], "reference": lambda x: x}
        modules = {"slow": 0.4, "hangs": 1000.0, "quick": 0.0}
        return [ModuleTest(name, module=Slow(seconds), **only) for name, seconds in modules.items()]
"""


def test_a_recording_has_its_own_time_and_no_failure_is_lost_with_it(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(SLOW, MANIFEST.replace('"bfloat16"', '"bfloat16"\ntest-timeout-seconds = 4'))
    done = project.ttci("run", "--debug", "--", "-p", "no:randomly")
    results = {result["test"]: result for result in project.run_json("reports/m@half/run.json")["results"]}
    found = {name: (result["outcome"], result["state"]) for name, result in results.items()}
    assert found == dict.fromkeys(("slow", "hangs", "quick"), ("failed", "judged"))
    for result in results.values():
        assert "the output's mean is shifted" in result["message"]

    stopped = "the recording was stopped after 4 s, as long as a check may take"
    assert f"every operation until {stopped}: " in results["slow"]["message"]
    file, _ = debug_files(project.path / "reports/m@half/debug", "slow")
    assert 3 <= len(read_debug_run(file).operations) < 20
    assert "no table of operations: timed out after 4 s" in results["hangs"]["message"]
    assert "every operation: " in results["quick"]["message"]
    assert done.code == 4  # a process had to be ended
    failures = {case.get("name"): case for case in project.junit("reports/m@half/junit.xml").iter("testcase")}
    assert len(failures) == 3
    assert all(list(case.iter("failure")) for case in failures.values())
