"""The index of a history: the same answers as its files, whatever becomes of either."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.recorded_runs import FIRST, PAIR, identity, put, run_at, timed
from ttci.environment import boards_in
from ttci.errors import MachineryError
from ttci.history.comparability import difference, versions_of
from ttci.history.index.database import DamagedIndexError
from ttci.history.index.index import Index, updated_index
from ttci.history.record import encode, file_name, run_id
from ttci.history.series import Series, branch_of, figures_of
from ttci.history.stores.folder import FolderStore
from ttci.history.stores.protocol import store_folder
from ttci.results import Fidelity, Run

LATENCY = Series(identity(), "latency_ms", "ms")


class CountingStore(FolderStore):
    """Remembers what was read of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.was_read: list[str] = []

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        self.was_read += names
        return super().read(names)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "history"


def values(store: FolderStore, series: Series = LATENCY) -> list[float]:
    with updated_index(store) as index:
        return [point.value for point in index.points(series)]


def index_file(store: FolderStore) -> Path:
    return store_folder(store) / "index.sqlite"


def test_points_come_oldest_first_with_all_that_a_run_said(folder: Path) -> None:
    later = run_at(2, timed(6.0, target=7.0, reruns=(5.9, 6.1)), git_commit="c" * 40)
    store = put(folder, [later, run_at(1, timed(5.0))])
    with updated_index(store) as index:
        first, second = index.points(LATENCY)
    assert (first.value, second.value) == (5.0, 6.0)
    assert second.started == FIRST + timedelta(hours=2)
    assert (second.run_id, second.host, second.commit) == (run_id(later), "rack7", "c" * 40)
    assert (second.branch, second.target, second.reruns) == ("main", 7.0, (5.9, 6.1))
    assert second.conditions == ("cpu EPYC 7763; cores 4; torch 2.13; dtype bfloat16; shape 1x128x4096")


def test_an_update_reads_only_files_that_are_new(folder: Path) -> None:
    put(folder, [run_at(1), run_at(2)])
    store = CountingStore(folder)
    updated_index(store).close()
    new = run_at(3)
    put(folder, [new])
    store.was_read.clear()
    assert len(values(store)) == 3
    assert store.was_read == [file_name(new)]


def test_what_is_gone_from_the_store_is_gone_from_the_index(folder: Path) -> None:
    gone = run_at(1, timed(9.0))
    store = put(folder, [gone, run_at(2, timed(5.0))])
    assert values(store) == [9.0, 5.0]
    (folder / file_name(gone)).unlink()
    assert values(store) == [5.0]
    with updated_index(store) as index:
        assert len(index.runs()) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'{"schema": 1, "pair": "llama3@c', "cannot be read"),
        (b'{"schema": 99}', "newer ttci"),
        (b"[]", "not a run.json"),
        (b"", "empty"),
        (encode(run_at(5, is_finished=False)), "did not end"),
        (encode(run_at(5, timed(pair="bert@cpu"))), '"bert@cpu/attention[performance]", of another'),
        (encode(run_at(5, host="\ud800".encode("utf-16", "surrogatepass").decode("latin1"))), None),
    ],
)
def test_a_bad_file_is_said_each_time_and_costs_nobody_else(
    folder: Path, content: bytes, what: str | None
) -> None:
    put(folder, [run_at(1), run_at(2)])
    name = f"runs/{PAIR}/2026-03/20260301T050000-0123456789abcdef.json"
    (folder / name).write_bytes(content)
    store = CountingStore(folder)
    for _ in range(2):
        with updated_index(store) as index:
            notes, count = index.notes(), len(index.points(LATENCY))
        if what is None:
            assert (notes, count) == ([], 3)
        else:
            assert [note for note in notes if what in note and name in note] == notes != []
            assert count == 2
    assert store.was_read.count(name) == (1 if what is None else 2)  # a bad one may be whole next time


def test_bad_file_that_was_repaired_is_read(folder: Path) -> None:
    run = run_at(2, timed(6.0))
    store = put(folder, [run_at(1, timed(5.0)), run])
    (folder / file_name(run)).write_bytes(encode(run)[:-9])
    assert values(store) == [5.0]
    (folder / file_name(run)).write_bytes(encode(run))
    assert values(store) == [5.0, 6.0]
    with updated_index(store) as index:
        assert index.notes() == []


def test_only_the_newest_of_many_bad_files_are_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        run_at(hour, timed(pair=pair), pair=pair) for hour, pair in enumerate(["z@cpu", "m@cpu", "a@cpu"])
    ]
    put(folder, runs)
    for run in runs:
        (folder / file_name(run)).write_bytes(b"{")
    store = CountingStore(folder)
    updated_index(store).close()
    store.was_read.clear()
    monkeypatch.setattr("ttci.history.index.index._MOST_BAD", 2)
    updated_index(store).close()
    assert sorted(store.was_read) == sorted(map(file_name, runs[1:]))


def test_half_a_character_in_a_file_is_spelled_out_and_loses_nothing(folder: Path) -> None:
    store = put(folder, [run_at(1)])
    bad = json.loads(encode(run_at(2)))
    bad["environment"]["host"] = "\ud800"
    name = f"runs/{PAIR}/2026-03/20260301T020000-0123456789abcdef.json"
    (folder / name).write_text(json.dumps(bad))
    put(folder, [run_at(3)])
    with updated_index(store) as index:
        assert [point.host for point in index.points(LATENCY)][1] == "\\ud800"
        assert len(index.points(LATENCY)) == 3
        assert index.notes() == []


def test_a_copy_under_another_name_is_one_run_and_is_said(folder: Path) -> None:
    run = run_at(1)
    store = put(folder, [run, run_at(2)])
    copy = f"runs/{PAIR}/2026-03/20260301T010000-ffffffffffffffff.json"
    (folder / copy).write_bytes(encode(run))
    with updated_index(store) as index:
        assert len(index.points(LATENCY)) == 2
        assert index.notes() == [f"{copy}: left out: the same run as {file_name(run)}"]
    (folder / file_name(run)).unlink()  # now the copy is the only one
    with updated_index(store) as index:
        assert len(index.points(LATENCY)) == 2
        assert index.notes() == []


def test_two_runs_of_a_pair_that_began_at_once_are_two(folder: Path) -> None:
    store = put(folder, [run_at(1, timed(5.0)), run_at(1, timed(6.0))])
    assert sorted(values(store)) == [5.0, 6.0]


def test_a_clock_in_the_future_is_said_and_is_no_baseline(folder: Path) -> None:
    now = datetime.now(timezone.utc)
    ahead = run_at((now + timedelta(minutes=6) - FIRST) / timedelta(hours=1))
    store = put(folder, [run_at(1), ahead])
    with updated_index(store) as index:
        [note] = index.notes()
        assert file_name(ahead) in note
        assert "clock was ahead" in note
        far = now + timedelta(days=1000)
        assert [run.run_id for run in index.runs_on(PAIR, "main", far, most=9)] == [run_id(run_at(1))]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 999, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_foreign_index_file_is_thrown_away_and_made_anew(folder: Path, content: bytes) -> None:
    store = put(folder, [run_at(1, timed(5.0))])
    index_file(store).parent.mkdir(parents=True)
    index_file(store).write_bytes(content)
    assert values(store) == [5.0]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_torn_index_is_thrown_away_and_made_anew(folder: Path, share: float) -> None:
    runs = [run_at(hour, *(timed(5.0, f"layer_{n}") for n in range(30))) for hour in range(20)]
    store = put(folder, runs)
    updated_index(store).close()
    content = index_file(store).read_bytes()
    index_file(store).write_bytes(content[: int(share * len(content))])
    assert len(values(store, Series(identity("layer_7"), "latency_ms", "ms"))) == 20


def test_an_index_that_turns_out_damaged_says_so_and_the_next_one_is_whole(folder: Path) -> None:
    runs = [run_at(hour, *(timed(5.0, f"layer_{n}") for n in range(30))) for hour in range(20)]
    store = put(folder, runs)
    updated_index(store).close()
    with updated_index(store) as index:
        content = bytearray(index_file(store).read_bytes())
        for page in range(2 * 4096, len(content), 4096):
            content[page : page + 64] = b"\xff" * 64
        index_file(store).write_bytes(content)
        with pytest.raises(DamagedIndexError, match="run the command again"):
            index.points(Series(identity("layer_7"), "latency_ms", "ms"))
    assert len(values(store, Series(identity("layer_7"), "latency_ms", "ms"))) == 20


def test_an_index_of_another_version_is_made_anew(folder: Path) -> None:
    store = put(folder, [run_at(1, timed(5.0))])
    updated_index(store).close()
    with sqlite3.connect(index_file(store)) as connection:
        connection.execute("PRAGMA user_version = 7")
        connection.execute("DELETE FROM points")
    connection.close()
    assert values(store) == [5.0]


def test_the_index_can_be_deleted_at_any_time(folder: Path) -> None:
    store = put(folder, [run_at(1, timed(5.0))])
    with updated_index(store) as index:
        index_file(store).unlink()
        assert [point.value for point in index.points(LATENCY)] == [5.0]
    assert values(store) == [5.0]


UPDATE = """
import sys
from pathlib import Path
from ttci.history.stores.folder import FolderStore
from ttci.history.index.index import updated_index
with updated_index(FolderStore(Path(sys.argv[1]))) as index:
    print(len(index.runs()), sum(run.figures for run in index.runs()))
"""


def test_processes_that_update_at_once_make_one_whole_index(folder: Path) -> None:
    store = put(folder, [run_at(hour, timed(), timed(test="ffn")) for hour in range(200)])
    command = [sys.executable, "-c", UPDATE, str(folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert {process.communicate()[0] for process in running} == {"200 400\n"}
    assert len(values(store)) == 200


def test_runs_and_series_are_chosen_by_globs_of_pairs(folder: Path) -> None:
    other = "bert@cpu"
    store = put(folder, [run_at(1), run_at(2, timed(pair=other), pair=other), run_at(3)])
    with updated_index(store) as index:
        assert index.pairs() == [other, PAIR]
        assert index.pairs(["bert@*"]) == [other]
        assert index.pairs(["no*"]) == []
        assert [run.pair for run in index.runs()] == [PAIR, other, PAIR]
        assert [run.started.hour for run in index.runs([PAIR], most=1)] == [3]
        assert index.series([other]) == [Series(identity(pair=other), "latency_ms", "ms")]


def test_a_run_is_found_by_the_begin_of_its_id(folder: Path) -> None:
    runs = [run_at(hour) for hour in range(3)]
    with updated_index(put(folder, runs)) as index:
        for run in runs:
            assert [found.run_id for found in index.runs_with_id(run_id(run)[:8])] == [run_id(run)]
        assert len(index.runs_with_id("")) == 3
        assert index.runs_with_id("zz") == []


def test_figures_of_a_run_are_all_that_it_measured(folder: Path) -> None:
    store = put(folder, [run_at(1, timed(5.0), timed(7.0, "ffn"), timed(None, "norm"))])
    with updated_index(store) as index:
        [run] = index.runs()
        figures = index.figures(run)
    assert [(series.identity, point.value) for series, point in figures] == [
        (identity(), 5.0),
        (identity("ffn"), 7.0),
    ]
    assert run.figures == 2


def test_a_store_out_of_reach_is_a_note_and_what_was_fetched_is_used(folder: Path) -> None:
    class Unreachable(FolderStore):
        def names(self) -> list[str]:
            raise MachineryError("no route to host")

        def names_as_last_fetched(self) -> list[str]:
            return FolderStore.names(self)

    put(folder, [run_at(1)])
    with updated_index(Unreachable(folder)) as index:
        assert len(index.points(LATENCY)) == 1
        assert index.notes() == ["no route to host; what follows is of the runs that were fetched last"]


def test_a_query_reads_as_much_of_a_large_history_as_of_a_small_one(folder: Path) -> None:
    with updated_index(put(folder, [run_at(hour) for hour in range(3)])) as index:
        plans = " ".join(_plans(index))
    assert "SCAN" not in plans
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans


def _plans(index: Index) -> Iterator[str]:
    """How SQLite answers what is asked of every series, and of every run."""
    connection = index._database._connection
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    [line] = index.lines(PAIR)[LATENCY].values()
    index.newest_points((line, ""), "main", {}, (FIRST, FIRST + timedelta(days=1)), 9)
    index.runs_on(PAIR, "main", FIRST + timedelta(days=1), most=9)
    connection.set_trace_callback(None)
    for query in asked:
        yield from (str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))


def conditions(run: Run) -> str:
    """Of the only figure of a run."""
    [figure] = figures_of(run)
    return figure.conditions


def test_conditions_leave_out_what_is_no_bar() -> None:
    run = run_at(1, timed(config={"module": "Attention", "declared_at": "m.py:3", "cut_from": [1]}))
    other = run_at(9, timed(config={"module": "Fast"}), host="rack8", torch="2.13.1", python="3.12")
    assert conditions(run) == conditions(other)
    assert difference(versions_of(run), versions_of(other)) == (
        "torch 2.13.0 → 2.13.1, python 3.12, of which nothing was known"
    )


def test_a_field_that_this_ttci_does_not_know_parts_no_history() -> None:
    run = run_at(1)
    other = run_at(2, timed(config={"seed": 7, "layout": {"tile": 32}}), rig="b", room={"celsius": 21.5})
    assert conditions(run) == conditions(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"torch": "2.14.0"}, "torch 2.13 → 2.14"),
        ({"cpu": "Xeon; 8488C"}, "cpu EPYC 7763 → Xeon, 8488C"),
        ({"cores": 2}, "cores 4 → 2"),
        ({"products": "float32"}, "products native → float32"),
    ],
)
def test_conditions_differ_by_machine_and_line_of_software(change: dict[str, Any], said: str) -> None:
    run, other = run_at(1), run_at(2, **change)
    assert difference(conditions(run), conditions(other)) == said


def test_conditions_of_a_board_are_its_own_and_not_the_hosts_processor() -> None:
    def of_board(**environment: Any) -> Run:
        return run_at(1, fidelity=Fidelity.SILICON, ttnn="0.81.1", boards="n150", **environment)

    here = of_board(firmware="19.2.0.0")
    assert conditions(here) == (
        "fidelity silicon; ttnn 0.81; boards n150; firmware 19.2; dtype bfloat16; shape 1x128x4096"
    )
    there = of_board(firmware="19.2.1.0", cpu="Xeon", torch="2.14.0")
    assert conditions(there) == conditions(here)


def test_boards_of_a_host_are_those_that_its_driver_names(tmp_path: Path) -> None:
    assert boards_in(tmp_path) == {}
    for chip, kind in enumerate(("n300", "n150")):
        folder = tmp_path / f"class/tenstorrent/tenstorrent!{chip}"
        folder.mkdir(parents=True)
        (folder / "tt_card_type").write_text(f"{kind}\n")
        (folder / "tt_fw_bundle_ver").write_text("19.2.0.0\n")
    (tmp_path / "module/tenstorrent").mkdir(parents=True)
    (tmp_path / "module/tenstorrent/version").write_text("2.4.1\n")
    assert boards_in(tmp_path) == {"boards": "n300, n150", "firmware": "19.2.0.0", "driver": "2.4.1"}


def test_conditions_differ_by_shape_dtype_and_kernel() -> None:
    shapes: list[dict[str, Any]] = [
        {},
        {"input_shape": [1, 64, 4096]},
        {"dtype": "float32"},
        {"kernel": {"op": "linear"}},
    ]
    runs = [run_at(1, timed(config=config)) for config in shapes]
    assert len({conditions(run) for run in runs}) == 4


def test_a_pull_request_from_a_branch_called_main_is_not_main() -> None:
    assert branch_of(run_at(1)) == "main"
    assert branch_of(run_at(1, event="pull_request")) == "main (pull request)"
    assert branch_of(run_at(1, git_branch=None)) is None
