"""What a run was beside its base travels with it: into its file, the index, and back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.comparisons import compared, comparison_of, counted
from tests.recorded_runs import PAIR, identity, put, run_at, timed
from ttci.history import record
from ttci.history.beside_base import with_base
from ttci.history.compact import compact
from ttci.history.index.index import updated_index
from ttci.history.stores.folder import FolderStore
from ttci.results import BaseRatio, Run
from ttci.results.comparison import Commit, ComparisonRun, Figure

HEAD, BASE = "b" * 40, "a" * 40
RATIO = BaseRatio(ratio=1.1, low=1.07, high=1.13, pairs=12, noise=0.02)


def a_run() -> Run:
    return run_at(1, timed(5.5, samples=tuple(5 + number / 40 for number in range(40))), git_commit=HEAD)


def a_comparison(*figures: Figure, minutes: int = 5, head: str = HEAD) -> ComparisonRun:
    """Begun so many minutes after the run."""
    made = comparison_of(*(figures or (compared(ratio=1.1),)))
    told = {"head": Commit(commit=head, name=""), "started": a_run().started + timedelta(minutes=minutes)}
    return made.model_copy(update=told)


def ratio_of(run: Run) -> BaseRatio | None:
    return run.results[0].measurements[0].beside_base


def test_a_run_takes_its_ratios_and_its_base() -> None:
    run = with_base(a_run(), [a_comparison()])
    assert run.base == BASE
    assert ratio_of(run) is not None
    assert ratio_of(run) == RATIO.model_copy(update={"low": 1.1 - 0.03, "high": 1.1 + 0.03})


@pytest.mark.parametrize(
    "other",
    [
        a_comparison(minutes=-5),
        a_comparison(head="c" * 40),
        a_comparison(head=BASE),
        a_comparison(compared(identity=identity(pair="bert@cpu"))),
        a_comparison().model_copy(update={"started": None}),
        a_comparison().model_copy(update={"base": Commit(commit=HEAD, name="HEAD")}),
    ],
    ids=["older", "of another commit", "of its base", "of another pair", "of no time", "with itself"],
)
def test_a_comparison_that_is_not_of_the_run_leaves_it_as_it_is(other: ComparisonRun) -> None:
    assert with_base(a_run(), [other]) == a_run()


def test_of_several_comparisons_the_newest_counts() -> None:
    older = a_comparison(compared(ratio=1.5), minutes=1)
    for comparisons in ([older, a_comparison()], [a_comparison(), older]):
        found = ratio_of(with_base(a_run(), comparisons))
        assert found is not None
        assert found.ratio == 1.1


@pytest.mark.parametrize(
    "figure",
    [
        compared(half_width=None),
        compared(ratio=None),
        compared(ratio=0.02),
        compared(ratio=1e13),
    ],
    ids=["too few pairs", "of a base of 0", "down to 0", "of another unit"],
)
def test_what_is_not_sure_of_anything_or_has_no_noise_has_no_ratio(figure: Figure) -> None:
    assert ratio_of(with_base(a_run(), [a_comparison(figure)])) is None


def test_a_figure_without_noise_has_an_exact_ratio() -> None:
    exact = counted(5.0, 5.5, identity()).model_copy(update={"name": "latency_ms"})
    found = ratio_of(with_base(a_run(), [a_comparison(exact)]))
    assert found is not None
    assert found.low == found.ratio == found.high == 1.1


def test_a_run_is_the_same_one_with_and_without_its_comparison() -> None:
    assert record.file_name(with_base(a_run(), [a_comparison()])) == record.file_name(a_run())


def test_a_file_without_one_is_as_it_was_before_there_were_any() -> None:
    assert b"base" not in record.encode(a_run())


def test_files_index_and_compaction_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    store = put(tmp_path / "history", [with_base(a_run(), [a_comparison()]), run_at(2)])
    for _ in range(2):
        with updated_index(store) as index:
            [of_run, other] = index.runs([PAIR])[::-1]
            [(series, point)] = index.figures(of_run)
            assert (of_run.base, point.base) == (BASE, BASE)
            assert point.beside_base is not None
            assert point.beside_base.ratio == 1.1
            assert index.points(series)[0] == point
            assert (other.base, index.figures(other)[0][1].beside_base) == (None, None)
        compact(store, 1)
    [(_, content), _] = FolderStore(tmp_path / "history").read(sorted(store.names()))
    kept = record.decode(content, "kept")
    assert kept.results[0].measurements[0].samples == ()
    assert ratio_of(kept) is not None
