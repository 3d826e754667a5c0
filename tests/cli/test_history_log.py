"""``ttci history log``, ``show`` and ``explain``: what they print.

They run in this process: each process would import the statistics anew, which take longer than the command.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Done
from tests.pair_folders import result_of
from tests.recorded_runs import PAIR, identity, put, run_at, timed
from ttci.cli.main import main
from ttci.history.record import run_id
from ttci.results import Run, write_run

Ttci = Callable[..., Done]
SLOW = 6.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def ttci(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ttci:
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))

    def history(*arguments: str) -> Done:
        branch = () if arguments[0] == "log" else ("--default-branch", "main")
        code = main(["history", *arguments, "--history", "folder:history", *branch])
        printed = capsys.readouterr()
        return Done(code, printed.out + printed.err)

    return history


def steady_runs(count: int = 40) -> list[Run]:
    """Runs of main on two hosts: of 5 ms, and of 4.5 ms from the middle on, with 1 % of noise."""
    draw = random.Random(3)
    return [
        run_at(
            24 * number,
            timed((5.0 if number < count // 2 else 4.5) * math.exp(draw.gauss(0, 0.01)), target=7.0),
            host=f"rack{number % 2}",
            git_commit=f"{number:040x}"[::-1],
        )
        for number in range(count)
    ]


def test_log_lists_the_newest_runs_first(ttci: Ttci, folder: Path) -> None:
    runs = [run_at(1), run_at(2, timed(), timed(test="ffn"), git_commit="abcdef0123456789")]
    put(folder / "history", [*runs, run_at(3, timed(pair="bert@cpu"), pair="bert@cpu")])
    done = ttci("log", "llama3@*")
    assert done.code == 0
    assert [line.split() for line in done.lines] == [
        ["id", "started", "(UTC)", "pair", "commit", "branch", "host", "figures"],
        [run_id(runs[1]), "2026-03-01", "02:00", PAIR, "abcdef0123", "main", "rack7", "2"],
        [run_id(runs[0]), "2026-03-01", "01:00", PAIR, "main", "rack7", "1"],
    ]
    assert len(ttci("log", "-n", "1").lines) == 2


def test_log_for_a_machine(ttci: Ttci, folder: Path) -> None:
    run = run_at(1, git_commit="abcdef0123456789")
    put(folder / "history", [run])
    [found] = json.loads(ttci("log", "--json").output)["runs"]
    assert found["id"] == run_id(run)
    assert found["started"] == "2026-03-01T01:00:00+00:00"
    assert (found["commit"], found["branch"], found["figures"]) == ("abcdef0123456789", "main", 1)


def test_log_of_no_history_says_so_and_does_not_fail(ttci: Ttci) -> None:
    done = ttci("log")
    assert done.code == 0
    assert "no history yet" in done.output


def test_log_of_an_unknown_pair_says_which_there_are(ttci: Ttci, folder: Path) -> None:
    put(folder / "history", [run_at(1)])
    done = ttci("log", "lama3@cpu")
    assert done.code == 5
    assert 'did you mean "llama3@cpu"?' in done.output


@pytest.mark.parametrize("action", [("log",), ("show", identity()), ("explain", identity())])
def test_a_torn_file_is_said_and_the_rest_is_shown(ttci: Ttci, folder: Path, action: tuple[str, ...]) -> None:
    put(folder / "history", steady_runs())
    name = f"runs/{PAIR}/2026-03/20260301T050000-0123456789abcdef.json"
    (folder / "history" / name).write_text('{"schema": 1, "pai')
    done = ttci(*action)
    assert done.code == 0
    assert len([line for line in done.lines if line.startswith(f"{name}: left out: ")]) == 1
    assert len(done.lines) > 20


def test_show_of_a_run_lists_its_figures(ttci: Ttci, folder: Path) -> None:
    run = run_at(1, timed(5.25, target=6.0), timed(7.0, "ffn"), git_commit="abcdef0123456789")
    put(folder / "history", [run, run_at(2)])
    done = ttci("show", run_id(run)[:10])
    assert done.code == 0
    assert f"run {run_id(run)} of {PAIR}" in done.output
    assert "commit abcdef0123, branch main, host rack7" in done.output
    rows = [line.split() for line in done.lines if line.startswith(PAIR)]
    assert rows == [
        [identity(), "latency_ms", "5.25", "ms", "6", "ms"],
        [identity("ffn"), "latency_ms", "7", "ms"],
    ]
    found = json.loads(ttci("show", run_id(run), "--json").output)
    assert [figure["value"] for figure in found["figures"]] == [5.25, 7.0]


def test_show_of_a_check_lists_its_points_newest_last_and_marks_what_changed(
    ttci: Ttci, folder: Path
) -> None:
    put(folder / "history", [run_at(2, timed(6.0), torch="2.14.0"), run_at(1, timed(5.0))])
    done = ttci("show", identity())
    assert done.code == 0
    assert done.lines[0] == f"{identity()} latency_ms (ms, lower is better)"
    first, second = done.lines[2:]
    assert "5 ms" in first
    assert "6 ms" in second
    assert second.endswith("torch 2.13 → 2.14, torch 2.13.0 → 2.14.0")
    [series] = json.loads(ttci("show", identity(), "--json").output)["series"]
    assert [point["value"] for point in series["points"]] == [5.0, 6.0]


def test_show_of_a_check_says_where_another_level_begins(ttci: Ttci, folder: Path) -> None:
    runs = steady_runs()
    put(folder / "history", runs)
    done = ttci("show", identity())
    assert done.code == 0
    [step] = [line for line in done.lines if line.endswith("another level begins")]
    assert step.split()[0] == run_id(runs[20])


def test_explain_of_a_run_names_checks_of_it(ttci: Ttci, folder: Path) -> None:
    run = run_at(1, timed(), timed(test="ffn"))
    put(folder / "history", [run])
    done = ttci("explain", run_id(run)[:8])
    assert done.code == 2
    assert f'is a run; explain takes the identity of a check, of that run "{identity()}" or ' in done.output


@pytest.mark.parametrize("more", [(), ("--reports", "reports")])
def test_explain_of_a_check_without_figures_says_so(ttci: Ttci, folder: Path, more: tuple[str, ...]) -> None:
    gradients = result_of(PAIR, "attention", "gradients")
    run = run_at(1)
    run = run.model_copy(update={"results": (*run.results, gradients)})
    put(folder / "history", [run])
    write_run(folder / "reports" / PAIR / "run.json", run)
    done = ttci("explain", f"{PAIR}/attention[gradients]", *more)
    assert done.code == 5
    assert "measures nothing that a history compares" in done.output
    assert "it passed" in done.output


def test_a_figure_without_a_unit_is_a_number_alone(ttci: Ttci, folder: Path) -> None:
    bare = timed(0.999)
    alike = bare.measurements[0].model_copy(
        update={"name": "correlation", "unit": "1", "direction": "higher"}
    )
    bare = bare.model_copy(update={"measurements": (alike,)})
    put(folder / "history", [run_at(hour, bare) for hour in range(3)])
    for action in ("show", "explain"):
        done = ttci(action, identity())
        assert done.code == 0
        assert " 0.999" in done.output
        assert "0.999 1" not in done.output
        assert "(1, " not in done.output


@pytest.mark.parametrize("action", ["show", "explain"])
def test_an_unknown_id_names_its_neighbours(ttci: Ttci, folder: Path, action: str) -> None:
    put(folder / "history", [run_at(1, timed(), timed(test="ffn"))])
    done = ttci(action, identity("atention"))
    assert done.code == 5
    assert f'did you mean "{identity()}"' in done.output
    assert "Traceback" not in done.output


def test_the_begin_of_several_ids_is_refused(ttci: Ttci, folder: Path) -> None:
    put(folder / "history", [run_at(hour) for hour in range(40)])
    done = ttci("show", "")
    assert done.code == 2
    assert "begin of several runs" in done.output


def test_names_from_files_cannot_forge_lines(ttci: Ttci, folder: Path) -> None:
    evil = "rack\n::error::forged\x1b[31m"
    put(folder / "history", [run_at(1, timed(), host=evil, git_branch=evil)])
    for arguments in (("log",), ("show", identity()), ("explain", identity())):
        done = ttci(*arguments)
        assert done.code in (0, 5)
        assert not [line for line in done.lines if line.startswith("::")]
        assert "\x1b" not in done.output


def test_explain_says_window_level_noise_change_points_hosts_and_reason(ttci: Ttci, folder: Path) -> None:
    runs = steady_runs()
    put(folder / "history", runs)
    run = run_at(24 * 40, timed(4.51, target=7.0), host="rack1", git_commit="c" * 40)
    put(folder / "history", [run])
    done = ttci("explain", identity())
    assert done.code == 0
    assert done.lines[0] == f"{identity()} latency_ms: same"
    facts = {line.split("  ")[1]: line for line in done.lines if line.startswith("  ")}
    assert run_id(run) in facts["run"]
    assert "4.51 ms" in facts["value"]
    assert float(facts["level"].split()[1]) == pytest.approx(4.5, rel=0.02)
    assert "%" in facts["noise of a run"]
    assert facts["runs before"].split()[-1] == "40"
    assert "rack0 20, rack1 20" in facts["runs by host"]
    assert "critical" in facts["standard errors off"]
    commit = f"{20:040x}"[::-1][:10]
    assert f"commit {commit}" in facts["change points"]
    assert "Compared with the runs of main before it" in done.output
    [step] = [line for line in done.lines if line.endswith("another level begins")]
    assert step.split()[0] == run_id(runs[20])
    assert [line[:16] for line in done.lines if line[:16] in set(map(run_id, runs))] == list(
        map(run_id, runs)
    )


def test_explain_calls_a_run_slower_that_its_reruns_confirm(ttci: Ttci, folder: Path) -> None:
    put(folder / "history", steady_runs())
    slow = run_at(24 * 40, timed(SLOW, reruns=(6.01, 5.99)), host="rack1", git_commit="c" * 40)
    write_run(folder / "reports" / PAIR / "run.json", slow)
    done = ttci("explain", identity(), "--reports", "reports")
    assert done.code == 0
    assert done.lines[0] == f"{identity()} latency_ms: slower"
    assert "6.01 ms" in done.output


def test_explain_of_what_the_newest_run_lacks_says_gone(ttci: Ttci, folder: Path) -> None:
    earlier = [run_at(hour, timed(), timed(test="ffn")) for hour in range(3)]
    put(folder / "history", [*earlier, run_at(4, timed(test="ffn"))])
    done = ttci("explain", identity())
    assert done.code == 0
    assert done.lines[0] == f"{identity()} latency_ms: gone"


def test_explain_judges_no_run_whose_clock_is_ahead(ttci: Ttci, folder: Path) -> None:
    newest = run_at(50, timed(5.0))
    put(folder / "history", [run_at(1), newest, run_at(24 * 365 * 100, timed(9.0))])
    done = ttci("explain", identity())
    assert done.code == 0
    assert run_id(newest) in done.output
    assert "9 ms" not in done.output


def test_explain_where_there_is_no_history_says_so(ttci: Ttci, folder: Path) -> None:
    write_run(folder / "reports" / PAIR / "run.json", run_at(2))
    done = ttci("explain", identity(), "--reports", "reports")
    assert (done.code, done.lines) == (5, [f"no history yet: folder:{folder / 'history'} holds no run"])


def test_explain_of_a_pair_that_is_not_in_the_reports_says_so(ttci: Ttci, folder: Path) -> None:
    put(folder / "history", [run_at(1)])
    write_run(folder / "reports" / PAIR / "run.json", run_at(2))
    done = ttci("explain", "llama4@cpu/attention[performance]", "--reports", "reports")
    assert done.code == 5
    assert 'did you mean "llama3@cpu"?' in done.output
