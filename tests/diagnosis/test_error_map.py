"""Pictures of an error: the heat map, the distribution, value against value, each of bounded size."""

from __future__ import annotations

import math

import pytest
import torch

from ttci.diagnosis.differences import difference
from ttci.diagnosis.error_map import (
    BINS,
    OF_A_DEBUG_RUN,
    OF_A_RESULT,
    distribution,
    error_map,
    pairs,
    pooled,
)
from ttci.results import ErrorMap


def test_one_wrong_token_is_a_row_of_the_heat_map() -> None:
    reference = torch.randn(1, 32, 64)
    output = reference.clone()
    output[0, 7] += 0.5
    found = error_map(output, reference)
    assert found is not None
    assert (found.axes, found.size) == (("tokens", "features"), (32, 64))
    assert [row for row, cells in enumerate(found.heat) if any(cells)] == [7]
    assert found.heat[7][0] == pytest.approx(0.5, rel=1e-3)


def test_of_heads_the_positions_are_across() -> None:
    reference = torch.zeros(1, 4, 16, 8)
    output = reference.clone()
    output[0, 2, 5, 0] = 1.0
    found = error_map(output, reference)
    assert found is not None
    assert (found.axes, found.size) == (("heads", "positions"), (4, 16))
    assert found.heat[2][5] == pytest.approx(math.sqrt(1 / 8), rel=1e-3)
    assert sum(cell or 0.0 for row in found.heat for cell in row) == pytest.approx(found.heat[2][5])


def test_a_large_output_is_pooled_and_its_mean_square_is_kept() -> None:
    error = torch.ones(512, 1024)
    error[:256] = 3.0
    found = error_map(error, torch.zeros_like(error))
    assert found is not None
    assert (len(found.heat), len(found.heat[0])) == (OF_A_DEBUG_RUN.most_cells, OF_A_DEBUG_RUN.most_cells)
    assert {cell for row in found.heat for cell in row} == {1.0, 3.0}
    assert pooled(torch.arange(8.0).reshape(2, 4), 2).tolist() == [[0.5, 2.5], [4.5, 6.5]]


def test_what_is_not_finite_is_nothing_in_its_cell_and_no_part_of_the_rest() -> None:
    output = torch.zeros(4, 4)
    output[1, 2] = torch.nan
    found = error_map(output, torch.zeros(4, 4))
    assert found is not None
    assert found.heat[1][2] is None
    assert found.heat[0][0] == 0
    assert sum(found.counts) == 15
    assert len(found.pairs) == 15


def test_the_distribution_has_every_error_in_a_bin_around_zero() -> None:
    edges, counts = distribution(torch.tensor([-1.0, 0.0, 0.0, 0.25]))
    assert (len(edges), len(counts)) == (BINS + 1, BINS)
    assert (edges[0], edges[-1]) == (-1.0, 1.0)
    assert counts[BINS // 2] == 2
    assert sum(counts) == 4


def test_an_output_that_is_right_has_a_distribution_too() -> None:
    _, counts = distribution(torch.zeros(10))
    assert counts[BINS // 2] == 10


def test_the_most_wrong_element_is_always_among_the_pairs_and_they_are_bounded() -> None:
    reference = torch.randn(100_000, dtype=torch.float64)
    output = reference.clone()
    output[12_345] = 99.0
    found = pairs(output, reference, OF_A_RESULT)
    assert len(found) <= OF_A_RESULT.most_pairs
    assert max(given for _, given in found) == 99.0


def test_the_map_of_a_result_is_small_and_reads_back_as_it_was() -> None:
    reference = torch.randn(1, 512, 1024)
    found = error_map(reference + torch.randn_like(reference) / 7, reference, OF_A_RESULT)
    assert found is not None
    text = found.model_dump_json()
    assert (len(found.heat), len(found.heat[0])) == (64, 64)
    assert len(text) < 40_000
    assert ErrorMap.model_validate_json(text) == found


def test_the_spread_is_of_what_is_finite_in_the_reference() -> None:
    reference = torch.tensor([[-1.0, 1.0, torch.inf]])
    found = error_map(torch.zeros(1, 3), reference)
    assert found is not None
    assert found.spread == 1.0
    assert found.heat == ((1.0, 1.0, None),)


def test_outputs_of_other_shapes_or_of_integers_have_no_picture() -> None:
    assert error_map(torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)) is None
    assert error_map(torch.zeros(2, 3), torch.zeros(3, 2)) is None
    assert error_map(torch.zeros(0), torch.zeros(0)) is None


def test_a_difference_is_relative_to_what_was_expected() -> None:
    found = difference(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0]))
    assert found is not None
    assert found.relative == pytest.approx(1.25)
    assert (found.largest, found.correlation, found.not_finite) == (4.0, -1.0, 0)


def test_a_difference_counts_what_is_not_finite() -> None:
    found = difference(torch.tensor([1.0, torch.inf, torch.nan]), torch.ones(3))
    assert found is not None
    assert (found.relative, found.largest, found.not_finite) == (None, None, 2)
