"""The recorder: run.json is true at every moment of a session."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ttci.artifacts.unfinished import explain_end, running, unfinished_in, unmeasured
from ttci.errors import MachineryError
from ttci.manifest import Pair
from ttci.results import (
    Environment,
    Fidelity,
    Journal,
    JournalReader,
    Measurement,
    Outcome,
    Result,
    Run,
    State,
    read_run,
    write_run,
)
from ttci.tests import recorder as recorder_module
from ttci.tests.recorder import Recorder

A, B = "tiny@cpu/lin[correctness]", "tiny@cpu/lin[memory]"


def recorder_at(path: Path | None, *, resumes: bool = False) -> Recorder:
    return Recorder(Pair("tiny", "cpu"), Fidelity.REFERENCE, path, resumes=resumes)


def report(outcome: str = "passed", result: Result | None = None, **changes: Any) -> pytest.TestReport:
    location = ("ttci/tests/test_checks.py", 0, "judge")
    arguments: dict[str, Any] = {
        "nodeid": "",
        "location": location,
        "keywords": {},
        "outcome": outcome,
        "longrepr": None,
        "when": "call",
    }
    made = pytest.TestReport(**arguments | changes)
    if result:
        made.__dict__["ttci_result"] = result.model_dump_json()
    return made


def passed(identity: str, samples: int = 0) -> Result:
    name, check = identity.partition("/")[2].rstrip("]").split("[")
    measured = Measurement(name="latency_ms", value=1.0, unit="ms", samples=(0.123456789,) * samples)
    return Result(
        id=identity, test=name, check=check, outcome=Outcome.PASSED, seconds=1.0, measurements=(measured,)
    )


def outcomes(path: Path) -> dict[str, tuple[str, str]]:
    return {result.id: (str(result.outcome), result.message) for result in read_run(path).results}


def test_an_expected_check_is_an_error_until_it_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A, B])
    assert {outcome for outcome, _ in outcomes(path).values()} == {"error"}
    assert all(result.is_unfinished for result in read_run(path).results)
    recorder.start(A)
    assert outcomes(path)[A] == ("error", "not judged: the run ended while this check was running")
    recorder.record(A, report(result=passed(A)))
    assert outcomes(path) == {
        A: ("passed", ""),
        B: ("error", "not judged: the run ended before this check began"),
    }


def test_a_run_is_finished_only_when_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.record(A, report(result=passed(A)))
    assert read_run(path).finished is None
    recorder.finish()
    run = read_run(path)
    assert run.finished is not None
    assert run.finished > run.started


def test_a_skip_is_unavailable_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.record(A, report("skipped", longrepr=("file.py", 1, "Skipped: no reason"), when="setup"))
    assert outcomes(path)[A] == ("unavailable", "no reason")


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
@pytest.mark.usefixtures("_needs_torch")
def test_a_failure_that_no_check_judged_is_an_error(tmp_path: Path, when: str) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.record(A, report(result=passed(A)))
    recorder.record(A, report("failed", longrepr="worker 'gw0' crashed", when=when))
    assert outcomes(path)[A] == ("error", "worker 'gw0' crashed")


@pytest.mark.usefixtures("_needs_torch")
def test_what_was_measured_before_a_teardown_failed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.record(A, report(result=passed(A)))
    recorder.record(A, report("failed", longrepr="close failed", when="teardown"))
    (result,) = read_run(path).results
    assert (result.outcome, result.measurements) == (Outcome.ERROR, passed(A).measurements)


@pytest.mark.usefixtures("_needs_torch")
def test_a_failure_stays_one_where_its_teardown_fails_too(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    failed = passed(A).model_copy(update={"outcome": Outcome.FAILED, "message": "too slow"})
    recorder.record(A, report("failed", result=failed))
    recorder.record(A, report("failed", longrepr="close failed", when="teardown"))
    assert outcomes(path)[A] == ("failed", "too slow\nclose failed")


def test_what_is_not_of_the_suite_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.start("")
    recorder.record("", report("failed", longrepr="of the user's own test"))
    assert list(outcomes(path)) == [A]


def test_a_relative_path_means_the_folder_the_run_began_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = recorder_at(Path("run.json"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder.finish()
    assert (tmp_path / "run.json").exists()


def test_without_a_path_the_results_are_kept_in_memory_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = recorder_at(None)
    recorder.expect([A])
    recorder.record(A, report(result=passed(A)))
    recorder.finish()
    assert [result.id for result in recorder.results] == [A]
    assert not list(tmp_path.iterdir())


def bytes_written(path: Path, monkeypatch: pytest.MonkeyPatch, checks: int) -> tuple[int, int]:
    """Bytes that `checks` quick checks cost in all, and the size of the file they end with."""
    written = 0

    def write_and_count(to: Path, run: Run, encoded_results: Iterable[str]) -> None:
        nonlocal written
        write_run(to, run, encoded_results)
        written += to.stat().st_size

    monkeypatch.setattr(recorder_module, "write_run", write_and_count)
    identities = [f"tiny@cpu/t{index}[performance]" for index in range(checks)]
    recorder = recorder_at(path)
    recorder.expect(identities)
    for identity in identities:
        recorder.start(identity)
        recorder.record(identity, report(result=passed(identity, samples=200)))
    recorder.finish()
    return written, path.stat().st_size


def test_a_thousand_quick_checks_do_not_rewrite_the_file_a_thousand_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, size = bytes_written(tmp_path / "run.json", monkeypatch, 1000)
    assert size > 2_000_000
    assert written < 50 * size
    assert len(read_run(tmp_path / "run.json").results) == 1000


def test_no_result_is_lost_however_rarely_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    identities = [f"tiny@cpu/t{index}[memory]" for index in range(50)]
    recorder = recorder_at(path)
    recorder.expect(identities)
    for done, identity in enumerate(identities):
        recorder.start(identity)
        recorder.record(identity, report(result=passed(identity)))
        outcomes = [result.outcome for result in read_run(path).results]
        assert outcomes.count(Outcome.PASSED) == done + 1
    assert [file.name for file in tmp_path.iterdir() if file != path] == [".run.json.journal"]
    recorder.finish()
    assert list(tmp_path.iterdir()) == [path]


def test_a_torn_last_line_of_the_journal_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A])
    recorder.record(A, report(result=passed(A)))
    with (tmp_path / ".run.json.journal").open("a") as journal:
        journal.write('{"id": "tin')
    assert outcomes(path)[A] == ("passed", "")


def run_of(*results: Result) -> Run:
    recorder = recorder_at(None)
    return Run(
        pair="tiny@cpu",
        model="tiny",
        device="cpu",
        fidelity=Fidelity.REFERENCE,
        started=recorder._started,
        finished=None,
        environment=Environment(),
        results=results,
    )


def test_an_end_is_laid_to_the_checks_that_were_running(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A, B])
    recorder.start(B)
    explained = explain_end(read_run(path), "died")
    assert [result.message for result in explained.results if result.id == B] == ["died"]
    assert [result.is_unfinished for result in explained.results if result.id == A] == [True]


def test_an_end_between_two_checks_is_laid_to_the_one_that_had_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A, B])
    recorder.record(A, report(result=passed(A)))
    explained = explain_end(read_run(path), "died", began=True)
    assert [str(result.outcome) for result in explained.results] == ["error", "error"]
    assert [result.message for result in explained.results if result.id == A] == ["died"]
    assert explained.results[0].measurements == passed(A).measurements
    assert unfinished_in(explained) == [B]


def test_the_end_of_a_process_that_began_with_no_check_is_laid_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    recorder = recorder_at(path)
    recorder.expect([A, B])
    recorder.record(A, report(result=passed(A)))
    explained = explain_end(read_run(path), "died")
    assert [(result.id, result.message) for result in explained.results] == [(A, ""), (B, "died")]


def test_a_recorder_that_goes_on_keeps_what_was_judged_and_when_it_began(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    first = recorder_at(path)
    first.expect([A, B])
    first.record(A, report(result=passed(A)))
    first.start(B)
    started = read_run(path).started
    second = recorder_at(path, resumes=True)
    assert second.judged == {A}
    second.expect([B])
    second.record(B, report(result=passed(B)))
    second.finish()
    run = read_run(path)
    assert run.started == started
    assert [(result.id, str(result.outcome)) for result in run.results] == [(A, "passed"), (B, "passed")]
    assert [result.id for result in second.results] == [A, B]


def test_a_recorder_cannot_go_on_without_a_run_json(tmp_path: Path) -> None:
    with pytest.raises(MachineryError, match="cannot be read"):
        recorder_at(tmp_path / "run.json", resumes=True)


def test_a_message_of_the_user_s_own_is_never_taken_for_unfinished() -> None:
    result = passed(A).model_copy(update={"outcome": Outcome.FAILED, "message": "not judged: mine"})
    assert unfinished_in(run_of(result)) == []


def test_an_end_after_the_last_check_changes_no_result() -> None:
    run = run_of(passed(A), passed(B))
    assert explain_end(run, "died") == run


def test_who_follows_a_journal_gets_each_result_once_and_a_torn_line_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    reader = JournalReader(path)
    assert reader.news() == []
    first, second = running(A).model_dump_json(), running(B).model_dump_json()
    journal = Journal(path)
    journal.append(first)
    with Journal.path_for(path).open("a") as file:
        file.write(second[:20])
    assert [result.id for result in reader.news()] == [A]
    assert reader.news() == []
    with Journal.path_for(path).open("a") as file:
        file.write(second[20:] + "\n")
    assert [(result.id, result.state) for result in reader.news()] == [(B, State.RUNNING)]
    journal.remove()
    assert reader.news() == []


def test_a_message_of_the_users_own_does_not_make_a_judged_check_unfinished() -> None:
    said = running(A).message
    judged = unmeasured(A, Outcome.FAILED, said)
    assert not judged.is_unfinished
    assert running(A).model_copy(update={"message": "said otherwise"}).is_unfinished
