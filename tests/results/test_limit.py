"""The limit of a test on a board, and what it says of targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from tests.pair_folders import result_of, run_of
from tests.recorded_runs import run_at, timed
from ttci.catalog.boards import PASSES, ROOFS
from ttci.history.record import run_id
from ttci.manifest.device_entries import Board
from ttci.results import Limit, limit_of, read_run, why_impossible, write_run

MB = 10**6


def limit(board: str, dram_bytes: int, **multiply_adds: int) -> Limit:
    found = limit_of(board, dram_bytes, multiply_adds)
    assert found is not None
    return found


def test_every_board_of_a_manifest_has_a_roof_with_its_source() -> None:
    assert set(ROOFS) == set(get_args(Board))
    assert all("https://docs.tenstorrent.com/" in roof.source for roof in ROOFS.values())


@pytest.mark.parametrize(
    ("board", "fidelity", "tflops"),
    [  # of a board, as its specification has them: two operations a multiply-add
        ("n150", "HiFi4", 74),
        ("n150", "HiFi2", 148),
        ("n300", "HiFi4", 131),
        ("n300", "HiFi2", 262),
        ("p150", "LoFi", 664),
    ],
)
def test_the_peaks_are_those_that_the_vendor_states(board: str, fidelity: str, tflops: float) -> None:
    roof = ROOFS[board]
    of_board = 2 * roof.chips * roof.multiply_adds_per_ms(fidelity) * 1e3
    assert of_board / 1e12 == pytest.approx(tflops, rel=0.01)


def test_a_higher_fidelity_takes_as_many_times_longer_as_it_has_passes() -> None:
    one_pass = ROOFS["n150"].compute_ms({"LoFi": 10**12})
    assert {f: ROOFS["n150"].compute_ms({f: 10**12}) / one_pass for f in PASSES} == pytest.approx(PASSES)


def test_what_takes_longer_bounds() -> None:
    moving = limit("n150", 288 * MB, HiFi4=10**6)
    assert moving.latency_ms == pytest.approx(1.0)
    assert moving.bound_by == "DRAM"
    multiplying = limit("n150", MB, HiFi3=147_456 * MB, HiFi4=36_864 * MB)  # 3 ms and 1 ms at those peaks
    assert multiplying.latency_ms == pytest.approx(4.0)
    assert multiplying.bound_by == "compute"


def test_what_moves_and_multiplies_nothing_has_no_limit() -> None:
    assert limit_of("n150", 0, {}) is None


def test_a_limit_comes_back_from_the_file_and_older_files_have_none(tmp_path: Path) -> None:
    known = limit("n150", 288 * MB, HiFi4=10**6)
    result = result_of("m@n150", check="performance").model_copy(update={"limit": known})
    path = tmp_path / "run.json"
    write_run(path, run_of("m@n150", result))
    assert read_run(path).results[0].limit == known
    data = json.loads(path.read_text())
    del data["results"][0]["limit"]
    path.write_text(json.dumps(data))
    assert read_run(path).results[0].limit is None


def test_history_keeps_no_limit_so_that_older_readers_read_on() -> None:
    plain = timed(5.0, pair="m@n150")
    with_limit = plain.model_copy(update={"limit": limit("n150", MB)})
    runs = [run_at(0, result, pair="m@n150") for result in (plain, with_limit)]
    assert run_id(runs[0]) == run_id(runs[1])


@pytest.mark.parametrize(
    ("metric", "target", "is_possible"),
    [
        ("latency_ms", 1.0, True),
        ("latency_ms", 0.999, False),
        ("latency_ms", 5.0, True),
        ("tokens_per_s_per_user", 1000.0, True),
        ("tokens_per_s_per_user", 1001.0, False),
        ("memory_mb", 0.001, True),
    ],
)
def test_a_target_beyond_the_limit_is_impossible(metric: str, target: float, is_possible: bool) -> None:
    assert (why_impossible(metric, target, limit("n150", 288 * MB)) is None) == is_possible


def test_why_names_the_board_the_limit_and_what_takes_so_long() -> None:
    assert why_impossible("latency_ms", 0.5, limit("n150", 288 * MB)) == (
        "0.5 ms is below the limit of the n150, 1 ms: the DRAM of a chip needs that long for the 288 MB "
        "that must cross it, at 288 GB/s"
    )
    assert why_impossible("tokens_per_s_per_user", 9000, limit("n150", MB, HiFi4=36_864 * MB)) == (
        "9,000 tokens/s/user is above the limit of the n150, 1,000, as a step takes 1 ms: the matrix engines "
        "of a chip need that long for its multiply-adds, 36.86 billion at HiFi4"
    )
