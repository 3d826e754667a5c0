"""Faults in the shipped models that have implementations of their own, one at a time; one process a board.

``python shipped_faults.py BOARD`` prints, as JSON, the outcome and message of every subject without a
fault and of every fault of the board.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from fault import WRONG_NUMBERS, Fault  # type: ignore[import-not-found]  # beside this file
from faulty_calls import (  # type: ignore[import-not-found]
    Patch,
    PutIn,
    in_target,
    instead,
    of_every_expert,
    of_the_change_alone,
    passing,
    without,
    without_the_last,
)
from faulty_images import without_activation  # type: ignore[import-not-found]
from torch import Tensor, nn

from tests.root import ROOT
from ttci.manifest import Pair, load_manifest
from ttci.testing import ModuleTest

MANIFEST = load_manifest(ROOT / "models_manifest.toml")


def tests_of(model: str) -> dict[str, ModuleTest]:
    """Those that a shipped model declares, made anew, by ``model/test``."""
    from ttci.testing.discover import tests_of_source

    return {f"{model}/{test.name}": test for test in tests_of_source(MANIFEST.source(model))}


def in_model(model: str, place: str, function: Callable[..., Any]) -> PutIn:
    """`function` is called instead of ``Class.name`` of a model's code, which is its first argument."""

    def put_in(patch: Patch, _: Any) -> None:
        from ttci.testing.sources import import_source

        class_name, name = place.split(".")
        owner = getattr(import_source(MANIFEST.source(model)), class_name)
        plain = getattr(owner, name)
        patch.setattr(owner, name, lambda *args: function(plain, *args))

    return put_in


# Faults that are more than another argument; the function that each stands in for comes first.


def without_the_mean(plain: Any, self: Any) -> tuple[Tensor, Tensor]:
    return plain(self)[0], self.normalization.bias


def without_the_variance(plain: Any, self: Any) -> tuple[Tensor, Tensor]:
    return self.convolution.weight * self.normalization.weight[:, None, None, None], plain(self)[1]


def keys_with_the_bias_of_values(plain: Any, self: Any) -> tuple[Tensor, Tensor]:
    weight, bias = plain(self)
    queries, keys, values = bias.chunk(3)
    return weight, torch.cat([queries, values, keys])


def not_renormalized(patch: Patch, ttnn: Any) -> None:
    """The chosen experts keep their shares of a softmax of all."""
    chosen: list[Any] = []
    softmax = ttnn.softmax

    def where(mask: Any, scores: Any, _: Any) -> Any:
        chosen.append(ttnn.typecast(mask, ttnn.bfloat16))
        return ttnn.clone(scores)

    patch.setattr(ttnn, "where", where)
    patch.setattr(ttnn, "softmax", lambda x, **given: ttnn.multiply(softmax(x, **given), chosen.pop()))


def no_positions(plain: Any, self: Any, weight: Tensor, *args: Any) -> Any:
    is_positions = weight.ndim > 1 and weight.shape[-2] > 2
    return plain(self, torch.zeros_like(weight) if is_positions else weight, *args)


def from_position_one(plain: Any, x: Any, begin: Any, end: Any) -> Any:
    if len(begin) > 2:
        return plain(x, begin, end)
    return plain(x, (begin[0] + 1, begin[1]), (end[0] + 1, end[1]))


def of_the_last_token(plain: Any, x: Any, begin: Any, end: Any) -> Any:
    if len(begin) < 3:
        return plain(x, begin, end)
    last = x.shape[1] - 1
    return plain(x, (begin[0], last, begin[2]), (end[0], last + 1, end[2]))


def backwards(plain: Any, tensors: Any, **given: Any) -> Any:
    return plain(tensors[::-1], **given)


def permuted(*order: int) -> PutIn:
    """Of six dimensions; images, rows and columns of patches, and what is within a patch."""
    return instead("permute", lambda plain, x, given: plain(x, order if len(given) == len(order) else given))


def _folded_by(function: Callable[..., Any]) -> PutIn:
    return in_model("resnet50", "ConvNorm.folded", function)


_PIXELS_TRANSPOSED = permuted(0, 2, 4, 1, 5, 3)
_RESNET, _STEM = "resnet50/bottleneck", "resnet50/stem"
_WHISPER, _EXPERTS, _BERT, _VIT = "whisper/encoder_layer", "mixtral/experts", "bert-tiny/bert", "vit/vit"
_WRONG_OUTPUT = r"correlation -?0\.\d+ with the reference, at least 0\.999"
FAULTS = (
    Fault("no relu", _RESNET, without("relu"), WRONG_NUMBERS),
    Fault("no relu within", _RESNET, instead("conv2d", without_activation), WRONG_NUMBERS),
    Fault("no way around", _RESNET, without("add"), WRONG_NUMBERS),
    Fault("bias not folded", _RESNET, _folded_by(without_the_mean), WRONG_NUMBERS),
    Fault("weight not folded", _RESNET, _folded_by(without_the_variance), WRONG_NUMBERS),
    Fault("stride left out", "resnet50/bottleneck_stride", passing("conv2d", stride=(1, 1)), "output shape"),
    Fault("pool without padding", _STEM, passing("max_pool2d", padding=[0, 0]), "reshape"),
    Fault("pool of two by two", _STEM, passing("max_pool2d", kernel_size=[2, 2]), "reshape|correlation"),
    Fault("no residual", _WHISPER, instead("add", of_the_change_alone), WRONG_NUMBERS),
    Fault("scores not scaled", _WHISPER, without("multiply"), WRONG_NUMBERS),
    Fault("no gelu", _WHISPER, passing("linear", activation=None), WRONG_NUMBERS),
    Fault("softmax over queries", _WHISPER, passing("softmax", dim=-2), WRONG_NUMBERS),
    Fault(
        "bias of the values given to the keys",
        _WHISPER,
        in_model("whisper", "EncoderLayer.qkv", keys_with_the_bias_of_values),
        WRONG_NUMBERS,
    ),
    Fault("gate not renormalized", _EXPERTS, not_renormalized, "correlation|scaled by"),
    Fault("all experts", _EXPERTS, instead("where", of_every_expert), WRONG_NUMBERS),
    Fault("one expert too few", _EXPERTS, instead("ge", without_the_last), WRONG_NUMBERS),
    Fault("no silu", _EXPERTS, passing("linear", activation=None), WRONG_NUMBERS),
    Fault("no sum over the chips", _EXPERTS, without("all_reduce"), WRONG_NUMBERS, "t3k"),
    Fault("shares of the first experts", _EXPERTS, without("mesh_partition"), WRONG_NUMBERS, "t3k"),
    Fault("bert: no positions", _BERT, in_target("vector", no_positions), _WRONG_OUTPUT),
    Fault("bert: positions from one on", _BERT, instead("slice", from_position_one), _WRONG_OUTPUT),
    Fault("bert: the last token pooled", _BERT, instead("slice", of_the_last_token), _WRONG_OUTPUT),
    Fault("vit: no positions", _VIT, in_target("vector", no_positions), WRONG_NUMBERS),
    Fault("vit: patches column by column", _VIT, permuted(0, 4, 2, 1, 3, 5), WRONG_NUMBERS),
    Fault("vit: pixels column by column", _VIT, _PIXELS_TRANSPOSED, WRONG_NUMBERS),
    Fault("vit: class token last", _VIT, instead("concat", backwards), WRONG_NUMBERS),
)


def judged(device: Any, name: str) -> dict[str, str]:
    """The outcome and message of a subject's correctness check, as it is now."""
    from ttci.checks.performance import Timing
    from ttci.testing.choice import Choice
    from ttci.testing.judge import judge_case

    test = tests_of(name.partition("/")[0])[name]
    cases = Choice(Pair("shipped", device.name), device, [test]).cases
    (case,) = (case for case in cases if case.check == "correctness")
    result = judge_case(case, lambda _: Timing())
    return {"outcome": result.outcome, "message": result.message}


@torch.no_grad()
def share_of_the_same_classes(device: Any) -> float:
    """Of how many images the vision transformer's likeliest class is the reference's.

    The logits of seeded weights lie so close together that rounding swaps the likeliest two. Here a class is
    a picture, the classifier looks which is nearest, and an image is a picture with noise.
    """
    model = tests_of("vit")[_VIT].module
    pictures = torch.randn(10, 3, 64, 64)
    model.classifier = nn.Identity()
    found = model(pictures)  # [10, E]
    model.classifier = nn.Linear(found.shape[1], len(found))
    model.classifier.weight.copy_(found)
    model.classifier.bias.copy_(-found.square().sum(-1) / 2)
    given = pictures.repeat(10, 1, 1, 1)
    given += 0.5 * torch.randn(given.shape)
    logits = device.to_host(device.prepare(model)(device.to_device(given)))
    return float((logits.argmax(-1) == model(given).argmax(-1)).float().mean())


def main(board: str) -> None:
    from ttci.diagnosis import diagnose
    from ttci.testing.choice import open_with_modules

    diagnose.SECONDS = 0  # asked is whether a fault is found, and not what explains it
    device: Any = open_with_modules(f"{board}-mock", MANIFEST.devices[f"{board}-mock"])
    ttnn = importlib.import_module("ttnn")
    faults = [fault for fault in FAULTS if fault.board == board]
    told: dict[str, Any] = {name: judged(device, name) for name in {fault.subject for fault in faults}}
    for fault in faults:
        with pytest.MonkeyPatch.context() as patch:
            fault.put_in(patch, ttnn)
            told[fault.name] = judged(device, fault.subject)
    told["top-1 of vit"] = share_of_the_same_classes(device)
    with pytest.MonkeyPatch.context() as patch:
        _PIXELS_TRANSPOSED(patch, ttnn)
        told["top-1 of vit, pixels column by column"] = share_of_the_same_classes(device)
    device.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
