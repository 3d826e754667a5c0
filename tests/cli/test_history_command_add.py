"""``ttci history add`` and ``compact``, as a user and as many jobs at once run them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.history_repositories import Repositories, files_of, git, make_repositories, measured_run
from tests.pair_folders import leave, result_of, run_of
from ttci.artifacts import ended
from ttci.cli.main import main
from ttci.history import record
from ttci.history.stores import chosen_store

JOBS, RUNS_OF_A_JOB = 4, 3


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    """A remote, and its clone as the working directory, whose manifest names its branch."""
    made = make_repositories(tmp_path, monkeypatch)
    monkeypatch.chdir(made.clone())
    Path("models_manifest.toml").write_text('[history]\nstore = "branch"\n[devices.cpu]\nbackend = "torch"\n')
    return made


def id_of(number: int) -> str:
    """The id of a run that `measured_run` makes."""
    [name] = files_of(measured_run(number))
    return record.id_in(name)


def test_runs_of_every_folder_are_added_in_one_push(
    repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(Path("reports"), measured_run(1))
    leave(Path("artifacts/one"), measured_run(2))
    leave(Path("artifacts/two"), measured_run(3))
    assert main(["history", "add", "reports", "artifacts"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.splitlines() == [
        *(f"added llama3@n150 of 2026-03-01 12:0{n} UTC as {id_of(n)}" for n in (1, 2, 3)),
        "3 added to branch:ttci-history, 0 there already",
    ]
    assert repositories.names() == sorted(files_of(*map(measured_run, (1, 2, 3))))
    assert repositories.branch("rev-list", "--count") == "1"


def test_run_that_comes_twice_is_there_once(
    repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(Path("reports"), measured_run(1))
    assert main(["history", "add"]) == 0
    leave(Path("again"), measured_run(1))
    capsys.readouterr()
    assert main(["history", "add", "reports", "again", "reports"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"llama3@n150 of 2026-03-01 12:01 UTC is there already as {id_of(1)}",
        "0 added to branch:ttci-history, 1 there already",
    ]
    assert len(repositories.names()) == 1


def test_what_cannot_be_kept_is_said_and_the_rest_is_added(
    repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = Path("reports")
    leave(reports, measured_run(1))
    leave(reports, run_of("a@unfinished", is_finished=False))
    soon = datetime.now(timezone.utc) + timedelta(minutes=6)
    leave(reports, run_of("a@tomorrow").model_copy(update={"started": soon, "finished": soon}))
    past = datetime(1970, 1, 1, tzinfo=timezone.utc)
    leave(reports, run_of("a@past").model_copy(update={"started": past}))
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))  # in UTC before the first year
    leave(reports, run_of("a@early").model_copy(update={"started": early}))
    foreign = result_of("b@cpu", "attention", "performance")
    leave(reports, run_of("a@foreign", foreign))
    leave(reports, run_of("a@other"), "a@another")
    torn = leave(reports, run_of("a@torn")) / "run.json"
    torn.write_bytes(torn.read_bytes()[:-20])
    newer = leave(reports, run_of("a@newer")) / "run.json"
    newer.write_text(json.dumps({"schema": 99}))
    half = leave(reports, run_of("a@half")) / "run.json"
    half.write_text(half.read_text().replace("rack7", "\\ud800"))
    outside = leave(reports, run_of("a@outside")) / "run.json"
    outside.unlink()
    outside.symlink_to("/etc/passwd")
    (leave(reports, run_of("a@crashed")) / "run.json").unlink()
    folder = leave(reports, run_of("a@absent"))
    (folder / "run.json").unlink()
    ended.write_ended(folder, "a@absent", 3, "the board is not here")

    assert main(["history", "add"]) == 4
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == "2 added to branch:ttci-history, 0 there already"
    lines = dict(line.split(": ", 1) for line in output.err.splitlines())
    assert {Path(name).parts[1]: reason.split(": ")[-1] for name, reason in lines.items()} == {
        "a@unfinished": "the run never finished",
        "a@tomorrow": f"it began at {soon:%Y-%m-%d %H:%M} UTC, which is still to come; a clock is wrong",
        "a@past": "it began at 1970-01-01T00:00:00+00:00; a clock was wrong",
        "a@early": "it began at 0001-01-01T00:00:00+14:00; a clock was wrong",
        "a@foreign": 'a run of a@foreign that holds "b@cpu/attention[performance]", of another pair',
        "a@another": "the run of another pair, a@other",
        "a@torn": lines["reports/a@torn/run.json"].split(": ")[-1],
        "a@newer": "written by a newer ttci (schema 99, this one reads 1); upgrade ttci",
        "a@outside": 'leads out of "a@outside"; it is not read',
        "a@crashed": "the run left no run.json; its log.txt says why",
    }
    assert len(repositories.names()) == 2


def test_clock_that_is_ahead_by_minutes_is_no_reason(repositories: Repositories) -> None:
    soon = datetime.now(timezone.utc) + timedelta(minutes=4)
    leave(Path("reports"), measured_run(1).model_copy(update={"started": soon, "finished": soon}))
    assert main(["history", "add"]) == 0
    assert len(repositories.names()) == 1


@pytest.mark.usefixtures("repositories")
def test_pair_that_leads_out_of_the_store_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run = measured_run(1).model_copy(update={"pair": "../../../x@y"})
    leave(Path("reports"), run, "artifact")
    assert main(["history", "add", "--history", "folder:kept"]) == 4
    assert 'not kept: "../../../x@y" is not a pair' in capsys.readouterr().err
    assert not Path("kept").exists()


@pytest.mark.usefixtures("repositories")
def test_nothing_to_add_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("reports").mkdir()
    assert main(["history", "add", "reports", "nowhere"]) == 5
    assert "there is no run.json in reports, nowhere" in capsys.readouterr().err


@pytest.mark.usefixtures("repositories")
def test_history_that_is_off_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    leave(Path("reports"), measured_run(1))
    assert main(["history", "add", "--history", "off"]) == 2
    assert "the history is off; name one with --history SOURCE" in capsys.readouterr().err


ACTIONS = {
    "add": (),
    "log": (),
    "site": (),
    "compact": (),
    "show": ("0123",),
    "explain": ("llama3@n150/attention[performance]",),
    "import": ("--format", "run-json", "reports"),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_history_that_is_named_nothing_is_read_or_pushed(
    action: str, repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("models_manifest.toml").write_text('[devices.cpu]\nbackend = "torch"\n')
    leave(Path("reports"), measured_run(1))
    assert main(["history", action, *ACTIONS[action]]) == 2
    assert capsys.readouterr().err == (
        'no history is named: write store = "branch" under [history] of models_manifest.toml, '
        "or --history SOURCE (branch, branch:NAME, folder:PATH)\n"
    )
    assert git(repositories.remote, "branch", "--list") == ""
    assert not Path("site").exists()


@pytest.mark.usefixtures("repositories")
def test_empty_history_is_a_mistake_and_not_off(capsys: pytest.CaptureFixture[str]) -> None:
    leave(Path("reports"), measured_run(1))
    for command in (["history", "log"], ["report"]):
        assert main([*command, "--history", ""]) == 2
        assert '--history "": not a history; write branch' in capsys.readouterr().err


@pytest.mark.parametrize("source", ["branch", "folder:kept"])
def test_run_whose_file_is_torn_is_repaired_by_adding_it_again(
    source: str, repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    history = ["--history", source]
    leave(Path("reports"), measured_run(1))
    assert main(["history", "add", *history]) == 0
    [(name, whole)] = files_of(measured_run(1)).items()
    chosen = chosen_store(source, Path("models_manifest.toml"))
    assert chosen is not None
    chosen.change({}, {name: whole[:-20]}, "torn")
    capsys.readouterr()
    assert main(["history", "log", *history]) == 0
    assert "left out: cannot be read" in capsys.readouterr().err
    assert main(["history", "add", *history]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"repaired llama3@n150 of 2026-03-01 12:01 UTC, {id_of(1)}: its file held no run any more",
        f"0 added to {chosen.source}, 0 there already, 1 repaired",
    ]
    assert main(["history", "log", *history]) == 0
    said = capsys.readouterr()
    assert (said.err, id_of(1) in said.out) == ("", True)
    kept = repositories.branch("show", "--format=", "--stat") if source == "branch" else ""
    assert source != "branch" or name.rpartition("/")[2] in kept


@pytest.mark.usefixtures("repositories")
def test_file_that_a_newer_ttci_wrote_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    leave(Path("reports"), measured_run(1))
    [name] = files_of(measured_run(1))
    file = Path("kept") / name
    file.parent.mkdir(parents=True)
    file.write_text('{"schema": 99}')
    assert main(["history", "add", "--history", "folder:kept"]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("0 added to folder:" + str(Path.cwd() / "kept") + ", 1 there already")
    )
    assert file.read_text() == '{"schema": 99}'


@pytest.mark.usefixtures("repositories")
def test_log_says_how_many_runs_wait_to_be_pushed(
    repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(Path("reports"), measured_run(1))
    repositories.remote.rename(repositories.folder / "away.git")
    assert main(["history", "add"]) == 4
    capsys.readouterr()
    assert main(["history", "log"]) == 0
    waiting, offline = capsys.readouterr().err.splitlines()
    assert waiting.startswith("branch:ttci-history: 1 run waits in ")
    assert offline == (
        f"branch:ttci-history: cannot be fetched: '{repositories.remote}' does not appear to be a git "
        "repository; what follows is of the runs that were fetched last"
    )


def test_refused_push_ends_with_the_servers_sentence(
    repositories: Repositories, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = repositories.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'branch ttci-history is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    leave(Path("reports"), measured_run(1))
    assert main(["history", "add"]) == 4
    said = capsys.readouterr().err
    assert "branch ttci-history is protected" in said
    assert "nothing is lost: 1 run waits" in said
    hook.unlink()
    leave(Path("reports"), measured_run(2))
    assert main(["history", "add"]) == 0
    assert "1 run that could not be pushed before went along" in capsys.readouterr().err
    assert len(repositories.names()) == 2


@pytest.mark.usefixtures("repositories")
def test_older_runs_are_compacted(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [4 + index / 100 for index in range(40)]
    for number in range(3):
        leave(Path("reports"), measured_run(number, samples), f"artifact{number}")
    assert main(["history", "add"]) == 0
    capsys.readouterr()
    assert main(["history", "compact", "--keep", "1"]) == 0
    assert capsys.readouterr().out.startswith("branch:ttci-history: 2 runs are smaller now, by ")
    assert main(["history", "compact", "--keep", "1"]) == 0
    assert capsys.readouterr().out == "branch:ttci-history: 0 runs are smaller now, by 0 bytes\n"


@pytest.mark.parametrize("shared", [False, True], ids=["each-its-cache", "one-cache"])
def test_jobs_that_add_at_once_lose_no_run(repositories: Repositories, shared: bool) -> None:
    jobs = []
    for job in range(JOBS):
        clone = repositories.clone(f"job{job}")
        for number in range(RUNS_OF_A_JOB):
            leave(clone / "reports", measured_run(number, host=f"host{job}"), f"artifact{number}")
        cache = repositories.folder / ("cache" if shared else f"cache{job}")
        # The same run comes from everywhere.
        leave(clone / "reports", measured_run(99), "artifact99")
        jobs.append(
            subprocess.Popen(
                [sys.executable, "-m", "ttci", "history", "add", "--history", "branch"],
                cwd=clone,
                env=clean_environment() | {"TTCI_CACHE": str(cache)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    for process in jobs:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    runs = [measured_run(n, host=f"host{job}") for job in range(JOBS) for n in range(RUNS_OF_A_JOB)]
    assert repositories.names() == sorted(files_of(*runs, measured_run(99)))
    assert repositories.branch("rev-list", "--merges") == ""
    assert git(repositories.remote, "fsck", "--full", "--strict", "--no-dangling") == ""
