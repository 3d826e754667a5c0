"""Collectives on mock boards: what each chip holds afterwards; chip k was given tensors of k."""

from __future__ import annotations

import pytest
import torch
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

from ttci.devices.ttnn.goldens import COLLECTIVES, OnChips

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


def test_gathered_product_takes_the_weight_of_each_chip() -> None:
    gathered, product = printed_by("fused_collectives_read.py", "t3k", "1", "8")["all_gather_matmul_async"]
    assert (gathered["shape"], product["shape"]) == ([1, 1, 32, 256], [1, 1, 32, 32])
    assert gathered["numbers"] == [list(range(32))] * 8  # the beginning of each row is chip 0's
    for chip, numbers in enumerate(product["numbers"]):
        expected = [chip * sum(32 * (other + row) for other in range(8)) for row in range(32)]
        assert numbers == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("board", "rows"), [("t3k", 2), ("glx", 8)])
def test_sums_over_the_chips_of_a_row_are_shared_out(board: str, rows: int) -> None:
    found = printed_by("fused_collectives_read.py", board, str(rows), "4")
    if "all_gather_concat" in found:
        [joined] = found["all_gather_concat"]
        heads = [user + 32 * head for user in range(32) for head in range(8)]  # of each user's, side by side
        assert joined["numbers"] == [pytest.approx(heads, rel=0.01)] * 32
    # What chip k gave for user n is k + n, and 100 and 200 more in keys and values.
    total = {chip: sum(range(chip // 4 * 4, chip // 4 * 4 + 4)) for chip in range(4 * rows)}

    [part] = found["llama_reduce_scatter"]
    assert part["shape"] == [1, 1, 32, 256]
    for chip, numbers in enumerate(part["numbers"]):  # the part of the row's n-th chip begins with n more
        assert numbers == pytest.approx([total[chip] + 4 * (user + chip % 4) for user in range(32)], rel=0.01)

    whole, *reduced = found["all_reduce_create_qkv_heads"]
    assert whole["shape"] == [1, 1, 32, 1280]
    assert [heads["shape"] for heads in reduced] == [[1, 8, 8, 128], [1, 8, 1, 128], [1, 8, 1, 128]]
    scattered = found["llama_rs_create_heads"]
    assert [heads["shape"] for heads in scattered] == [[1, 8, 8, 128]] * 3
    for chip in range(4 * rows):
        users = range(chip % 4 * 8, chip % 4 * 8 + 8)
        for kind, more in enumerate((0, 100, 200)):
            sums = [total[chip] + 4 * (user + more) for user in users]
            heads = [each for each in sums for _ in range(1 if kind else 8)]
            assert reduced[kind]["numbers"][chip] == pytest.approx(heads, rel=0.01)
            shared = scattered[kind]["numbers"][chip]
            assert (shared[::8] if kind else shared) == pytest.approx(heads, rel=0.01)
            assert not kind or set(shared) - set(shared[::8]) == {-1.0}  # undefined beside the only head


def test_norm_over_the_chips_of_a_row_leaves_the_sum_where_the_residual_was() -> None:
    normed, residual = printed_by("fused_collectives_read.py", "t3k", "2", "4")["fused_rms_minimal"]
    assert (normed["shape"], residual["shape"]) == ([1, 1, 32, 64], [1, 1, 32, 64])
    for chip in range(8):
        row = range(chip // 4 * 4, chip // 4 * 4 + 4)
        for user in range(32):
            mean_square = sum((other + user + 2) ** 2 for other in row) / 4
            expected = (chip + user + 2) / mean_square**0.5 * (chip + 1)
            assert normed["numbers"][chip][user] == pytest.approx(expected, rel=0.02)
            assert residual["numbers"][chip][user] == chip + user + 2


@pytest.mark.parametrize("second", [False, True])
def test_golden_of_a_product_beside_a_reduce_scatter(second: bool) -> None:
    """Its cores are those of a Galaxy's prefetcher, so that ttnn itself is not called here."""
    x, first, other, given = (OnChips(torch.randn(4, 32, 64)) for _ in range(4))
    weights = [OnChips(weight.mT for weight in each) for each in (first, other)]
    more = {"second_weight_tensor": weights[1]} if second else {"rs_tensor": given}
    golden = COLLECTIVES["ttnn.experimental.llama_rs_matmul"]
    by_chip = golden(list(x), (2, 2), weights[0], OnChips(x), 1, None, 1, None, 1, None, **more)
    for chip, (product, *_, part) in enumerate(by_chip):
        assert torch.equal(product, x[chip] @ first[chip].T)
        row = (chip // 2 * 2, chip // 2 * 2 + 1)
        summed = [x[each] @ first[each].T if second else given[each] for each in row]
        width = summed[0].shape[1] // 2
        assert torch.allclose(part, (summed[0] + summed[1])[:, chip % 2 * width :][:, :width], atol=1e-5)
    if second:
        assert torch.equal(by_chip[3][1], x[3] @ other[3].T)
