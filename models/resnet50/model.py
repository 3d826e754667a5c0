"""ResNet-50, arXiv 1512.03385: its stem and its first bottleneck block, with their ttnn kernels.

Shapes: N images, C channels, H rows, W columns.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ttci.testing import ModuleTest


class ConvNorm(nn.Module):
    """A convolution and its batch norm, and a ReLU where one is asked for: [N, C, H, W] to [N, O, H', W']."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
        self.normalization = nn.BatchNorm2d(out)
        self.activation = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """One after the other."""
        y: Tensor = self.activation(self.normalization(self.convolution(x)))
        return y

    def folded(self) -> tuple[Tensor, Tensor]:
        """The weight and bias of the one convolution that does as both do at inference."""
        norm = self.normalization
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        scale = norm.weight * (variance + norm.eps).rsqrt()  # [O]
        return self.convolution.weight * scale[:, None, None, None], norm.bias - mean * scale

    def to_ttnn(self, device: Any) -> Callable[..., Any]:
        """A function of flat rows [1, 1, N * H * W, C] and their N, H and W, which gives the same four."""
        import ttnn

        convolution, (weight, bias) = self.convolution, self.folded()
        values = weight, bias.reshape(1, 1, 1, -1)  # what ttnn's convolution asks for
        # On the host, in torch's order; the first call gives them back as the board wants them.
        prepared = [ttnn.from_torch(value.detach(), dtype=ttnn.bfloat16) for value in values]
        has_relu = isinstance(self.activation, nn.ReLU)
        relu = ttnn.UnaryWithParam(ttnn.UnaryOpType.RELU) if has_relu else None
        exact = ttnn.init_device_compute_kernel_config(
            device.arch(), math_fidelity=ttnn.MathFidelity.HiFi4, fp32_dest_acc_en=True
        )

        def run(x: Any, images: int, height: int, width: int) -> tuple[Any, int, int, int]:
            y, (height, width), prepared[:] = ttnn.conv2d(
                input_tensor=x,
                weight_tensor=prepared[0],
                bias_tensor=prepared[1],
                device=device,
                in_channels=convolution.in_channels,
                out_channels=convolution.out_channels,
                batch_size=images,
                input_height=height,
                input_width=width,
                kernel_size=convolution.kernel_size,
                stride=convolution.stride,
                padding=convolution.padding,
                conv_config=ttnn.Conv2dConfig(activation=relu),
                compute_config=exact,
                return_output_dim=True,
                return_weights_and_bias=True,
            )
            return ttnn.to_memory_config(y, ttnn.DRAM_MEMORY_CONFIG), images, height, width

        return run


class Stem(nn.Module):
    """What comes first: [N, 3, H, W] to [N, 64, H / 4, W / 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNorm(3, 64, 7, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """A convolution, and a maximum of each 3 by 3."""
        y: Tensor = self.pool(self.conv(x))
        return y

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        """As the forward pass, on ttnn tensors."""
        import ttnn

        conv = self.conv.to_ttnn(device)

        def run(x: Any) -> Any:
            y, images, height, width = conv(*rows_of(x))
            y = ttnn.max_pool2d(
                ttnn.to_layout(y, ttnn.ROW_MAJOR_LAYOUT),
                batch_size=images,
                input_h=height,
                input_w=width,
                channels=y.shape[-1],
                kernel_size=[3, 3],
                stride=[2, 2],
                padding=[1, 1],
                dilation=[1, 1],
            )
            y = ttnn.to_memory_config(y, ttnn.DRAM_MEMORY_CONFIG)
            return images_of(y, images, height // 2, width // 2)

        return run


class Bottleneck(nn.Module):
    """Three convolutions and what goes around them: [N, C, H, W] to [N, 4 * width, H', W'].

    Args:
        channels: C.
        width: Channels of the convolution in the middle, which has the stride.
        stride: By how much it makes the images smaller.
    """

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.reduce = ConvNorm(channels, width, 1)
        self.middle = ConvNorm(width, width, 3, stride=stride)
        self.expand = ConvNorm(width, 4 * width, 1, relu=False)
        self.shortcut: ConvNorm | None = None  # what goes around them, where the sizes differ
        if stride > 1 or channels != 4 * width:
            self.shortcut = ConvNorm(channels, 4 * width, 1, stride=stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add both, and cut off what is negative."""
        around = self.shortcut(x) if self.shortcut else x
        return torch.relu(self.expand(self.middle(self.reduce(x))) + around)

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        """As the forward pass, on ttnn tensors."""
        import ttnn

        through = [part.to_ttnn(device) for part in (self.reduce, self.middle, self.expand)]
        shortcut = self.shortcut.to_ttnn(device) if self.shortcut else None

        def run(x: Any) -> Any:
            given = rows_of(x)
            y = given
            for conv in through:
                y = conv(*y)
            around, *_ = shortcut(*given) if shortcut else given
            rows, *sizes = y
            around = ttnn.to_layout(around, ttnn.TILE_LAYOUT)
            return images_of(ttnn.relu(ttnn.add(rows, around)), *sizes)

        return run


def rows_of(x: Any) -> tuple[Any, int, int, int]:
    """Images [N, C, H, W] as ttnn's convolutions take them, a pixel a row: [1, 1, N * H * W, C], N, H, W."""
    import ttnn

    images, channels, height, width = x.shape
    last = ttnn.permute(ttnn.to_layout(x, ttnn.ROW_MAJOR_LAYOUT), (0, 2, 3, 1))  # [N, H, W, C]
    return ttnn.reshape(last, (1, 1, images * height * width, channels)), images, height, width


def images_of(rows: Any, images: int, height: int, width: int) -> Any:
    """And back: [N, C, H, W]."""
    import ttnn

    last = ttnn.reshape(ttnn.to_layout(rows, ttnn.ROW_MAJOR_LAYOUT), (images, height, width, rows.shape[-1]))
    return ttnn.to_layout(ttnn.permute(last, (0, 3, 1, 2)), ttnn.TILE_LAYOUT)


class ResNet50:
    """Its parts at their published sizes, of small images; the weights come from a seed."""

    def get_module_tests(self) -> list[ModuleTest]:
        """The stem, and the first block of the first and of the second stage."""
        torch.manual_seed(0)
        return [
            ModuleTest("stem", (2, 3, 64, 64), (2, 64, 16, 16), module=as_trained(Stem())),
            ModuleTest(
                "bottleneck", (2, 64, 16, 16), (2, 256, 16, 16), module=as_trained(Bottleneck(64, 64))
            ),
            ModuleTest(
                "bottleneck_stride",
                (2, 256, 16, 16),
                (2, 512, 8, 8),
                module=as_trained(Bottleneck(256, width=128, stride=2)),
            ),
        ]


def as_trained(module: nn.Module) -> nn.Module:
    """Ready for inference. Norms get statistics: of a mean of 0 and a variance of 1 any folding is right."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            norm.running_mean = torch.randn(norm.num_features)
            norm.running_var = 0.5 + torch.rand(norm.num_features)
    return module.eval()
