"""Llama 3.1 8B: the modules of one layer, declared for testing."""

from dataclasses import dataclass

from torch import nn

from ttci.modules import attention, block, ffn, normalization
from ttci.testing import TestableModule, TestConfig

ROPE_SCALING = attention.RopeScaling(
    factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position=8192
)


@dataclass(frozen=True)
class LLaMA3Config:
    """Llama 3.1 8B as published: config.json of the model card meta-llama/Llama-3.1-8B.

    ``vocab_size`` is kept for completeness: no module of a layer reads it.
    """

    vocab_size: int = 128256
    hidden_dim: int = 4096
    intermediate_dim: int = 14336
    num_heads: int = 32
    num_kv_heads: int = 8
    head_dim: int = 128
    rope_theta: float = 500000.0
    rope_scaling: attention.RopeScaling | None = ROPE_SCALING
    norm_eps: float = 1e-5


class LLaMA3Model(nn.Module, TestableModule):
    """One layer of Llama 3.1 8B; its block is built of the very modules tested beside it."""

    def __init__(self, config: LLaMA3Config | None = None) -> None:
        super().__init__()
        self.config = c = config or LLaMA3Config()
        self.attention = attention.MultiHeadAttention(
            hidden_dim=c.hidden_dim,
            num_heads=c.num_heads,
            num_kv_heads=c.num_kv_heads,
            head_dim=c.head_dim,
            rope_theta=c.rope_theta,
            rope_scaling=c.rope_scaling,
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
            "llama3_8b_attention": (
                self.attention,
                TestConfig(
                    name="llama3_8b_attention",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 5.0, "memory_mb": 512},
                ),
            ),
            "llama3_8b_ffn": (
                self.ffn,
                TestConfig(
                    name="llama3_8b_ffn",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 10.0, "memory_mb": 640},
                ),
            ),
            "llama3_8b_norm": (
                self.norm,
                TestConfig(
                    name="llama3_8b_norm",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
            "llama3_8b_block": (
                self.block,
                TestConfig(
                    name="llama3_8b_block",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
        }

    def _decode_steps(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        token = (1, 1, self.config.hidden_dim)
        return {
            "llama3_8b_attention_decode": (
                self.attention,
                TestConfig(
                    name="llama3_8b_attention_decode",
                    input_shape=token,
                    expected_output_shape=token,
                    decode_cache_length=2048,
                ),
            ),
            "llama3_8b_block_decode": (
                self.block,
                TestConfig(
                    name="llama3_8b_block_decode",
                    input_shape=token,
                    expected_output_shape=token,
                    decode_cache_length=2048,
                ),
            ),
        }
