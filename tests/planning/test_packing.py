"""More pairs than jobs: they share jobs, evenly, and only with their like."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.pair_folders import STARTED, leave, run_of
from ttci.cli.main import main
from ttci.errors import InputError
from ttci.manifest import Pair
from ttci.planning.packing import PackedJob, pack
from ttci.planning.plan import Job
from ttci.report.seconds import read_seconds

HOSTED, BOARD = ("ubuntu-latest",), ("self-hosted", "N150")
MANIFEST = """
[devices.cpu]
backend = "torch"
[devices.slow]
backend = "torch"
timeout-minutes = 7
[models.a]
source = "m.py"
devices = ["cpu", "slow"]
[models.b]
source = "m.py"
devices = ["cpu", "slow"]
"""


def torch_job(name: str, device: str = "cpu", minutes: int = 60) -> Job:
    return Job(Pair(name, device), "torch", HOSTED, minutes, None)


def board_job(name: str) -> Job:
    return Job(Pair(name, "n150"), "ttnn", BOARD, 30, "there is no board", has_board=True)


def pairs_of(packed: list[PackedJob]) -> list[list[str]]:
    return [[str(job.pair) for job in each.jobs] for each in packed]


def test_each_pair_has_a_job_of_its_own_where_there_are_enough() -> None:
    jobs = [torch_job("a"), board_job("a"), torch_job("b")]
    assert pairs_of(pack(jobs, 256)) == [["a@cpu"], ["a@n150"], ["b@cpu"]]


def test_longest_go_first_each_to_the_job_with_least_to_do() -> None:
    seconds = {"a@cpu": 7.0, "b@cpu": 6.0, "c@cpu": 5.0, "d@cpu": 3.0, "e@cpu": 2.0}
    packed = pack([torch_job(name) for name in "edcba"], 2, seconds)
    assert sorted(map(sorted, pairs_of(packed))) == [["a@cpu", "d@cpu", "e@cpu"], ["b@cpu", "c@cpu"]]


@pytest.mark.parametrize("seed", range(10))
def test_every_pair_has_one_job_of_its_kind_and_none_is_much_longer_than_needed(seed: int) -> None:
    chance = random.Random(seed)
    jobs = [torch_job(f"t{n}") for n in range(200)] + [board_job(f"b{n}") for n in range(90)]
    chance.shuffle(jobs)
    seconds = {str(job.pair): chance.expovariate(1 / 60) for job in jobs}
    packed = pack(jobs, 40, seconds)
    assert len(packed) == 40
    assert Counter(pair for pairs in pairs_of(packed) for pair in pairs) == Counter(map(str, seconds))
    for environment in ("torch", "ttnn"):
        kind = [each for each in packed if each.jobs[0].environment == environment]
        assert all(job.environment == environment for each in kind for job in each.jobs)
        loads = [sum(seconds[str(job.pair)] for job in each.jobs) for each in kind]
        longest_pair = max(seconds[str(job.pair)] for each in kind for job in each.jobs)
        assert max(loads) <= 4 / 3 * max(sum(loads) / len(loads), longest_pair)


def test_kind_with_most_to_do_gets_the_most_jobs() -> None:
    jobs = [torch_job(f"t{n}") for n in range(10)] + [board_job(f"b{n}") for n in range(10)]
    packed = pack(jobs, 6, {str(job.pair): 10.0 if job.has_board else 50.0 for job in jobs})
    assert Counter(each.jobs[0].environment for each in packed) == {"torch": 5, "ttnn": 1}


def test_pair_that_never_ran_takes_what_its_device_usually_takes() -> None:
    jobs = [torch_job("a", "slow"), torch_job("new", "slow"), torch_job("b"), torch_job("c"), torch_job("d")]
    packed = pack(jobs, 2, {"a@slow": 100.0, "b@cpu": 1.0, "c@cpu": 1.0})
    assert [[name for name in pairs if "slow" in name] for pairs in pairs_of(packed)] == [
        ["a@slow"],
        ["new@slow"],
    ]


def test_jobs_on_a_board_are_few_enough_to_wait_for_it() -> None:
    packed = pack([board_job(f"b{n}") for n in range(200)], 256)
    assert len(packed) == 50
    assert {each.board for each in packed} == {"self-hosted-N150-0"}


def test_several_boards_take_turns() -> None:
    packed = pack([board_job(name) for name in "abc"] + [torch_job("a")], 256, boards=2)
    assert [each.board for each in packed] == [
        "self-hosted-N150-0",
        "self-hosted-N150-1",
        "self-hosted-N150-0",
        "",
    ]


def test_fewer_jobs_than_kinds_of_runner_is_refused() -> None:
    with pytest.raises(InputError, match="at most 1 jobs: the chosen pairs need 2 kinds of runner"):
        pack([torch_job("a"), board_job("a")], 1)


def test_entry_says_what_a_job_needs() -> None:
    [entry] = [each.as_matrix_entry() for each in pack([torch_job("a"), torch_job("b", minutes=30)], 1)]
    assert entry == {
        "name": "a@cpu and 1 more",
        "pairs": ["a@cpu", "b@cpu"],
        "environment": "torch",
        "runs-on": ["ubuntu-latest"],
        "timeout-minutes": 105,  # a pair's own time-out comes first, so that its results are kept
        "board": "",
    }


def test_names_of_jobs_are_all_different_and_fit_an_artifact() -> None:
    names = [each.name for each in pack([torch_job(f"m+{n}.x") for n in range(300)], 20)]
    assert len(set(names)) == 20
    assert not any(re.search(r'[":<>|*?\\/\r\n]', name) for name in names)


def test_seconds_are_read_from_a_folder_of_pairs(tmp_path: Path) -> None:
    leave(tmp_path, run_of("a@cpu"))
    leave(tmp_path, run_of("b@cpu", is_finished=False))
    assert read_seconds(tmp_path) == {"a@cpu": 120.0}


def test_seconds_are_read_from_the_report_of_an_earlier_run(tmp_path: Path) -> None:
    leave(tmp_path, run_of("a@cpu").model_copy(update={"finished": STARTED + timedelta(seconds=7)}))
    leave(tmp_path, run_of("b@cpu", is_finished=False))
    main(["report", str(tmp_path), "--fail-on", "never"])
    assert read_seconds(tmp_path / "report.json") == {"a@cpu": 7.0}


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"pairs": 1}', '{"pairs": [{"pair": "a@cpu"}]}'])
def test_what_is_no_report_is_refused_with_its_place(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"report\.json: "):
        read_seconds(path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m.py").touch()
    (tmp_path / "models_manifest.toml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_plan_packs_a_matrix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = project / "earlier"
    leave(reports, run_of("a@slow").model_copy(update={"finished": STARTED + timedelta(hours=1)}))
    assert main(["plan", "--json", "--max-jobs", "2", "--seconds", "earlier"]) == 0
    entries = json.loads(capsys.readouterr().out)["include"]
    assert sorted(pair for entry in entries for pair in entry["pairs"]) == [
        "a@cpu",
        "a@slow",
        "b@cpu",
        "b@slow",
    ]
    assert {tuple(entry["runs-on"]) for entry in entries} == {HOSTED}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-jobs", "2"], "--seconds goes with --max-jobs, and that with --json"),
        (["--json", "--seconds", "x"], "--seconds goes with --max-jobs, and that with --json"),
        (["--json", "--max-jobs", "2", "--seconds", "x"], "x: No such file or directory"),
    ],
)
@pytest.mark.usefixtures("project")
def test_options_that_do_not_fit_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["plan", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5"])
@pytest.mark.usefixtures("project")
def test_number_of_jobs_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plan", "--json", "--max-jobs", number])
    assert "is not a whole number above 0" in capsys.readouterr().err
