"""Qwen3 8B: the modules of one layer, declared for testing."""

from dataclasses import dataclass

from torch import nn

from ttci.modules import attention, block, ffn, normalization
from ttci.testing import TestableModule, TestConfig


@dataclass(frozen=True)
class Qwen3Config:
    """Qwen3 8B as published: config.json of the model card Qwen/Qwen3-8B.

    ``vocab_size`` is kept for completeness: no module of a layer reads it.
    """

    vocab_size: int = 151936
    hidden_dim: int = 4096
    intermediate_dim: int = 12288
    num_heads: int = 32
    num_kv_heads: int = 8
    head_dim: int = 128
    rope_theta: float = 1000000.0
    norm_eps: float = 1e-6


class Qwen3Model(nn.Module, TestableModule):
    """One layer of Qwen3 8B; its block is built of the very modules tested beside it."""

    def __init__(self, config: Qwen3Config | None = None) -> None:
        super().__init__()
        self.config = c = config or Qwen3Config()
        self.attention = attention.MultiHeadAttention(
            hidden_dim=c.hidden_dim,
            num_heads=c.num_heads,
            num_kv_heads=c.num_kv_heads,
            head_dim=c.head_dim,
            rope_theta=c.rope_theta,
            qk_norm=True,
            norm_eps=c.norm_eps,
        )
        self.ffn = ffn.SwiGLU(c.hidden_dim, c.intermediate_dim)
        self.norm = normalization.RMSNorm(c.hidden_dim, c.norm_eps)
        self.ffn_norm = normalization.RMSNorm(c.hidden_dim, c.norm_eps)
        self.block = block.DecoderBlock(self.attention, self.ffn, self.norm, self.ffn_norm)

    def get_test_configs(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        """Name the modules to test; the targets are for bfloat16 on a Wormhole n150."""
        return self._forward_passes() | self._decode_steps()

    def _forward_passes(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        shape = (1, 2048, self.config.hidden_dim)
        return {
            "qwen3_8b_attention": (
                self.attention,
                TestConfig(
                    name="qwen3_8b_attention",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 5.0, "memory_mb": 512},
                ),
            ),
            "qwen3_8b_ffn": (
                self.ffn,
                TestConfig(
                    name="qwen3_8b_ffn",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 10.0, "memory_mb": 512},
                ),
            ),
            "qwen3_8b_norm": (
                self.norm,
                TestConfig(
                    name="qwen3_8b_norm",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
            "qwen3_8b_block": (
                self.block,
                TestConfig(
                    name="qwen3_8b_block",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
        }

    def _decode_steps(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        token = (1, 1, self.config.hidden_dim)
        return {
            "qwen3_8b_attention_decode": (
                self.attention,
                TestConfig(
                    name="qwen3_8b_attention_decode",
                    input_shape=token,
                    expected_output_shape=token,
                    decode_cache_length=2048,
                ),
            ),
            "qwen3_8b_block_decode": (
                self.block,
                TestConfig(
                    name="qwen3_8b_block_decode",
                    input_shape=token,
                    expected_output_shape=token,
                    decode_cache_length=2048,
                ),
            ),
        }
