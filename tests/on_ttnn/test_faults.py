"""Faults in ttnn implementations are all caught with no board, and told by operation or check."""

from __future__ import annotations

import re

import pytest
from faults import FAULTS, Fault  # type: ignore[import-not-found]  # beside this file
from one_process import printed_by  # type: ignore[import-not-found]

SUBJECTS = sorted({(fault.board, fault.subject) for fault in FAULTS})


@pytest.mark.parametrize(("board", "subject"), SUBJECTS)
def test_without_a_fault_it_passes(board: str, subject: str) -> None:
    assert printed_by("faults.py", board)[subject] == {"outcome": "passed", "message": ""}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.board}-{fault.name}")
def test_fault_is_caught_and_told(fault: Fault) -> None:
    judged = printed_by("faults.py", fault.board)[fault.name]
    assert judged["outcome"] in ("failed", "error", "unavailable")
    assert re.search(fault.told, judged["message"], re.MULTILINE), judged["message"]
    assert "\nbacktrace" not in judged["message"]


def test_the_table_holds_forty_faults_of_one_chip() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert sum(fault.board == "n150" for fault in FAULTS) >= 40


def test_pool_without_l1_for_small_buffers_is_told_how_to_get_some() -> None:
    told = printed_by("small_l1.py", "0")
    assert told["outcome"] == "failed"
    assert re.search(
        r"ttnn\.max_pool2d of .* does not fit: .* L1_SMALL .*; give the device a larger l1-small-bytes$",
        told["message"],
    )
    assert printed_by("small_l1.py", "4096")["outcome"] == "passed"
