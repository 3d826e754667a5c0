"""The goldens of images that ttci adds: each against ttnn's own shape and its meaning, written another way.

Shapes: N images, H rows, W columns, I and O channels in and out, G groups.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from ttci.devices.ttnn.goldens import GOLDENS
from ttci.devices.ttnn.numbers import GoldenError

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board

Sides = tuple[int, int, int, int]  # top, bottom, left, right


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().float()


def near(output: Tensor, expected: Tensor) -> bool:
    scale = max(1.0, expected.abs().max().item())
    return output.shape == expected.shape and torch.allclose(output, expected, rtol=1e-2, atol=5e-3 * scale)


def padded_by(x: Tensor, sides: Sides, value: float = 0.0) -> Tensor:
    """Images [N, H, W, C] with `value` around them."""
    top, bottom, left, right = sides
    count, height, width, channels = x.shape
    padded = torch.full((count, top + height + bottom, left + width + right, channels), value)
    padded[:, top : top + height, left : left + width] = x
    return padded


def flat(x: Tensor) -> Tensor:
    return x.reshape(1, 1, -1, x.shape[-1])


def convolved(
    x: Tensor,
    weight: Tensor,
    *,
    stride: tuple[int, int] = (1, 1),
    sides: Sides = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """[N, H, W, O]: the sum over the kernel's places, a product of matrices each."""
    x, (kernel_h, kernel_w) = padded_by(x, sides), weight.shape[-2:]
    rows = (x.shape[1] - dilation[0] * (kernel_h - 1) - 1) // stride[0] + 1
    columns = (x.shape[2] - dilation[1] * (kernel_w - 1) - 1) // stride[1] + 1
    total = torch.zeros(len(x), rows, columns, len(weight))
    for i, j in product(range(kernel_h), range(kernel_w)):
        down, right = i * dilation[0], j * dilation[1]
        seen = x[:, down :: stride[0], right :: stride[1]][:, :rows, :columns].chunk(groups, dim=-1)
        parts = weight[:, :, i, j].chunk(groups)  # [O / G, I / G] each
        total += torch.cat([pixels @ part.T for pixels, part in zip(seen, parts, strict=True)], dim=-1)
    return total


def on_host(board: Board, value: Tensor, dtype: Any = None) -> Any:
    return board.ttnn.from_torch(value, dtype=dtype or board.ttnn.bfloat16)


def described(x: Tensor, weight: Tensor, board: Board, groups: int = 1) -> dict[str, Any]:
    """What ttnn.conv2d is told of its images and weight."""
    count, height, width, channels = x.shape
    return {
        "device": board.mesh,
        "in_channels": channels,
        "out_channels": len(weight),
        "batch_size": count,
        "input_height": height,
        "input_width": width,
        "kernel_size": tuple(weight.shape[-2:]),
        "groups": groups,
    }


@pytest.mark.parametrize(
    ("arguments", "sides"),
    [
        ({}, (0, 0, 0, 0)),
        ({"padding": (1, 2), "stride": (2, 1)}, (1, 1, 2, 2)),
        ({"padding": (0, 1, 2, 0), "stride": (2, 2)}, (0, 1, 2, 0)),
        ({"dilation": (2, 1), "padding": (2, 1)}, (2, 2, 1, 1)),
        ({"groups": 2, "padding": (1, 1)}, (1, 1, 1, 1)),
    ],
)
def test_conv2d(n150: Board, arguments: dict[str, Any], sides: Sides) -> None:
    ttnn, groups = n150.ttnn, arguments.get("groups", 1)
    x, weight, bias = numbers(2, 9, 8, 32), numbers(64, 32 // groups, 3, 3, seed=1), numbers(64, seed=2)
    plain = {name: value for name, value in arguments.items() if name not in ("padding", "groups")}
    expected = convolved(x, weight, sides=sides, groups=groups, **plain) + bias
    output, size = ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        bias_tensor=on_host(n150, bias.reshape(1, 1, 1, -1)),
        return_output_dim=True,
        **(described(x, weight, n150) | arguments),
    )
    assert tuple(size) == expected.shape[1:3]
    assert near(n150.read(output), flat(expected))


def test_conv2d_of_flat_images_on_the_board(n150: Board) -> None:
    x, weight = numbers(2, 8, 8, 32), numbers(64, 32, 3, 3, seed=1)
    output = n150.ttnn.conv2d(
        input_tensor=n150.put(flat(x)), weight_tensor=on_host(n150, weight), **described(x, weight, n150)
    )
    assert near(n150.read(output), flat(convolved(x, weight)))


def test_depthwise_conv2d(n150: Board) -> None:
    x, weight = numbers(1, 8, 8, 32), numbers(32, 1, 3, 3, seed=1)
    output = n150.ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        **described(x, weight, n150, groups=32),
    )
    assert near(n150.read(output), flat(convolved(x, weight, groups=32)))


@pytest.mark.parametrize("name", ["RELU", "SILU", "LEAKY_RELU"])
def test_conv2d_with_an_activation(n150: Board, name: str) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(32, 32, 1, 1, seed=1))
    product_ = convolved(x, weight)
    expected = {
        "RELU": product_.clamp(min=0),
        "SILU": product_ * torch.sigmoid(product_),
        "LEAKY_RELU": torch.maximum(product_, 0.2 * product_),
    }
    kind = getattr(ttnn.UnaryOpType, name)
    activation = ttnn.UnaryWithParam(kind, 0.2) if name == "LEAKY_RELU" else ttnn.UnaryWithParam(kind)
    output = ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        conv_config=ttnn.Conv2dConfig(activation=activation),
        **described(x, weight, n150),
    )
    assert near(n150.read(output), flat(expected[name]))


def test_activation_that_is_not_modelled_is_refused(n150: Board) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(32, 32, 1, 1, seed=1))
    config = ttnn.Conv2dConfig(activation=ttnn.UnaryWithParam(ttnn.UnaryOpType.ERFINV))
    with pytest.raises(GoldenError, match="ERFINV is not modelled"):
        ttnn.conv2d(
            input_tensor=on_host(n150, x),
            weight_tensor=on_host(n150, weight),
            conv_config=config,
            **described(x, weight, n150),
        )


def test_prepared_weight_is_followed_wherever_it_goes(n150: Board) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(64, 32, 3, 3, seed=1))
    bias = numbers(1, 1, 1, 64, seed=2)
    expected = flat(convolved(x, weight) + bias)
    given = described(x, weight, n150)
    output, (prepared, prepared_bias) = ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        bias_tensor=on_host(n150, bias),
        return_weights_and_bias=True,
        **given,
    )
    assert near(n150.read(output), expected)
    for moved in (prepared, ttnn.to_device(prepared.cpu(), n150.mesh), prepared.cpu().to(n150.mesh)):
        again = ttnn.conv2d(
            input_tensor=on_host(n150, x), weight_tensor=moved, bias_tensor=prepared_bias, **given
        )
        assert torch.equal(n150.read(again), n150.read(output))
    assert torch.equal(n150.read(prepared_bias), bias)


@pytest.mark.parametrize("name", ["to_torch", "add", "reshape"])
def test_prepared_weight_is_for_convolutions_only(n150: Board, name: str) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(64, 32, 3, 3, seed=1))
    _, (prepared, _) = ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        return_weights_and_bias=True,
        **described(x, weight, n150),
    )
    uses = {
        "to_torch": lambda: ttnn.to_torch(prepared),
        "add": lambda: ttnn.add(prepared, prepared),
        "reshape": lambda: prepared.reshape([1, 1, 64, 288]),
    }
    with pytest.raises(GoldenError, match="give it to a convolution only"):
        uses[name]()


def test_weight_and_bias_prepared_beforehand(n150: Board) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(64, 32, 3, 3, seed=1))
    bias, given = numbers(1, 1, 1, 64, seed=2), described(x, weight, n150)
    how = given | {
        "input_memory_config": ttnn.DRAM_MEMORY_CONFIG,
        "input_layout": ttnn.ROW_MAJOR_LAYOUT,
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
        "input_dtype": ttnn.bfloat16,
    }
    prepared = ttnn.prepare_conv_weights(
        weight_tensor=on_host(n150, weight), weights_format="OIHW", has_bias=True, **how
    )
    config = ttnn.Conv2dConfig(weights_dtype=ttnn.bfloat16)
    prepared_bias = ttnn.prepare_conv_bias(bias_tensor=on_host(n150, bias), conv_config=config, **how)
    put = n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT)
    output = ttnn.conv2d(
        input_tensor=put, weight_tensor=prepared, bias_tensor=prepared_bias, padding=(1, 1), **given
    )
    assert near(n150.read(output), flat(convolved(x, weight, sides=(1, 1, 1, 1)) + bias))


def test_weight_in_an_order_made_by_hand_is_refused(n150: Board) -> None:
    x, weight = numbers(1, 8, 8, 32), numbers(64, 32, 3, 3, seed=1)
    by_hand = n150.put(weight.permute(2, 3, 1, 0).reshape(1, 1, -1, 64))
    with pytest.raises(GoldenError, match="in ttnn's order by hand is not modelled"):
        n150.ttnn.conv2d(input_tensor=on_host(n150, x), weight_tensor=by_hand, **described(x, weight, n150))


def test_weights_are_rounded_to_their_type_by_output_channels(n150: Board) -> None:
    """Each 16 output channels of a kernel's place share an exponent, as in the matrix that ttnn makes."""
    ttnn, x, weight = n150.ttnn, torch.zeros(1, 8, 8, 32), numbers(64, 32, 1, 1, seed=1)
    weight[:16] *= 2.0**-6  # small beside others only where blocks were taken along input channels
    x[..., 0] = 1.0
    output = ttnn.conv2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight, ttnn.float32),
        conv_config=ttnn.Conv2dConfig(weights_dtype=ttnn.bfloat8_b),
        dtype=ttnn.float32,
        **described(x, weight, n150),
    )
    step = weight[:, 0, 0, 0].reshape(4, 16).abs().amax(-1).log2().floor().exp2() / 64  # of 7 bits
    rounded = (weight[:, 0, 0, 0].reshape(4, 16) / step[:, None]).round() * step[:, None]
    assert torch.allclose(n150.read(output)[0, 0, 0], rounded.flatten(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", [1, (1, 0)])
def test_conv1d(n150: Board, padding: int | tuple[int, int]) -> None:
    ttnn, (x, weight) = n150.ttnn, (numbers(2, 1, 20, 32), numbers(64, 16, 3, seed=1))
    before, after = (1, 1) if padding == 1 else (1, 0)
    expected = convolved(x, weight[:, :, None], sides=(0, 0, before, after), stride=(1, 2), groups=2)
    output, length = ttnn.conv1d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight),
        device=n150.mesh,
        in_channels=32,
        out_channels=64,
        batch_size=2,
        input_length=20,
        kernel_size=3,
        stride=2,
        padding=padding,
        groups=2,
        return_output_dim=True,
    )
    assert length == expected.shape[2]
    assert near(n150.read(output), flat(expected))


@pytest.mark.parametrize("mirrored", [False, True])
def test_conv_transpose2d(n150: Board, mirrored: bool) -> None:
    """A convolution of images with zeros between their pixels, by the kernel turned round."""
    ttnn, (x, weight) = n150.ttnn, (numbers(1, 8, 8, 32), numbers(32, 64, 3, 3, seed=1))
    bias = numbers(1, 1, 1, 64, seed=2)
    spread = torch.zeros(1, 15, 15, 32)
    spread[:, ::2, ::2] = x
    turned = weight.flip(2, 3).transpose(0, 1)
    expected = convolved(spread, turned, sides=(1, 2, 1, 2)) + bias  # 3 - 1 less the padding; and one after
    output, size = ttnn.conv_transpose2d(
        input_tensor=on_host(n150, x),
        weight_tensor=on_host(n150, weight.flip(2, 3) if mirrored else weight),
        bias_tensor=on_host(n150, bias),
        mirror_kernel=not mirrored,
        stride=(2, 2),
        padding=(1, 1),
        output_padding=(1, 1),
        return_output_dim=True,
        **described(x, weight.transpose(0, 1), n150),
    )
    assert tuple(size) == expected.shape[1:3]
    assert near(n150.read(output), flat(expected))


@pytest.mark.parametrize("block", [0, 32])
@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
def test_conv3d_of_a_prepared_weight(n150: Board, block: int, padding_mode: str) -> None:
    ttnn, x = n150.ttnn, numbers(1, 4, 6, 6, 64)
    weight, bias = numbers(32, 64, 3, 3, 3, seed=1), numbers(1, 32, seed=2)
    prepared = ttnn.experimental.prepare_conv3d_weights(
        weight_tensor=on_host(n150, weight), C_in_block=block, device=n150.mesh
    )
    output = ttnn.experimental.conv3d(
        input_tensor=n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT),
        weight_tensor=ttnn.to_layout(prepared, ttnn.TILE_LAYOUT),
        bias_tensor=n150.put(bias),
        device=n150.mesh,
        config=ttnn.Conv3dConfig(
            weights_dtype=ttnn.bfloat16, C_in_block=block, compute_with_storage_grid_size=(8, 8)
        ),
        dtype=ttnn.bfloat16,
        output_channels=32,
        kernel_size=(3, 3, 3),
        padding=(0, 1, 1),
        padding_mode=padding_mode,
    )
    if padding_mode == "replicate":
        wide, around = x[:, :, [0, *range(6), 5]][:, :, :, [0, *range(6), 5]], (0, 0, 0, 0)
    else:
        wide, around = x, (1, 1, 1, 1)
    planes = [
        torch.stack([convolved(wide[:, at + i], weight[:, :, i], sides=around) for i in range(3)]).sum(0)
        for at in range(2)
    ]
    assert near(n150.read(output), torch.stack(planes, dim=1) + bias)


def test_conv3d_in_groups_is_refused(n150: Board) -> None:
    weight = on_host(n150, numbers(64, 32, 3, 3, 3))
    with pytest.raises(GoldenError, match="prepare_conv3d_weights has no golden"):
        n150.ttnn.experimental.prepare_conv3d_weights(weight_tensor=weight, groups=2, device=n150.mesh)


def windows(
    x: Tensor, sides: Sides, kernel: int, stride: int, ceil_mode: bool
) -> tuple[list[list[Tensor]], list[list[tuple[int, int]]]]:
    """Every window, row by row, as the flat places in [H, W] that it sees, and how large it is with padding.

    With `ceil_mode` also those that reach beyond the padding, if they begin before its end.
    """
    top, bottom, left, right = sides
    _, height, width, _ = x.shape
    starts = []
    for before, size, after in ((top, height, bottom), (left, width, right)):
        steps = (before + size + after - kernel) / stride
        count = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
        starts.append([step * stride - before for step in range(count) if step * stride < before + size])
    places = torch.arange(height * width).reshape(height, width)
    seen, sizes = [], []
    for row in starts[0]:
        ends = [row + kernel]
        seen.append([places[max(row, 0) : ends[0], max(column, 0) : column + kernel] for column in starts[1]])
        rows = min(ends[0], height + bottom) - row
        sizes.append([(rows, min(column + kernel, width + right) - column) for column in starts[1]])
    return seen, sizes


POOLS: list[tuple[tuple[int, ...], bool]] = [
    ((0, 0), False),
    ((1, 1), False),
    ((1, 1), True),
    ((0, 1, 1, 0), False),
    ((0, 1, 1, 0), True),
    ((1, 0, 0, 1), True),
]


def described_pool(padding: tuple[int, ...], ceil_mode: bool) -> dict[str, Any]:
    return {
        "batch_size": 2,
        "input_h": 9,
        "input_w": 8,
        "channels": 32,
        "kernel_size": [3, 3],
        "stride": [2, 2],
        "padding": list(padding),
        "ceil_mode": ceil_mode,
    }


def all_sides(padding: tuple[int, ...]) -> Sides:
    top, bottom, left, right = padding if len(padding) == 4 else (padding[0],) * 2 + (padding[1],) * 2
    return top, bottom, left, right


@pytest.mark.parametrize(("padding", "ceil_mode"), POOLS)
def test_max_pool2d_and_where_its_numbers_were(
    n150: Board, padding: tuple[int, ...], ceil_mode: bool
) -> None:
    ttnn, x = n150.ttnn, numbers(2, 9, 8, 32)
    put = n150.put(flat(x), layout=ttnn.ROW_MAJOR_LAYOUT)
    given = described_pool(padding, ceil_mode) | {"dilation": [1, 1]}
    seen, _ = windows(x, all_sides(padding), 3, 2, ceil_mode)
    pixels = x.flatten(1, 2)  # [N, H * W, C]
    expected = torch.stack(
        [torch.stack([pixels[:, window.flatten()].amax(1) for window in row], dim=1) for row in seen], dim=1
    )
    assert torch.equal(n150.read(ttnn.max_pool2d(put, **given)), flat(expected))
    largest, places = ttnn.max_pool2d(put, **given, return_indices=True)
    assert torch.equal(n150.read(largest), flat(expected))
    there = n150.read(places).reshape(expected.shape).flatten(1, 2).long()
    assert torch.equal(pixels.gather(1, there), expected.flatten(1, 2))


@pytest.mark.parametrize(("padding", "ceil_mode"), POOLS)
@pytest.mark.parametrize("counted", ["all", "inside", "divisor"])
def test_avg_pool2d(n150: Board, padding: tuple[int, ...], ceil_mode: bool, counted: str) -> None:
    ttnn, x = n150.ttnn, numbers(2, 9, 8, 32)
    seen, sizes = windows(x, all_sides(padding), 3, 2, ceil_mode)
    pixels = x.flatten(1, 2)

    def mean(window: Tensor, size: tuple[int, int]) -> Tensor:
        count = {"all": math.prod(size), "inside": window.numel(), "divisor": 5}[counted]
        return pixels[:, window.flatten()].sum(1) / count

    expected = torch.stack(
        [
            torch.stack([mean(window, size) for window, size in zip(row, row_sizes, strict=True)], dim=1)
            for row, row_sizes in zip(seen, sizes, strict=True)
        ],
        dim=1,
    )
    output = ttnn.avg_pool2d(
        n150.put(flat(x), layout=ttnn.ROW_MAJOR_LAYOUT),
        **described_pool(padding, ceil_mode),
        count_include_pad=counted != "inside",
        divisor_override=5 if counted == "divisor" else None,
    )
    assert near(n150.read(output), flat(expected))


@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pool2d(n150: Board, kind: str) -> None:
    ttnn, x = n150.ttnn, numbers(1, 8, 6, 32)
    pool = getattr(ttnn, f"adaptive_{kind}_pool2d")
    output = pool(n150.put(flat(x), layout=ttnn.ROW_MAJOR_LAYOUT), 1, 8, 6, 32, [4, 3])
    blocks = x.reshape(1, 4, 2, 3, 2, 32)
    assert near(n150.read(output), flat(blocks.mean((2, 4)) if kind == "avg" else blocks.amax((2, 4))))


def test_global_avg_pool2d(n150: Board) -> None:
    x = numbers(2, 8, 8, 32)
    output = n150.ttnn.global_avg_pool2d(n150.put(x))
    assert near(n150.read(output), x.mean((1, 2), keepdim=True))


def test_upsample(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 4, 4, 32)
    put = n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT)
    repeated = x.repeat_interleave(2, dim=1).repeat_interleave(3, dim=2)
    assert torch.equal(n150.read(ttnn.upsample(put, [2, 3])), repeated)
    wide = x[:, :, [0, 0, 1, 2, 3, 3]]  # a pixel's two halves lean by a quarter to their neighbours
    left, right = 0.75 * x + 0.25 * wide[:, :, :-2], 0.75 * x + 0.25 * wide[:, :, 2:]
    tall = torch.stack([left, right], dim=3).flatten(2, 3)
    high = tall[:, [0, 0, 1, 2, 3, 3]]
    up, down = 0.75 * tall + 0.25 * high[:, :-2], 0.75 * tall + 0.25 * high[:, 2:]
    smooth = torch.stack([up, down], dim=2).flatten(1, 2)
    assert near(n150.read(ttnn.upsample(put, 2, mode="bilinear")), smooth)


def points_between(rows: list[float], columns: list[float]) -> Tensor:
    """A grid [1, rows, columns, 2] of places in an image of 8 x 8 pixels, as ttnn.grid_sample takes them."""
    y, x = torch.meshgrid(torch.tensor(rows), torch.tensor(columns), indexing="ij")
    return torch.stack([(2 * x + 1) / 8 - 1, (2 * y + 1) / 8 - 1], dim=-1)[None]


@pytest.mark.parametrize("precomputed", [False, True])
def test_grid_sample(n150: Board, precomputed: bool) -> None:
    ttnn, x = n150.ttnn, numbers(1, 8, 8, 32)
    grid = points_between([0.0, 2.5, -0.5, 7.0], [1.0, 3.5, 7.5, 4.0])
    if precomputed:
        host = ttnn.prepare_grid_sample_grid(on_host(n150, grid, ttnn.float32), [1, 8, 8, 32])
        put = ttnn.to_device(host, n150.mesh)
    else:
        put = n150.put(grid, ttnn.float32, ttnn.ROW_MAJOR_LAYOUT)
    output = ttnn.grid_sample(
        n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT), put, use_precomputed_grid=precomputed
    )
    around = padded_by(x, (1, 1, 1, 1))[0]  # one row and one column more
    rows = torch.stack([around[1], (around[3] + around[4]) / 2, (around[0] + around[1]) / 2, around[8]])
    columns = [rows[:, 2], (rows[:, 4] + rows[:, 5]) / 2, (rows[:, 8] + rows[:, 9]) / 2, rows[:, 5]]
    assert near(n150.read(output), torch.stack(columns, dim=1)[None])


@pytest.mark.parametrize("as_channels", [False, True])
def test_grid_sample_of_several_points_a_place(n150: Board, as_channels: bool) -> None:
    ttnn, x = n150.ttnn, numbers(1, 8, 8, 32)
    grid = points_between([1.0, 6.0], [0.0, 5.0, 2.0, 7.0])
    output = ttnn.grid_sample(
        n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT),
        n150.put(grid.reshape(1, 2, 2, 4), ttnn.float32, ttnn.ROW_MAJOR_LAYOUT),
        batch_output_channels=as_channels,
    )
    expected = x[:, [1, 6]][:, :, [0, 5, 2, 7]]
    assert near(n150.read(output), expected.reshape(1, 2, 2, 64) if as_channels else expected)


def test_rotate_by_right_angles(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(2, 8, 8, 32)
    put = n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT)
    for turns in range(-1, 4):
        turned = ttnn.rotate(put, angle=90.0 * turns)
        assert torch.equal(n150.read(turned), torch.rot90(x, turns, dims=(1, 2)))


@pytest.mark.parametrize("center", [None, (4.0, 4.0), (0.0, 8.0)])
def test_rotate_between_pixels(n150: Board, center: tuple[float, float] | None) -> None:
    """Of an image whose colours grow evenly, each pixel is the colour of the place that it came from."""
    ttnn, angle = n150.ttnn, 30.0
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    image = (x + 10 * y)[None, :, :, None].expand(1, 8, 8, 32)
    put = n150.put(image.contiguous(), ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
    middle = center or (4.0, 4.0)  # in pixels from the edge
    turned = ttnn.rotate(put, angle=angle, center=center, fill=-50.0, interpolation_mode="bilinear")
    place = torch.complex(x + 0.5 - middle[0], -(y + 0.5 - middle[1]))  # as mathematics has it, y upwards
    before = place * torch.exp(torch.tensor(-1j * math.radians(angle)))
    from_x, from_y = before.real + middle[0] - 0.5, -before.imag + middle[1] - 0.5
    inside = (from_x >= 0) & (from_x <= 7) & (from_y >= 0) & (from_y <= 7)
    beyond = (from_x < -1) | (from_x > 8) | (from_y < -1) | (from_y > 8)
    output = n150.read(turned)[0, :, :, 0]
    assert inside.any()
    assert torch.allclose(output[inside], (from_x + 10 * from_y)[inside], atol=0.3)
    assert bool((output[beyond] == -50).all())


@pytest.mark.parametrize("padding", [[0, 0], [2, 1], [1, 1, 0, 2]])
def test_fold(n150: Board, padding: list[int]) -> None:
    ttnn, x = n150.ttnn, numbers(2, 8, 8, 16)
    wide = padded_by(x, all_sides(tuple(padding)))
    parts = [wide[:, row::2, column::2] for row in range(2) for column in range(2)]
    output = ttnn.fold(n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT), 2, 2, padding=padding)
    assert torch.equal(n150.read(output), torch.cat(parts, dim=-1))


def test_fold_by_transposing_cuts_the_ends_off(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(2, 3, 8, 32)
    output = ttnn.fold(
        n150.put(x, layout=ttnn.ROW_MAJOR_LAYOUT),
        2,
        2,
        use_transpose_as_fold=True,
        output_shape=(2, 4, 14, 16),
        padding=[0, 0, 0, 0, 0, 1],
    )
    images = torch.cat([x, torch.zeros(2, 1, 8, 32)], dim=1).permute(0, 2, 3, 1)[:, :, :28]
    parts = [images[:, row::2, column::2] for row in range(2) for column in range(2)]
    assert torch.equal(n150.read(output), torch.cat(parts, dim=-1))


@pytest.mark.parametrize(("channels", "groups", "parts"), [(64, 2, 1), (64, 8, 1), (320, 16, 4)])
def test_group_norm(n150: Board, channels: int, groups: int, parts: int) -> None:
    ttnn, x = n150.ttnn, 3 + 2 * numbers(1, 1, 64, channels)
    weight, bias = 1 + numbers(channels, seed=1), numbers(channels, seed=2)
    cores = ttnn.CoreGrid(y=1, x=parts)
    mask = ttnn.create_group_norm_input_mask(channels, groups, parts, ttnn.bfloat8_b)
    packed = [ttnn.create_group_norm_weight_bias_rm(given, channels, parts) for given in (weight, bias)]
    output = ttnn.group_norm(
        n150.put(x),
        num_groups=groups,
        epsilon=1e-5,
        input_mask=ttnn.to_device(mask, n150.mesh),
        weight=n150.put(packed[0], layout=ttnn.ROW_MAJOR_LAYOUT),
        bias=n150.put(packed[1], layout=ttnn.ROW_MAJOR_LAYOUT),
        core_grid=cores,
        inplace=False,
    )
    by_group = x.reshape(1, 64, groups, -1).double()
    mean, spread = (statistic((1, 3), keepdim=True) for statistic in (by_group.mean, by_group.std))
    normalized = ((by_group - mean) / spread).reshape(x.shape).float()
    assert near(n150.read(output), normalized * weight + bias)


def test_group_norm_of_a_weight_packed_unclearly_is_refused() -> None:
    weight = torch.zeros(1, 1, 2, 32)
    weight[..., :8] = numbers(8)  # of 48 channels in one part or in two
    with pytest.raises(GoldenError, match="create_group_norm_weight_bias_rm"):
        GOLDENS["ttnn.group_norm"](numbers(1, 1, 8, 48), num_groups=2, weight=weight)


def test_channels_first_and_last(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 1, 64, 8)
    cores = ttnn.CoreRangeSet({ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))})

    def sharded(kind: str, shape: tuple[int, int]) -> Any:
        spec = ttnn.ShardSpec(cores, shape, ttnn.ShardOrientation.ROW_MAJOR)
        return ttnn.MemoryConfig(getattr(ttnn.TensorMemoryLayout, kind), ttnn.BufferType.L1, spec)

    put = ttnn.to_memory_config(n150.put(x), sharded("HEIGHT_SHARDED", (64, 32)))
    assert torch.equal(n150.read(ttnn.experimental.convert_to_chw(put)), x.transpose(2, 3))
    images = numbers(1, 2, 3, 32)  # [1, N, C, H * W]
    rows = n150.put(images, layout=ttnn.ROW_MAJOR_LAYOUT)
    put = ttnn.to_memory_config(rows, sharded("WIDTH_SHARDED", (6, 32)))
    output = n150.read(ttnn.experimental.convert_to_hwc(put))
    assert torch.equal(output[..., :3], torch.cat([image.T for image in images[0]])[None, None])
    assert bool(output[..., 3:].isnan().all())  # nobody knows
