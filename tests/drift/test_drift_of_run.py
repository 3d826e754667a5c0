"""Every figure of a run gets one word, from the right window; a stand-in judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.recorded_runs import PAIR, identity, put, run_at, timed
from ttci.drift.compare import view_of
from ttci.drift.judgement import HistoryView, Judgement, SeriesDrift
from ttci.drift.reasons import Exact
from ttci.history.baseline import MOST_POINTS
from ttci.history.index.index import updated_index
from ttci.report.drift_reasons import reason_text
from ttci.results import Drift, Fidelity, Measurement, Outcome, Result, Run


@dataclass
class Judge:
    """Says "same" of everything, and remembers what it was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self, values: Sequence[float], hosts: Sequence[str], value: float, host: str, **more: Any
    ) -> Judgement:
        self.asked.append({"values": list(values), "hosts": list(hosts), "value": value, "host": host} | more)
        return Judgement(Drift.SAME, Exact(0.0, 0.05))


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge) -> Any:
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "no repository").mkdir()

    def viewed(earlier: Iterable[Run], *runs: Run, **options: Any) -> HistoryView:
        with updated_index(put(tmp_path / "history", earlier)) as index:
            return view_of(runs, index, tmp_path / "no repository", "main", judge=judge, **options)

    return viewed


def words(view: HistoryView) -> dict[str, str]:
    return {str(entry.series): str(entry.judgement.drift) for entry in view.series}


def only(view: HistoryView) -> SeriesDrift:
    [entry] = view.series
    return entry


def test_a_figure_is_judged_against_the_values_before_it_oldest_first(view: Any, judge: Judge) -> None:
    earlier = [run_at(hour, timed(float(hour)), host=f"rack{hour}") for hour in (3, 1, 2)]
    run = run_at(4, timed(9.0, target=8.0, reruns=(9.1,)))
    entry = only(view(earlier, run))
    assert judge.asked == [
        {
            "values": [1.0, 2.0, 3.0],
            "hosts": ["rack1", "rack2", "rack3"],
            "value": 9.0,
            "host": "rack7",
            "direction": "lower",
            "smallest_change": 0.05,
            "reruns": (9.1,),
            "follows": True,
        }
    ]
    assert [point.value for point in entry.window] == [1.0, 2.0, 3.0]
    assert entry.current is not None
    assert (entry.current.value, entry.current.target, entry.current.host) == (9.0, 8.0, "rack7")
    assert entry.baseline == "Compared with the runs of main before it, by the time they started."


def test_no_history_at_all_is_a_note_and_no_failure(view: Any) -> None:
    empty = view([], run_at(1))
    assert empty.series == ()
    assert empty.notes == (f"no history yet: {empty.source} holds no run",)


def test_a_pair_without_history_is_new_and_said(view: Any) -> None:
    other = run_at(2, timed(pair="bert@cpu"), pair="bert@cpu")
    found = view([run_at(1)], run_at(3), other)
    assert words(found) == {
        f"{identity()} latency_ms": "same",
        f"{identity(pair='bert@cpu')} latency_ms": "new",
    }
    [note] = found.notes
    assert note.startswith("no history yet of bert@cpu")


def test_a_default_branch_that_has_no_run_of_the_pair_is_said(view: Any) -> None:
    found = view([run_at(1, git_branch="trunk")], run_at(2, git_branch="trunk"))
    assert words(found) == {f"{identity()} latency_ms": "same"}
    [note] = found.notes
    assert note == (
        f"{PAIR}: {found.source} holds no run of main before it; it is compared with those of trunk; "
        "another default branch is named with --default-branch NAME"
    )


def test_where_nobody_names_a_default_branch_the_note_says_how_to(tmp_path: Path, view: Any) -> None:
    view([run_at(1)], run_at(2))  # makes the history
    store = put(tmp_path / "history", [])
    with updated_index(store) as index:
        [note] = view_of([run_at(3, git_branch=None)], index, tmp_path / "no repository", judge=Judge()).notes
    assert note.startswith(f"no history yet of {PAIR} on its own branch, and nobody names the default branch")
    assert "--default-branch NAME" in note
    assert note.endswith("git remote set-head origin -a")


def test_a_test_that_no_run_has_measured_is_new(view: Any) -> None:
    found = view([run_at(1)], run_at(2, timed(), timed(test="ffn")))
    assert words(found)[f"{identity('ffn')} latency_ms"] == "new"


@pytest.mark.parametrize(
    ("result", "environment", "said"),
    [
        (timed(), {"torch": "2.14.0"}, "torch 2.13 → 2.14"),
        (timed(), {"cpu": "Xeon"}, "cpu EPYC 7763 → Xeon"),
        (timed(), {"products": "float32"}, "products native → float32"),
        (timed(config={"input_shape": [1, 64, 4096]}), {}, "shape 1x128x4096 → 1x64x4096"),
        (timed(config={"dtype": "float32"}), {}, "dtype bfloat16 → float32"),
    ],
)
def test_a_figure_under_other_conditions_is_incomparable_and_says_what_differs(
    view: Any, judge: Judge, result: Result, environment: dict[str, Any], said: str
) -> None:
    earlier = [run_at(1, cpu="486"), run_at(2)]  # what differs is said of the newest
    entry = only(view(earlier, run_at(3, result, **environment)))
    assert entry.judgement.drift is Drift.INCOMPARABLE
    assert reason_text(entry.judgement.reason).endswith(f": {said}.")
    assert (entry.window, judge.asked) == ((), [])


def test_a_patch_version_and_a_host_are_marked_and_compared(view: Any) -> None:
    earlier = [run_at(1, torch="2.13.1", host="rack1")]
    entry = only(view(earlier, run_at(2)))
    assert entry.judgement.drift is Drift.SAME
    assert entry.current is not None
    assert (entry.window[0].versions, entry.current.versions) == ("torch 2.13.1", "torch 2.13.0")


def test_only_values_under_the_same_conditions_are_in_the_window(view: Any, judge: Judge) -> None:
    earlier = [run_at(1, timed(1.0)), run_at(2, timed(2.0), cores=2), run_at(3, timed(3.0))]
    view(earlier, run_at(4))
    assert judge.asked[0]["values"] == [1.0, 3.0]


def test_values_of_other_branches_are_not_in_the_window(view: Any, judge: Judge) -> None:
    earlier = [run_at(1, timed(1.0)), run_at(2, timed(2.0), git_branch="feature")]
    view(earlier, run_at(3))
    assert judge.asked[0]["values"] == [1.0]


def test_a_run_that_history_holds_already_is_not_in_its_own_window(view: Any, judge: Judge) -> None:
    run = run_at(2, timed(2.0))
    view([run_at(1, timed(1.0)), run], run)
    assert judge.asked[0]["values"] == [1.0]


def test_the_window_is_the_newest_of_a_check_that_is_seldom_made(view: Any, judge: Judge) -> None:
    seldom = 3
    earlier = [
        run_at(hour / 10, timed(float(hour)) if hour % seldom == 0 else timed(1.0, "ffn"))
        for hour in range(MOST_POINTS * seldom + 30)
    ]
    view(earlier, run_at(99))
    values = judge.asked[0]["values"]
    assert len(values) == MOST_POINTS
    assert values == [float(hour) for hour in range(30, MOST_POINTS * seldom + 30) if hour % seldom == 0]


def test_what_a_pull_request_measures_does_not_follow(view: Any, judge: Judge) -> None:
    view([run_at(1)], run_at(2, git_branch="feature", event="pull_request"))
    assert judge.asked[0]["follows"] is False


def test_how_much_matters_may_depend_on_the_metric(view: Any, judge: Judge) -> None:
    view([run_at(1)], run_at(2), smallest_change={"latency_ms": 0.2}.__getitem__)
    view([run_at(1)], run_at(2), smallest_change=0.3)
    assert [asked["smallest_change"] for asked in judge.asked] == [0.2, 0.3]


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([timed(test="ffn")], "removed, renamed or not chosen"),
        ([timed(test="ffn"), timed(None, outcome=Outcome.ERROR)], "The check ended as error"),
        ([timed(test="ffn"), timed(None)], "does not measure latency_ms any more"),
    ],
)
def test_what_the_newest_run_measured_and_this_one_did_not_is_gone(
    view: Any, results: list[Result], said: str
) -> None:
    earlier = [run_at(1, timed(), timed(test="old")), run_at(2, timed(3.0), timed(test="ffn"))]
    found = view(earlier, run_at(3, *results))
    assert words(found) == {
        f"{identity('ffn')} latency_ms": "same",
        f"{identity()} latency_ms": "gone",
    }  # and nothing of `old`, which was gone before
    gone = next(entry for entry in found.series if entry.judgement.drift is Drift.GONE)
    assert said in reason_text(gone.judgement.reason)
    assert gone.current is None
    assert [point.value for point in gone.window] == [5.0, 3.0]


def test_nothing_is_gone_from_a_run_that_did_not_end(view: Any) -> None:
    earlier = [run_at(1, timed(), timed(test="ffn"))]
    assert words(view(earlier, run_at(2, is_finished=False))) == {f"{identity()} latency_ms": "same"}


def test_figures_that_are_zero_or_negative_are_judged_too(view: Any, judge: Judge) -> None:
    view([run_at(1, timed(0.0)), run_at(2, timed(-1.0))], run_at(3, timed(0.0)))
    assert (judge.asked[0]["values"], judge.asked[0]["value"]) == ([0.0, -1.0], 0.0)


def test_a_result_that_stands_twice_in_a_run_is_judged_once(view: Any, judge: Judge) -> None:
    view([run_at(1, timed(1.0), timed(2.0))], run_at(3, timed(3.0), timed(4.0)))
    assert [(asked["values"], asked["value"]) for asked in judge.asked] == [([1.0], 3.0)]


def test_time_on_a_mock_means_nothing_and_is_not_judged(view: Any, judge: Judge) -> None:
    memory = Measurement(name="memory_mb", value=9.0, unit="MB")
    both = timed().model_copy(update={"measurements": (*timed().measurements, memory)})
    mock = {"fidelity": Fidelity.GOLDEN}
    earlier = run_at(1, both).model_copy(update=mock)
    view([earlier], run_at(2, both).model_copy(update=mock))
    assert [asked["value"] for asked in judge.asked] == [9.0]


def test_only_what_is_asked_for_is_judged(view: Any) -> None:
    earlier = [run_at(1, timed(), timed(test="ffn"), timed(test="norm"))]
    found = view(earlier, run_at(2, timed(), timed(test="ffn")), only=[identity("ffn"), identity("norm")])
    assert set(words(found).values()) == {"same", "gone"}
    assert len(found.series) == 2


def test_notes_of_the_index_come_along(view: Any, tmp_path: Path) -> None:
    name = f"runs/{PAIR}/2026-03/20260301T050000-0123456789abcdef.json"
    put(tmp_path / "history", [run_at(1)])
    (tmp_path / "history" / name).write_text("torn")
    [note] = view([], run_at(2)).notes
    assert name in note
