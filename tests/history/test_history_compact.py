"""Compaction: older runs keep quantiles of their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.history_repositories import PAIR, Repositories, files_of, make_repositories, measured_run
from ttci.cli.main import main
from ttci.history import DEFAULT_BRANCH, record
from ttci.history.compact import compact, compact_when_due, quantiles
from ttci.history.stores.branch import BranchStore
from ttci.history.stores.folder import FolderStore
from ttci.history.stores.protocol import Store
from ttci.results import Measurement, write_run

SAMPLES = [4 + index / 10 for index in range(17)]


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repositories:
    return make_repositories(tmp_path, monkeypatch)


def measurements(store: Store) -> list[Measurement]:
    """Of every run, oldest first."""
    runs = [record.decode(content, name) for name, content in store.read(store.names())]
    return [run.results[0].measurements[0] for run in runs]


def test_quantiles_are_even_and_hold_the_extremes() -> None:
    assert quantiles(SAMPLES[::-1]) == tuple(SAMPLES[::2])
    assert quantiles([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)
    assert quantiles([5.0]) == (5.0,)
    assert quantiles([1 / 3] * 20) == (0.333333,) * 9


def test_newest_runs_of_each_pair_keep_their_samples(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    runs = [measured_run(number, SAMPLES, pair) for pair in ("a@b", "a@b+c") for number in range(5)]
    store.change(files_of(*runs), {}, "")
    names = store.names()
    done = compact(store, keep=2)
    assert done.files == 6
    assert done.saved_bytes > 0
    assert store.names() == names
    assert [len(m.samples) for m in measurements(store)] == [0, 0, 0, 17, 17] * 2
    assert [m.quantiles for m in measurements(store)] == [tuple(SAMPLES[::2])] * 3 + [()] * 2 + [
        tuple(SAMPLES[::2])
    ] * 3 + [()] * 2


def test_compacted_run_has_its_id_and_figures(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    run = record.recorded(measured_run(1, SAMPLES))
    store.change(files_of(run, measured_run(2)), {}, "")
    compact(store, keep=1)
    name = record.file_name(run)
    slim = record.decode(dict(store.read([name]))[name], name)
    assert record.file_name(slim) == name
    assert slim.results[0].measurements[0].value == run.results[0].measurements[0].value


def test_second_compaction_changes_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.change(files_of(*[measured_run(number, SAMPLES) for number in range(4)]), {}, "")
    assert compact(store, keep=1).files == 3
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    done = compact(store, keep=1)
    assert (done.files, done.saved_bytes) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before


def test_torn_file_is_said_and_left(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    torn, whole, _ = store.change(files_of(*[measured_run(number, SAMPLES) for number in range(3)]), {}, "")
    (tmp_path / torn).write_text("{")
    done = compact(store, keep=1)
    assert done.files == 1
    [problem] = done.problems
    assert problem.startswith(f"{torn}: cannot be read")
    assert (tmp_path / torn).read_text() == "{"
    assert "quantiles" in (tmp_path / whole).read_text()


def test_branch_is_compacted_in_one_commit(repositories: Repositories) -> None:
    store = BranchStore("ttci-history", repositories.clone())
    store.change(files_of(*[measured_run(number, SAMPLES) for number in range(5)]), {}, "first")
    assert compact(store, keep=2).files == 3
    assert repositories.branch("rev-list", "--count") == "2"
    assert [len(m.samples) for m in measurements(store)] == [0, 0, 0, 17, 17]
    assert compact(store, keep=2).files == 0
    assert repositories.branch("rev-list", "--count") == "2"


def test_run_that_is_added_meanwhile_survives_compaction(repositories: Repositories) -> None:
    store = BranchStore("ttci-history", repositories.clone())
    store.change(files_of(*[measured_run(number, SAMPLES) for number in range(3)]), {}, "first")
    [late] = files_of(measured_run(9, SAMPLES))

    class Slow(BranchStore):
        """Between its reading and its push somebody else adds a run."""

        def change(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:
            store.change(files_of(measured_run(9, SAMPLES)), {}, "late")
            return super().change(add, replace, message)

    assert compact(Slow("ttci-history", repositories.clone("other")), keep=1).files == 2
    assert late in repositories.names()
    store.names()
    assert [len(m.samples) for m in measurements(store)] == [0, 0, 17, 17]


def test_run_that_was_removed_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    class Slow(FolderStore):
        """Between reading and writing somebody removes every file."""

        def change(self, add: Mapping[str, bytes], replace: Mapping[str, bytes], message: str) -> list[str]:
            for name in self.names():
                (tmp_path / name).unlink()
            return super().change(add, replace, message)

    FolderStore(tmp_path).change(files_of(*[measured_run(n, SAMPLES) for n in range(3)]), {}, "")
    assert compact(Slow(tmp_path), keep=1).files == 0
    assert FolderStore(tmp_path).names() == []


def test_only_the_files_of_older_runs_are_read(tmp_path: Path) -> None:
    asked: list[str] = []

    class Counted(FolderStore):
        def read(self, names: Sequence[str]):  # type: ignore[no-untyped-def]  # noqa: ANN202
            asked.extend(names)
            return super().read(names)

    store = Counted(tmp_path)
    store.change(files_of(*[measured_run(number) for number in range(6)]), {}, "")
    compact(store, keep=4)
    assert asked == store.names()[:2]


def test_ten_older_runs_are_compacted_as_they_come(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    runs = [measured_run(number, SAMPLES, pair) for number in range(11) for pair in ("a@b", "other@b")]
    store.change(files_of(*runs), {}, "")
    assert compact_when_due(store, {"a@b"}, keep=2).files == 0
    store.change(files_of(measured_run(11, SAMPLES, "a@b")), {}, "")
    assert compact_when_due(store, {"a@b"}, keep=2).files == 10
    assert [len(m.samples) for m in measurements(store)] == [0] * 10 + [17] * 2 + [17] * 11
    assert compact_when_due(store, {"a@b"}, keep=2).files == 0


def test_adding_a_run_keeps_the_history_small(
    repositories: Repositories, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = repositories.clone()
    store = BranchStore(DEFAULT_BRANCH, clone)
    earlier = [measured_run(number, SAMPLES) for number in range(59)]
    store.change(files_of(*earlier), {}, "")
    monkeypatch.chdir(clone)
    write_run(clone / f"reports/{PAIR}/run.json", measured_run(59, SAMPLES))
    assert main(["history", "add", "--history", "branch"]) == 0
    assert "10 older runs keep quantiles instead of their samples now" in capsys.readouterr().out
    assert [len(m.samples) for m in measurements(BranchStore(DEFAULT_BRANCH, clone))] == [0] * 10 + [17] * 50
