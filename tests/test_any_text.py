"""Whatever a user's code says can be described, recorded and written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from torch import nn

from tests.pair_folders import leave, result_of, run_of
from ttci.artifacts.ended import read_ended, write_ended
from ttci.artifacts.unfinished import unmeasured
from ttci.cli.main import main
from ttci.errors import describe
from ttci.results import Outcome
from ttci.testing import ModuleTest, run_module_tests

HALF = os.fsdecode(b"w\xe4ights.bin")  # a name that is not UTF-8


class SaysNothingError(Exception):
    def __str__(self) -> str:
        raise LookupError("no text")


class Raises(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def forward(self, _: object) -> object:
        raise self.error


def message_of(error: BaseException) -> str:
    tests = [ModuleTest("it", (1, 2, 2), test_cases=["correctness"], module=Raises(error))]
    (result,) = run_module_tests(tests, name="any")
    assert result.outcome is Outcome.ERROR
    json.loads(result.model_dump_json())
    return result.message


def test_an_exception_whose_text_fails_is_described() -> None:
    said = "SaysNothingError: (what it says is not known: its __str__ raises LookupError)"
    assert describe(SaysNothingError()) == said
    assert message_of(SaysNothingError()).startswith(f"{said}\nin your code")


def test_half_of_a_character_in_a_message_is_spelled_out() -> None:
    assert message_of(FileNotFoundError(2, "none", HALF)).startswith(
        "FileNotFoundError: [Errno 2] none: 'w\\udce4ights.bin'\n"
    )
    assert unmeasured("a@b/c[memory]", Outcome.ERROR, HALF).message == "w\\udce4ights.bin"


def test_the_other_checks_are_judged() -> None:
    checks = {"test_cases": ["correctness"]}
    tests = [
        ModuleTest("first", (1, 2, 2), module=Raises(ValueError(HALF)), **checks),  # type: ignore[arg-type]
        ModuleTest("second", (1, 2, 2), module=nn.Identity(), **checks),  # type: ignore[arg-type]
    ]
    assert [result.outcome for result in run_module_tests(tests)] == [Outcome.ERROR, Outcome.PASSED]


def test_an_end_may_say_anything(tmp_path: Path) -> None:
    write_ended(tmp_path, "a@b", 4, HALF)
    assert read_ended(tmp_path / "ended.json").reason == "w\\udce4ights.bin"


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000\u001b[31m\u2028"])
def test_a_report_of_any_text_is_written_and_complete(tmp_path: Path, text: str) -> None:
    """Of a run.json that escapes what JSON may escape, in a folder whose name is no text."""
    reports = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    folder = leave(reports, run_of("a@b", result_of("a@b", outcome=Outcome.ERROR, message="MARK")))
    (folder / "run.json").write_text((folder / "run.json").read_text().replace("MARK", text))
    assert main(["report", str(reports), "--out", str(tmp_path / "out"), "--annotations"]) == 1
    assert len(list((tmp_path / "out").iterdir())) == 5
