"""Files that an older ttci wrote are read without loss: the same results, series and verdicts.

``tests/data/older`` holds what ttci wrote while `Run.environment` and `Result.config` were tables
without a schema and a check's state was told by its message, and in ``expected.json`` what that
ttci made of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.history_repositories import git, make_repositories
from tests.root import ROOT
from ttci.artifacts.unfinished import is_any_running, unfinished_in
from ttci.drift.compare import view_of
from ttci.history import record
from ttci.history.index.index import updated_index
from ttci.history.stores.branch import BranchStore
from ttci.history.stores.folder import FolderStore
from ttci.history.stores.protocol import Store
from ttci.report.drift_reasons import reason_text
from ttci.results import exit_code, parse_run, read_run, write_run

OLDER = ROOT / "tests" / "data" / "older"
EXPECTED = json.loads((OLDER / "expected.json").read_text(encoding="utf-8"))
RUNS = sorted(EXPECTED["states"])
OF_A_RUN = ("run_id", "file", "commit", "branch", "host", "versions")
OF_A_POINT = ("value", "conditions", "target")
STORED = sorted((OLDER / "history").rglob("*.json"))


@pytest.fixture
def no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in no repository; the cache is the test's own."""
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "no repository").mkdir()
    return tmp_path / "no repository"


def read_by_index(store: Store, folder: Path) -> dict[str, Any]:
    """As the ttci that wrote the files did for ``expected.json``."""
    now = read_run(OLDER / "now" / "run.json")
    with updated_index(store) as index:
        runs = [
            {
                **{name: getattr(run, name) for name in OF_A_RUN},
                "figures": [
                    [
                        str(series),
                        series.unit,
                        series.direction,
                        *(getattr(point, name) for name in OF_A_POINT),
                    ]
                    for series, point in index.figures(run)
                ],
            }
            for run in index.runs()
        ]
        drift = [
            [
                str(each.series),
                str(each.judgement.drift),
                reason_text(each.judgement.reason),
                len(each.window),
            ]
            for each in view_of([now], index, folder, "main").series
        ]
        return {"notes": index.notes(), "runs": runs, "drift": drift}


def test_a_history_in_a_folder_has_the_same_series_conditions_and_verdicts(no_repository: Path) -> None:
    found = read_by_index(FolderStore(OLDER / "history"), no_repository)
    assert found == EXPECTED["folder"]
    assert len({row[4] for run in found["runs"] for row in run["figures"]}) > 10


def test_a_history_on_a_branch_has_the_same_series_conditions_and_verdicts(
    tmp_path: Path, no_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repositories = make_repositories(tmp_path, monkeypatch)
    exported = (OLDER / "branch.txt").read_text(encoding="utf-8")
    git(repositories.remote, "fast-import", "--quiet", feed=exported)
    found = read_by_index(BranchStore("ttci-history", repositories.clone()), no_repository)
    assert found == EXPECTED["branch"]


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.stem)
def test_a_run_of_a_history_keeps_its_id_and_every_byte(file: Path) -> None:
    content = file.read_bytes()
    run = record.decode(content, file.name)
    assert record.encode(run) == content
    assert record.encode(record.recorded(run)) == content
    assert record.file_name(run) == file.relative_to(OLDER / "history").as_posix()


@pytest.mark.parametrize("name", RUNS)
def test_the_state_of_every_check_is_known(name: str) -> None:
    run = read_run(OLDER / name)
    assert EXPECTED["states"][name] == {
        "exit_code": exit_code(run.results),
        "unfinished": unfinished_in(run),
        "lost": [result.id for result in run.results if result.is_lost],
        "is_any_running": is_any_running(run),
    }


def holds(now: Any, before: Any) -> bool:
    """Whether `now` says all that `before` does."""
    match before:
        case dict():
            return now.keys() >= before.keys() and all(holds(now[key], before[key]) for key in before)
        case list():
            return len(now) == len(before) and all(map(holds, now, before))
    return bool(now == before)


@pytest.mark.parametrize("name", [*RUNS, "now/run.json"])
def test_a_run_json_is_read_and_written_without_loss(name: str, tmp_path: Path) -> None:
    before = (OLDER / name).read_bytes()
    write_run(tmp_path / "run.json", parse_run(before, name))
    assert holds(json.loads((tmp_path / "run.json").read_bytes()), json.loads(before))
