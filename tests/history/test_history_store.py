"""What of a run history keeps, and the store in a folder."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.history_repositories import files_of, measured_run
from tests.pair_folders import latency, result_of, run_of
from ttci.errors import InputError, MachineryError
from ttci.history import record
from ttci.history.stores import chosen_store, open_store
from ttci.history.stores.folder import FolderStore
from ttci.results import Config, ErrorMap, Fidelity, Measurement, Outcome

NAME = "runs/llama3@n150/2026-03/20260301T120100-{}.json"


def test_record_is_read_as_it_was_written() -> None:
    run = record.recorded(measured_run(1, samples=[3.9, 4.0, 4.1]))
    assert record.decode(record.encode(run), "x") == run


def test_record_holds_figures_and_no_messages_or_places() -> None:
    result = result_of("a@b", message="wrong", measurements=[latency(4.0)], targets_at={"latency_ms": "x:1"})
    [kept] = record.recorded(run_of("a@b", result)).results
    assert kept.message == ""
    assert kept.config == Config(dtype="bfloat16")
    assert kept.measurements == result.measurements


def test_record_holds_no_map_of_an_error_so_that_older_readers_read_on() -> None:
    result = result_of("a@b", outcome=Outcome.FAILED)
    found = ErrorMap(
        axes=("tokens", "features"),
        size=(1, 1),
        heat=((0.5,),),
        spread=1.0,
        edges=(-1.0, 1.0),
        counts=(1,),
        pairs=((0.0, 0.5),),
    )
    mapped = result.model_copy(update={"error_map": found})
    encoded = [record.encode(record.recorded(run_of("a@b", each))) for each in (result, mapped)]
    assert encoded[0] == encoded[1]
    assert b"error_map" not in encoded[1]


@pytest.mark.parametrize("fidelity", [Fidelity.GOLDEN, Fidelity.BIT_EXACT])
def test_times_of_a_mock_and_of_a_simulator_are_not_kept(fidelity: Fidelity) -> None:
    memory = Measurement(name="memory_mb", value=3.0, unit="MB")
    run = run_of("a@b", result_of("a@b", measurements=[latency(4.0), memory]), fidelity=fidelity)
    assert record.recorded(run).results[0].measurements == (memory,)


def test_id_is_of_what_was_measured_and_not_of_its_samples() -> None:
    [name], [same], [other] = map(
        files_of, (measured_run(1), measured_run(1, [1.0]), measured_run(1, host="h"))
    )
    assert name == same == NAME.format(record.id_in(name))
    assert record.id_in(name) != record.id_in(other)


def test_name_and_id_are_the_same_whatever_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured_run(1)
    elsewhere = run.started.astimezone(timezone(timedelta(hours=-11)))
    zoneless = run.started.replace(tzinfo=None)
    names = set(files_of(run))
    try:
        for zone in ("Pacific/Kiritimati", "UTC"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            for started in (elsewhere, zoneless):
                names |= set(files_of(run.model_copy(update={"started": started})))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert names == set(files_of(run))


@pytest.mark.parametrize("pair", ["../../x@y", "a/b@c", "a@b\n", "a", ""])
def test_pair_that_leads_elsewhere_has_no_file(pair: str) -> None:
    run = measured_run(1).model_copy(update={"pair": pair})
    with pytest.raises(InputError, match="is not a pair"):
        record.file_name(run)


def test_time_before_the_calendar_of_names_has_no_file() -> None:
    run = measured_run(1).model_copy(update={"started": datetime(1, 1, 1, tzinfo=timezone.utc)})
    with pytest.raises(InputError, match="cannot be kept"):
        record.file_name(run)


def test_file_that_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MOST_BYTES", 10)
    with pytest.raises(MachineryError, match=r"^name: more than 0 MiB; it is not read$"):
        record.decode(b"x" * 11, "name")


def test_folder_holds_what_was_added_once(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "history")
    assert store.names() == []
    files = files_of(measured_run(2), measured_run(1))
    assert sorted(store.change(files, {}, "")) == store.names() == sorted(files)
    assert store.change(files, {}, "") == []
    assert dict(store.read(store.names())) == files


def test_file_of_a_folder_is_replaced_only_where_it_is_there(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (first,) = store.change(files_of(measured_run(1)), {}, "")
    [gone] = files_of(measured_run(2))
    assert store.change({}, {first: b"{}", gone: b"{}"}, "") == [first]
    assert dict(store.read([first, gone])) == {first: b"{}"}


def test_folder_ignores_what_is_no_run(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (name,) = store.change(files_of(measured_run(1)), {}, "")
    for foreign in ("README.md", "runs/x.json", f"{name}.bak", name.replace("2026-03/", "2026-03/.")):
        (tmp_path / foreign).write_text("{}")
    (tmp_path / "runs/llama3@n150/2026-04").symlink_to("2026-03")
    (tmp_path / name.replace("120100", "120200")).symlink_to("/etc/passwd")
    assert store.names() == [name]


def test_file_that_cannot_be_read_comes_as_a_torn_one(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    [name] = files_of(measured_run(1))
    (tmp_path / name).mkdir(parents=True)
    [(_, content)] = store.read([name])
    with pytest.raises(MachineryError, match="cannot be read"):
        record.decode(content, name)


def test_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")
    store = FolderStore(tmp_path / "history")
    with pytest.raises(MachineryError, match=r"history: not a folder$"):
        store.names()
    with pytest.raises(MachineryError, match=r"history: not a folder$"):
        store.change(files_of(measured_run(1)), {}, "")


def test_sources_are_opened_by_their_form(tmp_path: Path) -> None:
    assert open_store("off", tmp_path) is None
    for source, is_called in {
        "branch": "branch:ttci-history",
        "branch:perf/main": "branch:perf/main",
        f"folder:{tmp_path}": f"folder:{tmp_path}",
    }.items():
        store = open_store(source, tmp_path)
        assert store is not None
        assert store.source == is_called


@pytest.mark.parametrize("source", ["", "Off", "folder", "folder:", "git:x", "branch:"])
def test_other_sources_are_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^--history .*: not a history; write branch .* folder:PATH, or off$"
    ):
        open_store(source, tmp_path)


@pytest.mark.parametrize(
    "name", ["-x", "a b", "a..b", "a//b", "/a", "a/", "a.lock", "a/.b", "a:b", "a.", "é"]
)
def test_branch_that_git_would_refuse_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no branch of such a name; write branch:NAME"):
        open_store(f"branch:{name}", tmp_path)


def test_source_is_chosen_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    absent = tmp_path / "models_manifest.toml"
    assert chosen_store(None, absent) is None
    assert chosen_store("off", absent) is None
    store = chosen_store("folder:kept", absent)
    assert store is not None
    assert store.key == f"folder:{os.path.realpath(tmp_path)}/kept"


def test_manifest_says_which_history_where_no_option_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    manifest = Path("project/models_manifest.toml")
    manifest.write_text('[history]\nstore = "folder:kept"\n[devices.cpu]\nbackend = "torch"\n')
    stated, asked = chosen_store(None, manifest), chosen_store("folder:other", manifest)
    assert stated is not None
    assert asked is not None
    assert stated.key == f"folder:{tmp_path}/project/kept"  # beside the manifest
    assert asked.key == f"folder:{tmp_path}/other"  # where the user is
