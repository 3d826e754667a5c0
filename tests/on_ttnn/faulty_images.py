"""Modules of images that `faults.py` puts faults into, written as a user writes them.

Each takes images [N, H, W, C] and gives them flat, [1, 1, N * H * W, C], as ttnn does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

HEIGHT, WIDTH, CHANNELS, GROUPS = 8, 16, 64, 4
SHAPE = (2, HEIGHT, WIDTH, CHANNELS)


class _Images(nn.Module):
    """A torch module [N, C, H, W] and ttnn's call for it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = self.module(x.permute(0, 3, 1, 2))
        return images.permute(0, 2, 3, 1).reshape(1, 1, -1, images.shape[1])

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        ttnn: Any = importlib.import_module("ttnn")
        called = self.called(ttnn, device)
        return lambda x: called(ttnn.to_layout(x, ttnn.ROW_MAJOR_LAYOUT))

    def called(self, ttnn: Any, device: Any) -> Callable[[Any], Any]:
        raise NotImplementedError


class Convolution(_Images):
    """A convolution in two groups, a bias and an activation in one call."""

    def __init__(self) -> None:
        convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=2)
        super().__init__(nn.Sequential(convolution, nn.ReLU()))

    def called(self, ttnn: Any, device: Any) -> Callable[[Any], Any]:
        weight, bias = (_on_host(ttnn, parameter) for parameter in self.parameters())
        config = ttnn.Conv2dConfig(activation=ttnn.UnaryWithParam(ttnn.UnaryOpType.RELU))
        given = _described(device) | {"padding": (1, 1), "groups": 2, "conv_config": config}
        return lambda x: ttnn.conv2d(input_tensor=x, weight_tensor=weight, bias_tensor=bias, **given)


class Doubling(_Images):
    """A transposed convolution, which doubles height and width; its weight is prepared by the first call."""

    def __init__(self) -> None:
        super().__init__(nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, stride=2, padding=1, output_padding=1))

    def called(self, ttnn: Any, device: Any) -> Callable[[Any], Any]:
        prepared = [_on_host(ttnn, parameter) for parameter in self.parameters()]
        given = _described(device) | {"stride": (2, 2), "padding": (1, 1), "output_padding": (1, 1)}

        def run(x: Any) -> Any:
            output, prepared[:] = ttnn.conv_transpose2d(
                input_tensor=x,
                weight_tensor=prepared[0],
                bias_tensor=prepared[1],
                return_weights_and_bias=True,
                **given,
            )
            return output

        return run


class MaxPool(_Images):
    def __init__(self) -> None:
        super().__init__(nn.MaxPool2d(3, stride=2, padding=1))

    def called(self, ttnn: Any, _: Any) -> Callable[[Any], Any]:
        return lambda x: ttnn.max_pool2d(x, *SHAPE, **_WINDOW, dilation=[1, 1])


class MeanPool(_Images):
    def __init__(self) -> None:
        super().__init__(nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False))

    def called(self, ttnn: Any, _: Any) -> Callable[[Any], Any]:
        return lambda x: ttnn.avg_pool2d(x, *SHAPE, **_WINDOW, count_include_pad=False)


class GroupNorm(_Images):
    def __init__(self) -> None:
        super().__init__(nn.GroupNorm(GROUPS, CHANNELS))

    def called(self, ttnn: Any, device: Any) -> Callable[[Any], Any]:
        packed = [
            ttnn.create_group_norm_weight_bias_rm(parameter.detach(), CHANNELS, 1)
            for parameter in self.parameters()
        ]
        weight, bias = (
            ttnn.from_torch(rows, dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT, device=device)
            for rows in packed
        )
        mask = ttnn.to_device(ttnn.create_group_norm_input_mask(CHANNELS, GROUPS, 1, ttnn.bfloat8_b), device)

        def run(x: Any) -> Any:
            rows = ttnn.to_layout(ttnn.reshape(x, (2, 1, HEIGHT * WIDTH, CHANNELS)), ttnn.TILE_LAYOUT)
            normalized = ttnn.group_norm(
                rows,
                num_groups=GROUPS,
                epsilon=1e-5,
                input_mask=mask,
                weight=weight,
                bias=bias,
                core_grid=ttnn.CoreGrid(y=1, x=1),
                inplace=False,
            )
            return ttnn.reshape(normalized, (1, 1, 2 * HEIGHT * WIDTH, CHANNELS))

        return run


_WINDOW = {"kernel_size": [3, 3], "stride": [2, 2], "padding": [1, 1], "ceil_mode": False}


def _described(device: Any) -> dict[str, Any]:
    """What a convolution of ttnn's is told of its images and kernel."""
    count, height, width, channels = SHAPE
    return {
        "device": device,
        "in_channels": channels,
        "out_channels": channels,
        "batch_size": count,
        "input_height": height,
        "input_width": width,
        "kernel_size": (3, 3),
    }


def _on_host(ttnn: Any, parameter: Tensor) -> Any:
    """A weight as torch keeps it, or a bias in four dimensions."""
    value = parameter.detach()
    return ttnn.from_torch(value if value.dim() > 1 else value.reshape(1, 1, 1, -1), dtype=ttnn.bfloat16)


# Faults that are more than another argument; the operation that each stands in for comes first.


def channels_first(plain: Any, **arguments: Any) -> Any:
    ttnn: Any = importlib.import_module("ttnn")
    first = ttnn.permute(arguments.pop("input_tensor"), (0, 3, 1, 2))
    return plain(input_tensor=ttnn.reshape(first, SHAPE), **arguments)


def with_weight(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """The convolution, of a weight that was changed on the host."""

    def convolution(plain: Any, **arguments: Any) -> Any:
        ttnn: Any = importlib.import_module("ttnn")
        if tuple(arguments["weight_tensor"].shape)[:2] == (1, 1):
            return plain(**arguments)  # the one that the first call prepared
        weight = change(ttnn.to_torch(arguments["weight_tensor"]).float()).contiguous()
        changed = ttnn.from_torch(weight, dtype=ttnn.bfloat16)
        return plain(**(arguments | {"weight_tensor": changed}))

    return convolution


def height_for_width(plain: Any, **arguments: Any) -> Any:
    return plain(**(arguments | {"input_height": WIDTH, "input_width": HEIGHT}))


def without_activation(plain: Any, **arguments: Any) -> Any:
    return plain(**(arguments | {"conv_config": None}))


def another_activation(plain: Any, **arguments: Any) -> Any:
    ttnn: Any = importlib.import_module("ttnn")
    config = ttnn.Conv2dConfig(activation=ttnn.UnaryWithParam(ttnn.UnaryOpType.SILU))
    return plain(**(arguments | {"conv_config": config}))


def packed_for_another_grid(plain: Any, weight: Tensor, channels: int, _: int) -> Any:
    """In parts of 16 channels with a gap after each, where one core wants them all together."""
    return plain(weight, channels, channels // 16)


def groups_swapped(weight: Tensor) -> Tensor:
    return torch.cat(list(weight.chunk(2))[::-1])
