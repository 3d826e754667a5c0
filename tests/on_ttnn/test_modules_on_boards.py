"""Every module's ttnn implementation has its reference's numbers on every board."""

from __future__ import annotations

import pytest
from judged import BOARDS, CASES  # type: ignore[import-not-found]  # beside this file
from one_process import printed_by  # type: ignore[import-not-found]

TOLERANCE = 1e-3


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("board", BOARDS)
def test_module_equals_its_reference(board: str, case: str) -> None:
    judged = printed_by("judged.py", board)[case]
    assert judged["error"] == ""
    assert judged["shape"] == judged["expected_shape"]
    assert judged["correlation"] >= 1 - TOLERANCE
    assert abs(judged["slope"] - 1) <= 5 * TOLERANCE
    assert abs(judged["mean_shift"]) <= 5 * TOLERANCE
    assert judged["chips_agree"]
    assert judged["repeats"]
