"""What ttci says of a release of ttnn whose goldens are not those that it was tested with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.on_ttnn.conftest import Board
from ttci.devices.ttnn.releases import changed_goldens, golden_signatures, notice_of_changes


@pytest.fixture
def changed_gelu(n150: Board) -> Iterator[Any]:
    """A ttnn whose golden of gelu takes other arguments than it does."""
    operation = n150.ttnn.gelu
    before = operation.golden_function

    def golden(x: Any, *, approximation: bool = True) -> Any:  # noqa: ARG001
        return before(x)

    n150.ttnn.attach_golden_function(operation, golden)
    yield n150.ttnn
    n150.ttnn.attach_golden_function(operation, before)


def test_nothing_changed_in_the_release_that_the_tests_run_on(n150: Board) -> None:
    assert len(golden_signatures(n150.ttnn)) > 700
    assert changed_goldens(n150.ttnn) == []
    assert notice_of_changes(n150.ttnn) is None


def test_a_golden_that_takes_other_arguments_is_told_by_name(changed_gelu: Any) -> None:
    assert changed_goldens(changed_gelu) == ["ttnn.gelu"]
    notice = notice_of_changes(changed_gelu)
    assert notice is not None
    assert "its goldens of ttnn.gelu take other arguments" in notice


def test_the_notice_of_many_names_a_few(changed_gelu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ttci.devices.ttnn.releases.changed_goldens", lambda _: [f"ttnn.x{n}" for n in range(9)]
    )
    notice = notice_of_changes(changed_gelu)
    assert notice is not None
    assert "ttnn.x4 and 4 more take" in notice
