"""Whisper tiny, arXiv 2212.04356: a layer of its encoder, with its ttnn kernel.

Shapes: B batch, S frames of sound, E hidden dim, H heads, D head dim.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttci.testing import ModuleTest


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each behind a norm: ``WhisperEncoderLayer``.

    Args:
        hidden_dim: E.
        num_heads: H.
        intermediate_dim: Of the feed-forward network.
    """

    def __init__(self, hidden_dim: int, num_heads: int, intermediate_dim: int) -> None:
        super().__init__()
        self.hidden_dim, self.num_heads = hidden_dim, num_heads
        self.self_attn_layer_norm = nn.LayerNorm(hidden_dim)
        self.q_proj = nn.Linear(hidden_dim, hidden_dim)
        self.k_proj = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.v_proj = nn.Linear(hidden_dim, hidden_dim)
        self.out_proj = nn.Linear(hidden_dim, hidden_dim)
        self.final_layer_norm = nn.LayerNorm(hidden_dim)
        self.fc1 = nn.Linear(hidden_dim, intermediate_dim)
        self.fc2 = nn.Linear(intermediate_dim, hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]; every frame sees all others."""
        given = self.self_attn_layer_norm(x)
        projections = (part(given) for part in (self.q_proj, self.k_proj, self.v_proj))
        q, k, v = (wide.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for wide in projections)
        heads = F.scaled_dot_product_attention(q, k, v)  # [B, H, S, D]
        x = x + self.out_proj(heads.transpose(1, 2).flatten(2))
        y: Tensor = self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))
        return x + y

    def qkv(self) -> tuple[Tensor, Tensor]:
        """The weight [E, 3 * E] and bias [3 * E] of one projection in place of three."""
        biases = self.q_proj.bias, torch.zeros_like(self.q_proj.bias), self.v_proj.bias  # the keys have none
        weights = self.q_proj.weight, self.k_proj.weight, self.v_proj.weight
        return torch.cat(weights).T, torch.cat(biases)

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        """As the forward pass, on ttnn tensors."""
        import ttnn

        exact = exactly(device)
        attention_norm = norm(device, self.self_attn_layer_norm)
        ffn_norm = norm(device, self.final_layer_norm)
        qkv, out = linear(device, *self.qkv()), linear(device, self.out_proj.weight.T, self.out_proj.bias)
        up = linear(device, self.fc1.weight.T, self.fc1.bias, "gelu")
        down = linear(device, self.fc2.weight.T, self.fc2.bias)
        scale = (self.hidden_dim // self.num_heads) ** -0.5

        def attention(x: Any) -> Any:
            q, k, v = ttnn.transformer.split_query_key_value_and_split_heads(
                qkv(x), num_heads=self.num_heads, transpose_key=True
            )  # [B, H, S, D], [B, H, D, S], [B, H, S, D]
            scores = ttnn.matmul(q, k, compute_kernel_config=exact)  # [B, H, S, S]
            shares = ttnn.softmax(ttnn.multiply(scores, scale), dim=-1, numeric_stable=True)
            y = ttnn.matmul(shares, v, compute_kernel_config=exact)
            return out(ttnn.transformer.concatenate_heads(y))

        def run(x: Any) -> Any:
            x = ttnn.add(x, attention(attention_norm(x)))
            return ttnn.add(x, down(up(ffn_norm(x))))

        return run


def put(device: Any, value: Tensor) -> Any:
    """A weight or bias on the board."""
    import ttnn

    rows = value.detach() if value.ndim > 1 else value.detach().reshape(1, -1)
    return ttnn.from_torch(rows, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)


def exactly(device: Any) -> Any:
    """How products are computed: with all bits of both operands, and sums in float32."""
    import ttnn

    fidelity = ttnn.MathFidelity.HiFi4
    return ttnn.init_device_compute_kernel_config(
        device.arch(), math_fidelity=fidelity, fp32_dest_acc_en=True
    )


def norm(device: Any, module: nn.LayerNorm) -> Callable[[Any], Any]:
    """The norm on ttnn tensors."""
    import ttnn

    weight, bias = put(device, module.weight), put(device, module.bias)
    return lambda x: ttnn.layer_norm(x, weight=weight, bias=bias, epsilon=module.eps)


def linear(device: Any, weight: Tensor, bias: Tensor, activation: str | None = None) -> Callable[[Any], Any]:
    """A product with a weight [in, out] on ttnn tensors."""
    import ttnn

    given = {"bias": put(device, bias), "compute_kernel_config": exactly(device)}
    on_board = put(device, weight)
    return lambda x: ttnn.linear(x, on_board, activation=activation, **given)


class Whisper:
    """Whisper tiny as published, config.json of openai/whisper-tiny; the weights come from a seed."""

    def get_module_tests(self) -> list[ModuleTest]:
        """Half a minute of sound is 1500 frames."""
        torch.manual_seed(0)
        layer = as_trained(EncoderLayer(hidden_dim=384, num_heads=6, intermediate_dim=1536))
        return [ModuleTest("encoder_layer", (1, 1500, 384), (1, 1500, 384), module=layer)]


def as_trained(module: nn.Module) -> nn.Module:
    """Ready for inference. The weights that a module begins with hide mistakes in some of its parts."""
    for weight in module.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=1.5 / weight.shape[-1] ** 0.5)
        else:  # biases, and the weights of norms
            nn.init.normal_(weight, float(weight.detach().mean().round()), 0.3)
    return module.eval()
