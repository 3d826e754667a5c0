"""Collectives on mock boards: what each chip holds afterwards; chip k was given tensors of k."""

from __future__ import annotations

import pytest
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

MESHES = [("t3k", 2, 4), ("t3k", 1, 8), ("p150x4", 2, 2), ("glx", 8, 4)]


@pytest.mark.parametrize(("board", "rows", "columns"), MESHES)
def test_collectives_along_the_rows_of_a_mesh(board: str, rows: int, columns: int) -> None:
    found = printed_by("collectives_read.py", board, str(rows), str(columns))
    chips = range(rows * columns)
    row_of = {chip: [chip // columns * columns + column for column in range(columns)] for chip in chips}
    for topology in ("line", "ring"):
        assert found[f"all_gather {topology}"] == [row_of[chip] for chip in chips]
    assert found["all_to_all"] == [row_of[chip] for chip in chips]
    assert found["all_broadcast"] == [[[row_of[chip][column]] for chip in chips] for column in range(columns)]
    assert found["broadcast"] == [[0] if chip < columns else [chip] for chip in chips]
    assert found["point_to_point"].startswith("ttnn.point_to_point ends the process on a mock board")
