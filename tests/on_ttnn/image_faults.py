"""The faults in convolutions, pools and group norms; `faults.py` puts them in."""

from __future__ import annotations

from fault import WRONG_NUMBERS, Fault  # type: ignore[import-not-found]  # beside this file
from faulty_calls import instead, passing  # type: ignore[import-not-found]
from faulty_images import (  # type: ignore[import-not-found]
    SHAPE,
    Convolution,
    Doubling,
    GroupNorm,
    MaxPool,
    MeanPool,
    another_activation,
    channels_first,
    groups_swapped,
    height_for_width,
    packed_for_another_grid,
    with_weight,
    without_activation,
)
from faulty_modules import Subject  # type: ignore[import-not-found]

_SHAPE = r"output shape \(1, 1, \d+, 64\), expected \(1, 1, \d+, 64\)"

IMAGE_SUBJECTS = {
    "conv": Subject(Convolution, SHAPE),
    "conv_transpose": Subject(Doubling, SHAPE),
    "max_pool": Subject(MaxPool, SHAPE),
    "avg_pool": Subject(MeanPool, SHAPE),
    "group_norm": Subject(GroupNorm, SHAPE),
}
IMAGE_FAULTS = (
    Fault("conv: stride", "conv", passing("conv2d", stride=(2, 2)), _SHAPE),
    Fault("conv: no padding", "conv", passing("conv2d", padding=(0, 0)), _SHAPE),
    Fault("conv: padding at one side", "conv", passing("conv2d", padding=(0, 2, 0, 2)), WRONG_NUMBERS),
    Fault("conv: dilation", "conv", passing("conv2d", dilation=(2, 2), padding=(2, 2)), WRONG_NUMBERS),
    Fault("conv: no bias", "conv", passing("conv2d", bias_tensor=None), WRONG_NUMBERS),
    Fault("conv: no activation", "conv", instead("conv2d", without_activation), WRONG_NUMBERS),
    Fault("conv: another activation", "conv", instead("conv2d", another_activation), WRONG_NUMBERS),
    Fault("conv: channels first", "conv", instead("conv2d", channels_first), WRONG_NUMBERS),
    Fault("conv: height for width", "conv", instead("conv2d", height_for_width), WRONG_NUMBERS),
    Fault("conv: groups swapped", "conv", instead("conv2d", with_weight(groups_swapped)), WRONG_NUMBERS),
    Fault(
        "conv: kernel transposed",
        "conv",
        instead("conv2d", with_weight(lambda weight: weight.transpose(2, 3))),
        WRONG_NUMBERS,
    ),
    Fault(
        "conv: weight of one group too many",
        "conv",
        passing("conv2d", groups=1),
        r"ttnn\.conv2d: a weight of shape \(64, 32, 3, 3\), where the arguments say \(64, 64, 3, 3\)",
    ),
    Fault(
        "conv_transpose: weight transposed",
        "conv_transpose",
        instead("conv_transpose2d", with_weight(lambda weight: weight.transpose(0, 1))),
        WRONG_NUMBERS,
    ),
    Fault(
        "conv_transpose: not mirrored",
        "conv_transpose",
        passing("conv_transpose2d", mirror_kernel=False),
        WRONG_NUMBERS,
    ),
    Fault(
        "conv_transpose: output padding",
        "conv_transpose",
        passing("conv_transpose2d", output_padding=(0, 0)),
        _SHAPE,
    ),
    Fault("max_pool: ceil_mode", "max_pool", passing("max_pool2d", ceil_mode=True), _SHAPE),
    Fault(
        "max_pool: kernel", "max_pool", passing("max_pool2d", kernel_size=[2, 2]), "correlation|output shape"
    ),
    Fault(
        "max_pool: dilation", "max_pool", passing("max_pool2d", dilation=[2, 2]), "correlation|output shape"
    ),
    Fault(
        "avg_pool: padding counted", "avg_pool", passing("avg_pool2d", count_include_pad=True), WRONG_NUMBERS
    ),
    Fault("avg_pool: a divisor", "avg_pool", passing("avg_pool2d", divisor_override=8), WRONG_NUMBERS),
    Fault("avg_pool: stride", "avg_pool", passing("avg_pool2d", stride=[1, 1]), _SHAPE),
    Fault(
        "group_norm: groups",
        "group_norm",
        passing("group_norm", num_groups=2),
        r"ttnn\.group_norm of .* is refused: Input mask dim1 must be 2",
    ),
    Fault("group_norm: no weight", "group_norm", passing("group_norm", weight=None), WRONG_NUMBERS),
    Fault("group_norm: no bias", "group_norm", passing("group_norm", bias=None), WRONG_NUMBERS),
    Fault(
        "group_norm: weight packed for another grid",
        "group_norm",
        instead("create_group_norm_weight_bias_rm", packed_for_another_grid),
        r"ttnn\.group_norm: which of the 128 numbers of a weight or bias belong to which of 64 channels",
    ),
)
