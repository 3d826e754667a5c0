"""Shipped models with implementations of their own are right on mock boards, and their mistakes are found."""

from __future__ import annotations

import re

import pytest
from fault import Fault  # type: ignore[import-not-found]  # beside this file
from one_process import printed_by  # type: ignore[import-not-found]
from shipped_faults import FAULTS  # type: ignore[import-not-found]

SUBJECTS = sorted({(fault.board, fault.subject) for fault in FAULTS})


@pytest.mark.parametrize(("board", "subject"), SUBJECTS)
def test_a_shipped_model_is_right(board: str, subject: str) -> None:
    assert printed_by("shipped_faults.py", board)[subject] == {"outcome": "passed", "message": ""}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.board}-{fault.subject}-{fault.name}")
def test_a_mistake_in_a_shipped_model_is_found(fault: Fault) -> None:
    judged = printed_by("shipped_faults.py", fault.board)[fault.name]
    assert judged["outcome"] == "failed"
    assert re.search(fault.told, judged["message"], re.MULTILINE), judged["message"]


@pytest.mark.parametrize("board", ["n150", "t3k"])
def test_a_vision_transformer_finds_the_classes_that_the_reference_finds(board: str) -> None:
    told = printed_by("shipped_faults.py", board)
    assert told["top-1 of vit"] >= 0.99
    assert told["top-1 of vit, pixels column by column"] < 0.9
