"""The matrix engine in torch, against what its documents and boards say."""

from __future__ import annotations

import pytest
import torch

from ttci.catalog.boards import PASSES
from ttci.devices.ttnn.engine import EngineSettings, as_on_engine
from ttci.devices.ttnn.engine.products import cut, multiplied, product


def settings(fidelity: str, *, float32_sums: bool = True, block_tiles: int | None = None) -> EngineSettings:
    return EngineSettings(PASSES[fidelity], float32_sums, block_tiles)


def draw(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape) + shape[-1])
    return torch.randn(*shape, generator=generator).bfloat16().float()


def test_bits_are_cut_off_and_not_rounded() -> None:
    assert cut(torch.tensor([1.9999, -1.9999, 0.0, torch.inf]), 5).tolist() == [
        1.9375,
        -1.9375,
        0.0,
        torch.inf,
    ]


@pytest.mark.parametrize(("weight", "on_board"), [(0.298828125, -1.09375), (0.30078125, -1.1015625)])
def test_bfloat16_sums_round_as_a_board_was_seen_to_round(weight: float, on_board: float) -> None:
    """Tt-metal, issue 16448: HiFi4 on a Wormhole, where a single rounding gives one unit less."""
    a, b = torch.tensor([-3.640625]), torch.tensor([weight])
    assert multiplied(a, b, settings("HiFi4", float32_sums=False)).item() == on_board


def test_bfloat16_sums_of_ones_outgrow_themselves() -> None:
    """Tt-metal, issue 8449: a product of ones gave 8192 for 6144 on a Wormhole."""
    ones = torch.ones(1, 6144)
    assert product(ones, ones.T, settings("HiFi4", float32_sums=False)).item() == 8192
    assert product(ones, ones.T, settings("HiFi4")).item() == 6144
    assert product(ones, ones.T, settings("HiFi4", float32_sums=False, block_tiles=8)).item() == 6144


@pytest.mark.parametrize("float32_sums", [True, False])
@pytest.mark.parametrize("fidelity", PASSES)
@pytest.mark.parametrize("batch", [(), (2, 3), (2, 1)])
def test_products_of_any_shape_are_near_torchs(
    fidelity: str, float32_sums: bool, batch: tuple[int, ...]
) -> None:
    left, right = draw(2, 3, 70, 40), draw(*batch, 40, 300)
    near = product(left, right, settings(fidelity, float32_sums=float32_sums))
    assert near.shape == (2, 3, 70, 300)
    both = torch.stack([near.flatten(), (left @ right).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.999


@pytest.mark.parametrize("fidelity", PASSES)
def test_an_infinity_stays_one(fidelity: str) -> None:
    left, right = torch.tensor([[torch.inf, 1.0]]), torch.ones(2, 1)
    assert product(left, right, settings(fidelity, float32_sums=False)).item() == torch.inf


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_attention_taken_apart_is_torchs(causal: bool, grouped: bool) -> None:
    q, k = draw(1, 4, 33, 16), draw(1, 2 if grouped else 4, 33, 16)
    attention = torch.nn.functional.scaled_dot_product_attention
    wanted = attention(q, k, k, is_causal=causal, enable_gqa=grouped)
    with as_on_engine(settings("HiFi2")):
        taken = attention(q, k, k, is_causal=causal, enable_gqa=grouped)
    assert not torch.equal(taken, wanted)
    assert torch.allclose(taken, wanted, atol=0.02)


def test_outside_nothing_is_changed() -> None:
    left, right = draw(8, 64), draw(64, 8)
    wanted = left @ right
    with as_on_engine(settings("LoFi")):
        assert not torch.equal(left @ right, wanted)
    with as_on_engine(None):
        assert torch.equal(left @ right, wanted)
    assert torch.equal(left @ right, wanted)
