"""Commits that cannot be compared, or only in part; and a comparison that is ended in its middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compare.conftest import MANIFEST, Repository, model
from tests.compare.test_two_commits import MEMORY, timed
from tests.conftest import Project, clean_environment

MakeRepository = Callable[..., Repository]

TWO = """
import os
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Bad(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        BODY


class Tiny(TestableModule):
    def get_test_configs(self):
        return {
            "bad": (Bad(), TestConfig("bad", (1, 4, 8), test_cases=["memory"])),
            "lin": (nn.Linear(8, 8), TestConfig("lin", (1, 4, 8), test_cases=["memory"])),
        }
"""


def two(body: str = "return self.layer(x)") -> str:
    """A model of two tests, the first of which does what `body` says."""
    return TWO.replace("BODY", body)


def test_an_unknown_commit_and_a_folder_without_git_are_told(
    make_repository: MakeRepository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository = make_repository()
    done = repository.compare("mian")
    assert done.code == 2
    assert 'git knows no commit "mian"' in done.output
    assert repository.compare("--", "-x").code == 2
    project = Project(tmp_path_factory.mktemp("plain"))
    project.write("models_manifest.toml", MANIFEST)
    project.write("model.py", model())
    done = project.ttci("compare", "main", GIT_CEILING_DIRECTORIES=str(project.path.parent))
    assert done.code == 2
    assert "is in no git repository" in done.output


def test_a_named_device_that_is_not_here_is_unavailable(make_repository: MakeRepository) -> None:
    cuda = '[devices.gpu]\nbackend = "torch"\ntarget = "cuda"\n'
    repository = make_repository(manifest=cuda + MANIFEST.replace('["cpu"]', '["cpu", "gpu"]'))
    done = repository.compare("main", "--device", "gpu")
    assert done.code == 3
    assert "tiny@gpu: " in done.output


def test_a_board_that_is_not_here_is_told_and_the_others_are_compared(
    make_repository: MakeRepository,
) -> None:
    board = '[devices.n150]\nbackend = "ttnn"\ntarget = "silicon"\nboard = "n150"\n'
    repository = make_repository(manifest=board + MANIFEST.replace('["cpu"]', '["cpu", "n150"]'))
    done = repository.compare("main")
    assert done.code == 0
    assert "tiny@n150 is not run: " in done.output


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan"])
def test_no_number_of_seconds_is_told(make_repository: MakeRepository, value: str) -> None:
    done = make_repository().compare("main", f"--seconds={value}")
    assert done.code == 2
    assert "is not a number of seconds above 0" in done.output


def test_a_base_that_does_not_import_is_told_with_its_line(make_repository: MakeRepository) -> None:
    repository = make_repository("import torch\nimport nothing_of_that_name\n")
    repository.write(model=model())
    done = repository.compare("main")
    assert done.code == 2
    assert "tiny@cpu: fails in the base: " in done.output
    assert "model.py:2: model.py::Tiny does not import: ModuleNotFoundError" in done.output
    (entry,) = repository.found()["not_compared"]
    assert (entry["side"], entry["is_failure"]) == ("base", True)


def test_a_model_that_the_base_has_not_is_told(make_repository: MakeRepository) -> None:
    repository = make_repository()
    other = '\n[models.new]\nsource = "new.py::Tiny"\ndevices = ["cpu"]\n'
    repository.project.write("models_manifest.toml", MANIFEST + other)
    repository.write(new=model())
    done = repository.compare("main", "--fail-on", "slower")
    assert done.code == 0
    assert "new@cpu: not compared, for the base: there is no model new in its manifest" in done.output
    assert repository.words() == {MEMORY: "same"}
    assert repository.compare("main", "--model", "new").code == 5


def test_a_manifest_that_this_ttci_does_not_take_and_another_device_are_noted(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(manifest=MANIFEST + "\n[other]\nkey = 1\n")
    repository.project.write("models_manifest.toml", MANIFEST)
    done = repository.compare("main")
    assert done.code == 0
    assert "note: the base's models_manifest.toml is not valid, the head's is taken for both" in done.output
    repository.commit()
    repository.project.write(
        "models_manifest.toml", MANIFEST.replace('"torch"', '"torch"\ndtype = "float32"\nmax-tokens = 2', 1)
    )
    done = repository.compare("main")
    assert done.code == 0
    assert "note: devices.cpu is another in the base's manifest" in done.output
    assert repository.words() == {MEMORY: "same"}


def test_a_test_that_one_side_has_not_is_told_and_the_others_are_compared(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    repository.write(model=two())
    done = repository.compare("main", "--fail-on", "slower")
    assert done.code == 0
    assert "tiny@cpu/bad: not compared, for the base: only the head has this test" in done.output
    assert repository.words() == {MEMORY: "same"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no such thing')", "ValueError: no such thing"),
        ("os.kill(os.getpid(), 11)", "the process died of SIGSEGV"),
        ("os._exit(3)", "the process ended with exit code 3"),
    ],
)
def test_what_fails_in_the_head_alone_is_told_and_the_others_are_compared(
    make_repository: MakeRepository, body: str, reason: str
) -> None:
    repository = make_repository(two())
    repository.write(model=two(body))
    done = repository.compare("main", "--fail-on", "slower")
    assert done.code == 1
    (line,) = [line for line in done.lines if line.startswith("tiny@cpu/bad")]
    assert f"fails in the head: {reason}" in line
    assert repository.words() == {MEMORY: "same"}


def test_a_check_that_hangs_on_one_side_is_ended(make_repository: MakeRepository) -> None:
    manifest = MANIFEST.replace('"torch"', '"torch"\ntest-timeout-seconds = 20', 1)
    repository = make_repository(two("import time; time.sleep(1000)"), manifest)
    repository.write(model=two())
    done = repository.compare("main", "--fail-on", "slower")
    assert done.code == 0
    assert "tiny@cpu/bad: fails in the base: timed out after 20 s" in done.output
    assert repository.words() == {MEMORY: "same"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_what_was_measured_is_kept_where_it_is_ended_in_its_middle(
    make_repository: MakeRepository, number: signal.Signals, code: int
) -> None:
    repository = make_repository(timed(10))
    process = subprocess.Popen(
        [sys.executable, "-m", "ttci", "compare", "main", "--seconds", "200", "--same", "1e-9"],
        cwd=repository.path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    workers = _wait_for_workers(process.pid)
    time.sleep(5)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert "Traceback" not in output
    assert "interrupted)" in output
    assert repository.found()["is_interrupted"]
    repository.assert_nothing_is_left()
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def _wait_for_workers(pid: int) -> list[int]:
    """The processes of both sides, once they are there."""
    while True:
        template = _children(pid)
        copies = [child for each in template for child in _children(each)]
        if len(copies) == 2:
            return [*template, *copies]
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
