"""The map of the error of a failed correctness check, in its result and in the files of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import Project
from ttci.results import ErrorMap, Outcome, Result, read_run
from ttci.testing import ModuleTest, run_module_tests

HEADS, HEAD_DIM, TOKENS = 4, 8, 16
MODEL = """
from torch import nn
from ttci.testing import ModuleTest

class Doubles(nn.Module):
    hidden_dim = 8

    def forward(self, x):
        return 2 * x

class Model:
    def get_module_tests(self):
        stated = {"module": Doubles(), "input_shape": (1, 4, 8), "test_cases": ["correctness"]}
        return [ModuleTest("right", **stated), ModuleTest("wrong", reference=lambda x: 3 * x, **stated)]
"""
MANIFEST = """
[devices.cpu]
backend = "torch"

[models.m]
source = "model.py::Model"
devices = ["cpu"]
"""


class Heads(nn.Module):
    """Heads side by side, of which one may be left without its values."""

    def __init__(self, wrong: int | None = None) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: Tensor) -> Tensor:
        heads = list(torch.split(x.softmax(-1) + x, HEAD_DIM, dim=-1))
        if self.wrong is not None:
            heads[self.wrong] = torch.zeros_like(heads[self.wrong])
        return torch.cat(heads, dim=-1)


def judged(module: nn.Module, reference: nn.Module, shape: tuple[int, ...]) -> Result:
    test = ModuleTest("it", shape, module=module, reference=reference, test_cases=["correctness"])
    return run_module_tests([test], name="maps")["it"]["correctness"]


def bright_columns(found: ErrorMap) -> list[int]:
    """Those that have a cell of a tenth of the strongest: rounding leaves a little everywhere."""
    columns = [max(cell or 0.0 for cell in cells) for cells in zip(*found.heat, strict=True)]
    return [column for column, most in enumerate(columns) if most > max(columns) / 10]


@pytest.mark.parametrize("wrong", [0, 2])
def test_of_one_wrong_head_the_columns_of_that_head_are_bright(wrong: int) -> None:
    result = judged(Heads(wrong), Heads(), (1, TOKENS, HEADS * HEAD_DIM))
    assert result.outcome is Outcome.FAILED
    found = result.error_map
    assert found is not None
    assert (found.axes, found.size) == (("tokens", "features"), (TOKENS, HEADS * HEAD_DIM))
    assert bright_columns(found) == list(range(wrong * HEAD_DIM, (wrong + 1) * HEAD_DIM))
    assert sum(found.counts) == TOKENS * HEADS * HEAD_DIM


def test_a_check_that_passes_has_no_map() -> None:
    result = judged(Heads(), Heads(), (1, TOKENS, HEADS * HEAD_DIM))
    assert (result.outcome, result.error_map) == (Outcome.PASSED, None)


def test_of_several_outputs_the_most_wrong_one_is_mapped() -> None:
    class Two(nn.Module):
        def __init__(self, *wrong: int | None) -> None:
            super().__init__()
            self.wrong = wrong

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return x[:, :1] * 2, *(Heads(each)(x) for each in self.wrong)

    found = judged(Two(None, 1), Two(None, None), (1, TOKENS, HEADS * HEAD_DIM)).error_map
    assert found is not None
    assert bright_columns(found) == list(range(HEAD_DIM, 2 * HEAD_DIM))


def test_an_output_of_another_shape_fails_without_a_map() -> None:
    result = judged(nn.Flatten(), nn.Identity(), (1, TOKENS, HEADS * HEAD_DIM))
    assert (result.outcome, result.error_map) == (Outcome.FAILED, None)


def test_a_run_writes_the_map_and_the_page_of_its_report_holds_it(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(MODEL, MANIFEST)
    done = project.ttci("run")
    assert done.code == 1
    brief = "right once it is divided by 0.6667"
    (failure,) = project.junit("reports/m@cpu/junit.xml").iter("failure")
    assert brief in str(failure.get("message")).splitlines()[0]
    assert brief in done.output.partition("wrong[correctness] ___")[2].splitlines()[1]
    file = project.path / "reports" / "m@cpu" / "run.json"
    maps = {result.test: result.error_map for result in read_run(file).results}
    assert maps["right"] is None
    assert maps["wrong"] is not None
    project.ttci("report", "reports", "--out", "out")
    page = (project.path / "out" / "report.html").read_text(encoding="utf-8")
    data = re.search(r'<script [^>]*id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["error_maps"] == [json.loads(maps["wrong"].model_dump_json())]

    older = json.loads(file.read_text())
    for entry in older["results"]:
        del entry["error_map"]
    file.write_text(json.dumps(older))
    assert {result.error_map for result in read_run(file).results} == {None}


def test_the_first_line_says_how_far_it_is_off_and_why() -> None:
    result = judged(Heads(wrong=2), Heads(), (1, TOKENS, HEADS * HEAD_DIM))
    first, *rest = result.message.splitlines()
    why = "only columns 16 to 23 (part 2 of 4, counted from 0) are wrong, all 0"
    assert re.fullmatch(rf"correlation 0\.\d+ \(0\.999 needed\): {re.escape(why)}", first)
    assert rest[0].startswith("correlation 0.")
    assert rest[-1].startswith(f"{why}; the rest agrees with the reference")


class Twice(nn.Module):
    """Doubles its input; may change it, and give the wrong columns."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong

    def forward(self, x: Tensor) -> Tensor:
        y = x.roll(1, -1) if self.wrong else x.clone()
        if self.wrong:
            x += 1
        return 2 * y


def test_what_a_call_does_to_its_input_is_said_first() -> None:
    first, second, *_ = judged(Twice(wrong=True), Twice(wrong=False), (1, TOKENS, 32)).message.splitlines()
    assert first == "input 0 was changed in place; work on a copy"
    assert second.endswith("(0.999 needed): right once the columns are rolled by -1")
