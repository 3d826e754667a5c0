"""What is said of two commits of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.compare.conftest import MANIFEST, Repository, model
from tests.repositories import git

MakeRepository = Callable[..., Repository]
MEMORY = "tiny@cpu/lin[memory] memory_mb"

TIMED = """
import torch
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)

    def forward(self, x):
        for _ in range(TIMES):
            x = self.layer(x)
        return x


class Tiny(TestableModule):
    def get_test_configs(self):
        return {"lin": (Repeated(), TestConfig("lin", (1, 4, 64), test_cases=["performance"]))}
"""


def timed(times: int) -> str:
    """A model that takes so many times as long."""
    return TIMED.replace("TIMES", str(times))


def test_what_is_equal_is_the_same_exactly_and_what_is_written_says_from_what(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    done = repository.compare("main")
    assert done.code == 0
    assert repository.words() == {MEMORY: "same"}
    found = repository.found()
    assert found["schema"] == 1
    assert found["base"]["commit"] == found["head"]["commit"] == git(repository.path, "rev-parse", "main")
    assert not found["head"]["is_dirty"]
    (figure,) = found["figures"]
    assert figure["ratio"] == figure["low"] == figure["high"] == 1
    assert "1 same" in done.lines[-1]


def test_head_is_the_working_tree_with_what_is_not_committed_where_none_is_named(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    repository.write(model=model(width=64))
    done = repository.compare("main", "--fail-on", "slower", GITHUB_ACTIONS="true")
    assert done.code == 1
    assert repository.words() == {MEMORY: "slower"}
    assert repository.found()["head"]["is_dirty"]
    (mark,) = [line for line in done.lines if line.startswith("::")]
    assert mark.startswith("::error file=model.py,line=8,title=tiny@cpu/lin[memory]::memory_mb is slower")


def test_a_page_is_written_where_it_is_asked_for_and_a_folder_in_its_place_is_refused(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository()
    repository.write(model=model(width=64))
    assert repository.compare("main", "--html", "reports/pages/compare.html").code == 0
    page = (repository.path / "reports/pages/compare.html").read_text(encoding="utf-8")
    assert "<title>1 slower · ttci comparison</title>" in page
    assert '"id":"tiny@cpu/lin[memory]"' in page
    refused = repository.compare("main", "--html", "reports")
    assert refused.code == 2
    assert "--html reports: a folder; name a file" in refused.output


def test_a_named_head_is_measured_whatever_lies_in_the_working_tree(make_repository: MakeRepository) -> None:
    repository = make_repository(model(width=64))
    repository.write(model=model())
    repository.commit()
    repository.write(model="raise RuntimeError('not this one')")
    done = repository.compare("HEAD~1", "HEAD", "--fail-on", "slower")
    assert done.code == 0
    assert repository.words() == {MEMORY: "faster"}
    assert (repository.path / "model.py").read_text().startswith("raise")


def test_merge_base_leaves_out_what_the_base_has_changed_since(make_repository: MakeRepository) -> None:
    repository = make_repository()
    git(repository.path, "checkout", "-q", "-b", "change")
    git(repository.path, "checkout", "-q", "main")
    repository.write(model=model(width=64))
    repository.commit()
    git(repository.path, "checkout", "-q", "change")
    assert repository.compare("main").code == 0
    assert repository.words() == {MEMORY: "faster"}
    assert repository.compare("main", "--merge-base").code == 0
    assert repository.words() == {MEMORY: "same"}


def test_only_pairs_that_have_changed_are_compared_where_that_is_asked_for(
    make_repository: MakeRepository,
) -> None:
    other = '\n[models.other]\nsource = "other.py::Tiny"\ndevices = ["cpu"]\n'
    repository = make_repository(manifest=MANIFEST + other)
    repository.write(other=model())
    base = repository.commit()
    assert repository.compare(base, "--changed").code == 5
    assert repository.compare(base, "--model", "other@cpu").code == 0
    assert repository.words() == {"other@cpu/lin[memory] memory_mb": "same"}
    unknown = repository.compare(base, "--model", "other@cpuu")
    assert unknown.code == 2
    assert 'unknown device "cpuu"; did you mean "cpu"?' in unknown.output
    repository.write(other=model(width=64))
    assert repository.compare(base, "--changed").code == 0
    assert repository.words() == {"other@cpu/lin[memory] memory_mb": "slower"}


def test_twice_the_work_is_called_slower_and_the_same_work_is_not(make_repository: MakeRepository) -> None:
    repository = make_repository(timed(100))
    repository.write(model=timed(200))
    done = repository.compare("main", "--seconds", "90", "--fail-on", "slower")
    assert done.code == 1, done.output
    (figure,) = repository.found()["figures"]
    assert (figure["name"], figure["comparison"]) == ("latency_ms", "slower")
    assert 1 < figure["low"] < figure["ratio"] < figure["high"]
    assert figure["pairs"] >= 7
    repository.write(model=timed(100))
    assert repository.compare("main", "--seconds", "15", "--same", "0.5", "--fail-on", "slower").code == 0


def test_what_time_does_not_suffice_for_is_unsure_with_the_time_that_may_do(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(timed(10))
    done = repository.compare("main", "--seconds", "0.1", "--json")
    assert done.code == 0
    (figure,) = repository.found()["figures"]
    assert (figure["comparison"], figure["low"], figure["pairs"]) == ("unsure", None, 1)
    assert "1 of at least 7 pairs of processes" in repository.compare("main", "--seconds", "0.1").output


def test_the_head_says_which_input_both_are_asked_of(make_repository: MakeRepository) -> None:
    repository = make_repository(model().replace("(1, 4, 8)", "(1, 4000, 8)"))
    repository.write(model=model())
    assert repository.compare("main").code == 0
    assert repository.words() == {MEMORY: "same"}


def test_own_packages_come_from_each_commit_although_the_path_leads_to_the_working_tree(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(
        model().replace("WIDTH", "8").replace("nn.Linear(8, 8)", "nn.Linear(8, width)")
    )
    repository.write(model="from own import width\n" + (repository.path / "model.py").read_text())
    repository.project.write("lib/own/__init__.py", "width = 8\n")
    repository.commit()
    repository.project.write("lib/own/__init__.py", "width = 64\n")
    assert repository.compare("main", PYTHONPATH=str(repository.path / "lib")).code == 0
    assert repository.words() == {MEMORY: "slower"}


EXCLUSIVE = """
import fcntl

held = open("FILE", "w")
fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as a board, which takes one process
"""


def test_what_takes_one_process_at_a_time_is_measured_one_side_after_the_other(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    exclusive = EXCLUSIVE.replace("FILE", str(tmp_path / "board"))
    repository = make_repository(exclusive + timed(40))
    repository.write(model=exclusive + timed(120))
    repository.compare("main", "--seconds", "5")
    (entry,) = repository.found()["not_compared"]
    assert "BlockingIOError" in entry["reason"]
    done = repository.compare("main", "--seconds", "20", "--one-at-a-time")
    assert done.code == 0
    found = repository.found()
    assert found["not_compared"] == []
    (figure,) = found["figures"]
    assert figure["ratio"] > 1.5
    assert figure["pairs"] == found["pairs_of_processes"] >= 2


def test_one_side_that_cannot_do_a_test_is_told_as_where_both_are_measured_at_once(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(timed(2))
    repository.write(model=timed(2).replace("x = self.layer(x)", "raise ValueError('no layer')"))
    told = []
    for options in ([], ["--one-at-a-time"]):
        assert repository.compare("main", "--fail-on", "slower", *options).code == 1
        told.append(repository.found()["not_compared"])
    assert told[0] == told[1]
    assert "ValueError: no layer" in told[0][0]["reason"]


def test_a_side_that_does_not_import_is_told_where_they_are_measured_one_after_the_other(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository("import nothing_of_that_name\n")
    repository.write(model=model())
    done = repository.compare("main", "--one-at-a-time")
    assert done.code == 2
    assert "tiny@cpu: fails in the base: " in done.output


TWO = """
import os
from torch import nn
from ttci.testing import TestableModule, TestConfig


class Dies(nn.Linear):
    def forward(self, x):
        END
        return super().forward(x)


class Tiny(TestableModule):
    def get_test_configs(self):
        return {
            "dies": (Dies(8, 8), TestConfig("dies", (1, 4, 8), test_cases=["memory"])),
            "lin": (nn.Linear(8, 8), TestConfig("lin", (1, 4, 8), test_cases=["memory"])),
        }
"""


def test_what_comes_after_a_test_that_took_its_process_along_is_compared_in_the_next_one(
    make_repository: MakeRepository,
) -> None:
    repository = make_repository(TWO.replace("END", "pass"))
    repository.write(model=TWO.replace("END", "os._exit(3)"))
    told = []
    for options in ([], ["--one-at-a-time"]):
        repository.compare("main", *options)
        told.append((repository.found()["not_compared"], repository.words()))
    assert told[0] == told[1]
    (entry,), words = told[0]
    assert (entry["id"], entry["side"]) == ("tiny@cpu/dies", "head")
    assert words == {MEMORY: "same"}
