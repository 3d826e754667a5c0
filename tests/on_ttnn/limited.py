"""The limits of known modules and kernels on a mock board; one process a board.

``python limited.py BOARD [NAME…]`` prints, as JSON, the limit of each by its name.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from torch import nn

from ttci.checks.performance import measure
from ttci.manifest import KernelEntry, Pair, TtnnDeviceEntry
from ttci.modules import attention, block, embedding, ffn, normalization
from ttci.modules.kernels import Kernel
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice, open_with_modules
from ttci.testing.judge import judge_case
from ttci.testing.runner import run_choice

KERNELS: dict[str, dict[str, Any]] = {
    "linear": {
        "op": "linear",
        "shapes": [[1, 32, 4096], [4096, 6144]],
        "dtypes": ["bfloat16", "bfloat8_b"],
    },
    "linear_in_l1": {"op": "linear", "shapes": [[1, 32, 256], [256, 512]], "memory-config": "l1"},
    "matmul": {"op": "matmul", "shapes": [[1, 2048, 4096], [4096, 4096]]},
    "sdpa_causal": {
        "op": "scaled_dot_product_attention",
        "shapes": [[1, 32, 2048, 128], [1, 8, 2048, 128], [1, 8, 2048, 128]],
    },
    "sdpa_across": {
        "op": "scaled_dot_product_attention",
        "shapes": [[1, 32, 512, 128], [1, 8, 1024, 128], [1, 8, 1024, 128]],
        "options": {"is_causal": False},
    },
    "softmax": {"op": "softmax", "shapes": [[1, 32, 512, 512]]},
}


def heads() -> attention.MultiHeadAttention:
    """Llama 3 8B's."""
    return attention.MultiHeadAttention(4096, 32, 8, rope_theta=500000.0)


def layer() -> block.DecoderBlock:
    """Llama 3 8B's."""
    norms = normalization.RMSNorm(4096), normalization.RMSNorm(4096)
    return block.DecoderBlock(heads(), ffn.SwiGLU(4096, 14336), *norms)


class Between(attention.MultiHeadAttention):
    """Its cache has room for more than it holds."""

    def make_cache(self, batch: int, length: int, *_: Any, **__: Any) -> attention.KVCache:
        return super().make_cache(batch, length, position=99)


def modules() -> list[ModuleTest]:
    """Prefill of 128 tokens and decoding of one."""
    decoder, prefill, one = layer(), (1, 128, 4096), (1, 1, 4096)
    parts: tuple[nn.Module, nn.Module] = decoder.attention, decoder.ffn
    return [
        timed("swiglu_prefill", parts[1], prefill),
        timed("swiglu_decode", parts[1], one),
        timed("attention_prefill", parts[0], prefill),
        timed("attention_decode", parts[0], one, decode_cache_length=1024),
        timed("block_prefill", decoder, prefill),
        timed("block_decode", decoder, one, decode_cache_length=1024),
        timed("mlp", ffn.MLP(768, 3072, bias=True), (1, 384, 768)),
        timed("rms_norm", decoder.attention_norm, prefill),
        timed("between", Between(1024, 8, 4, rope_theta=1e4), (2, 1, 1024), decode_cache_length=512),
        ModuleTest(
            "embedding",
            module=embedding.Embedding(8192, 4096),
            input_shape=(1, 128),
            inputs=lambda shape: torch.randint(8192, shape),
            test_cases=["performance"],
        ),
    ]


def timed(name: str, module: nn.Module, shape: tuple[int, ...], **more: Any) -> ModuleTest:
    return ModuleTest(
        name, module=module, input_shape=shape, inputs=torch.zeros, test_cases=["performance"], **more
    )


def kernels() -> list[ModuleTest]:
    made = {name: Kernel(KernelEntry.model_validate(entry)) for name, entry in KERNELS.items()}
    return [
        ModuleTest(
            name,
            module=kernel,
            input_shape=kernel.entry.shapes[0],
            inputs=kernel.make_inputs,
            test_cases=["performance"],
        )
        for name, kernel in made.items()
    ]


def correctness_after_the_limit(device: Any) -> list[str]:
    """Of a decode step whose cache was written to while no value was followed."""
    step = attention.MultiHeadAttention(256, 8, 4, rope_theta=10000.0)
    test = ModuleTest("step", module=step, input_shape=(1, 1, 256), decode_cache_length=64)
    cases = {case.check: case for case in Choice(Pair("model", "mock"), device, [test]).cases}
    judged = [judge_case(cases[check], measure) for check in ("performance", "correctness")]
    return [str(result.outcome) for result in judged if result.limit or result.check == "correctness"]


def main(board: str, *names: str) -> None:
    entry = {"backend": "ttnn", "target": "mock", "board": board}
    device: Any = open_with_modules("mock", TtnnDeviceEntry.model_validate(entry))
    found: Any = None
    try:
        if names == ("correctness-after-the-limit",):
            found = correctness_after_the_limit(device)
        tests = [test for test in [*modules(), *kernels()] if not names or test.name in names]
        results = run_choice(Choice(Pair("model", "mock"), device, tests))
    finally:
        device.close()
    limits = {result.test: result.limit and result.limit.model_dump() for result in results}
    print(json.dumps(found or limits))


if __name__ == "__main__":
    main(*sys.argv[1:])
