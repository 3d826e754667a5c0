"""Every module on a mock board against its own float32 forward pass; one process a board.

``python judged.py BOARD`` prints, as JSON, how far each case's output is from its reference.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules import attention, block, embedding, ffn, normalization

WIDTH, INNER, VOCABULARY = 256, 512, 1000
SCALING = attention.RopeScaling(8.0, 1.0, 4.0, 8192)
ACTIVATIONS = (
    *(nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.LeakyReLU, nn.LogSigmoid, nn.Mish),
    *(nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softsign, nn.Tanh),
)
BOARDS = ("n150", "n300", "t3k", "p150")
PREFILL = ((1, 128), (2, 100))  # batch, tokens
DECODE = ((1, 128, 127), (2, 100, 99), (12, 64, 5), (32, 256, 37))  # batch, cache length, position


def bert_attention(heads: int = 8, width: int = WIDTH) -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(width, heads, qkv_bias=True, out_bias=True, causal=False)


def llama_attention(kv_heads: int = 4, **options: Any) -> attention.MultiHeadAttention:
    return attention.MultiHeadAttention(WIDTH, 8, kv_heads, rope_theta=10000.0, **options)


def pre_norm_block() -> block.DecoderBlock:
    norms = normalization.RMSNorm(WIDTH), normalization.RMSNorm(WIDTH)
    return block.DecoderBlock(llama_attention(), ffn.SwiGLU(WIDTH, INNER), *norms)


def post_norm_block(**options: Any) -> block.DecoderBlock:
    norms = normalization.LayerNorm(WIDTH), normalization.LayerNorm(WIDTH)
    part = attention.MultiHeadAttention(WIDTH, 8, qkv_bias=True, out_bias=True, **options)
    return block.DecoderBlock(part, ffn.MLP(WIDTH, INNER), *norms, norm_first=False)


DECODERS: dict[str, Callable[[], Any]] = {
    "attention_one_kv_head_a_head": lambda: llama_attention(8),
    "attention_grouped_scaled_rope": lambda: llama_attention(4, rope_scaling=SCALING),
    "attention_wide_heads": lambda: llama_attention(2, head_dim=64),
    "attention_qk_norm": lambda: llama_attention(8, head_dim=64, qk_norm=True),
    **{f"attention_of_heads_{d}_wide": partial(llama_attention, head_dim=d) for d in (16, 80)},
    "attention_of_48_wide_heads_qk_norm": lambda: llama_attention(8, head_dim=48, qk_norm=True),
    "attention_of_33_wide_heads": lambda: attention.MultiHeadAttention(WIDTH, 8, head_dim=33, qkv_bias=True),
    "attention_of_heads_that_do_not_divide": lambda: attention.MultiHeadAttention(
        384, 12, qkv_bias=True, out_bias=True
    ),
    "block": pre_norm_block,
    "causal_post_norm_block": post_norm_block,
}
MODULES: dict[str, Callable[[], nn.Module]] = {
    **DECODERS,
    "attention_not_causal": bert_attention,
    "attention_not_causal_of_12_heads": lambda: bert_attention(12, 384),
    "swiglu": lambda: ffn.SwiGLU(WIDTH, INNER),
    "swiglu_bias": lambda: ffn.SwiGLU(WIDTH, INNER, bias=True),
    "geglu": lambda: ffn.GeGLU(WIDTH, INNER),
    "geglu_tanh": lambda: ffn.GeGLU(WIDTH, INNER, approximate="tanh"),
    **{f"mlp_{name}": partial(ffn.MLP, WIDTH, INNER, name) for name in ffn.ACTIVATIONS},
    "mlp_that_does_not_divide": lambda: ffn.MLP(WIDTH, 288),
    "rms_norm": lambda: normalization.RMSNorm(WIDTH),
    "layer_norm": lambda: normalization.LayerNorm(WIDTH),
    "layer_norm_without_bias": lambda: normalization.LayerNorm(WIDTH, bias=False),
    "post_norm_block": lambda: post_norm_block(causal=False),
    "embedding": lambda: embedding.Embedding(VOCABULARY, WIDTH),
    "torch_linear": lambda: nn.Linear(WIDTH, INNER),
    "torch_embedding": lambda: nn.Embedding(VOCABULARY, WIDTH),
    "torch_layer_norm": lambda: nn.LayerNorm(WIDTH),
    "torch_layer_norm_without_weights": lambda: nn.LayerNorm(WIDTH, elementwise_affine=False),
    "torch_rms_norm": lambda: nn.RMSNorm(WIDTH),
    "torch_gelu_tanh": lambda: nn.GELU("tanh"),
    **{f"torch_{kind.__name__.lower()}": kind for kind in ACTIVATIONS},
    "torch_leaky_relu_of_slope": lambda: nn.LeakyReLU(0.3),
    "torch_elu_of_alpha": lambda: nn.ELU(0.5),
    "torch_hardtanh_of_bounds": lambda: nn.Hardtanh(-0.5, 1.5),
    "torch_softplus_of_beta": lambda: nn.Softplus(3.0, 2.0),
    "torch_softmax": lambda: nn.Softmax(-1),
    "torch_softmax_over_tokens": lambda: nn.Softmax(1),
    "torch_identity": nn.Identity,
    "torch_dropout_at_rest": lambda: nn.Dropout(0.5),
    "torch_flatten": nn.Flatten,
    "torch_flatten_the_first_two": lambda: nn.Flatten(0, -2),
    "torch_sequential": lambda: nn.Sequential(nn.Linear(WIDTH, INNER), nn.SiLU(), nn.Linear(INNER, WIDTH)),
}
CASES = [f"{name}[{batch}x{tokens}]" for name in MODULES for batch, tokens in PREFILL]
CASES += [f"{name}[decode {b} of {length} at {at}]" for name in DECODERS for b, length, at in DECODE]


@dataclass(frozen=True)
class Judged:
    """How far an output is from its reference, or why there is none."""

    shape: tuple[int, ...] = ()
    expected_shape: tuple[int, ...] = ()
    correlation: float = 0.0
    slope: float = 0.0
    mean_shift: float = 0.0
    chips_agree: bool = False
    repeats: bool = False
    error: str = ""


class Judge:
    """Runs cases on an open device."""

    def __init__(self, ttnn: Any, mesh: Any, numbers: Any) -> None:
        import ttci.modules.ttnn.implementations  # noqa: F401  # they register themselves
        from ttci.devices.ttnn.lowering import LoweringTarget

        self._ttnn, self._mesh, self._numbers = ttnn, mesh, numbers
        self._target = LoweringTarget(ttnn, mesh, ttnn.bfloat8_b)

    def put(self, value: Tensor) -> Any:
        ttnn, is_float = self._ttnn, value.is_floating_point()
        return ttnn.from_torch(
            value if is_float else value.to(torch.int32),
            dtype=ttnn.bfloat16 if is_float else ttnn.uint32,
            layout=ttnn.TILE_LAYOUT if is_float else ttnn.ROW_MAJOR_LAYOUT,
            device=self._mesh,
            mesh_mapper=ttnn.ReplicateTensorToMesh(self._mesh),
        )

    def prefill(self, module: nn.Module, batch: int, tokens: int) -> Judged:
        if isinstance(module, nn.Embedding):
            given = torch.randint(VOCABULARY, (batch, tokens))
        else:
            given = torch.randn(batch, tokens, getattr(module, "hidden_dim", WIDTH))
        implementation, on_mesh = self._target.lower(module), self.put(given)
        return self._judged(lambda: implementation(on_mesh), module(given))

    def decode(self, module: Any, batch: int, length: int, position: int) -> Judged:
        cache = module.make_cache(batch, length, torch.Generator().manual_seed(1), position)
        given = torch.randn(batch, 1, module.hidden_dim)
        implementation: Any = self._target.lower(module)
        placed, on_mesh = implementation.place_cache(cache), self.put(given)
        return self._judged(lambda: implementation.decode(on_mesh, placed), module.decode(given, cache))

    def _judged(self, call: Callable[[], Any], reference: Tensor) -> Judged:
        from ttci.checks.comparison import compare

        first, second = self._shards(call()), self._shards(call())
        output = first[0]
        if output.shape != reference.shape:
            return Judged(tuple(output.shape), tuple(reference.shape), error="another shape")
        compared = compare(output, reference, 1e-3)
        return Judged(
            tuple(output.shape),
            tuple(reference.shape),
            compared.correlation,
            compared.slope,
            compared.mean_shift,
            chips_agree=all(torch.equal(output, shard) for shard in first),
            repeats=torch.equal(output, second[0]),
        )

    def _shards(self, tensor: Any) -> list[Tensor]:
        return [self._ttnn.to_torch(piece).float() for piece in self._ttnn.get_device_tensors(tensor)]


def judge_all(judge: Judge) -> dict[str, Judged]:
    judged: dict[str, Judged] = {}
    for name, make in MODULES.items():
        torch.manual_seed(0)
        module = make().eval()
        for parameter in module.parameters():
            if parameter.ndim == 1:  # norms and biases begin with ones and zeros, which hide mistakes
                nn.init.normal_(parameter, float(parameter.detach().mean().round()), 0.3)
        for batch, tokens in PREFILL:
            judged[f"{name}[{batch}x{tokens}]"] = _caught(judge.prefill, module, batch, tokens)
        for batch, length, at in DECODE if name in DECODERS else ():
            case = f"{name}[decode {batch} of {length} at {at}]"
            judged[case] = _caught(judge.decode, module, batch, length, at)
    return judged


def _caught(run: Callable[..., Judged], *args: Any) -> Judged:
    try:
        with torch.no_grad():
            return run(*args)
    except Exception:  # noqa: BLE001  # a case that fails leaves the others judged
        return Judged(error=traceback.format_exc())


def main(board_name: str) -> None:
    from ttci.devices.ttnn.boards import BOARDS
    from ttci.devices.ttnn.runtime import mock_environment, opened_mesh

    board = BOARDS[board_name]
    os.environ.update(mock_environment(board) | {"TT_METAL_LOGGER_LEVEL": "error"})
    from ttci.devices.ttnn.follow import Follower

    ttnn = importlib.import_module("ttnn")
    with opened_mesh(ttnn, board.mesh_shape) as mesh, Follower(ttnn) as follower:
        judged = judge_all(Judge(ttnn, mesh, follower.numbers))
    print(json.dumps({name: asdict(case) for name, case in judged.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
