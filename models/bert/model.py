"""BERT base, uncased: the modules of one layer, declared for testing."""

from dataclasses import dataclass

from torch import nn

from ttci.modules import attention, block, ffn, normalization
from ttci.testing import TestableModule, TestConfig


@dataclass(frozen=True)
class BertConfig:
    """BERT base as published: config.json of the model card google-bert/bert-base-uncased.

    ``vocab_size`` is kept for completeness: no module of a layer reads it.
    """

    vocab_size: int = 30522
    hidden_dim: int = 768
    intermediate_dim: int = 3072
    num_heads: int = 12
    norm_eps: float = 1e-12


class BertModel(nn.Module, TestableModule):
    """One layer of BERT base; its block is built of the very modules tested beside it."""

    def __init__(self, config: BertConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or BertConfig()
        self.attention = attention.MultiHeadAttention(
            hidden_dim=c.hidden_dim,
            num_heads=c.num_heads,
            qkv_bias=True,
            out_bias=True,
            causal=False,
        )
        self.ffn = ffn.MLP(c.hidden_dim, c.intermediate_dim, activation="gelu")
        self.norm = normalization.LayerNorm(c.hidden_dim, c.norm_eps)
        self.ffn_norm = normalization.LayerNorm(c.hidden_dim, c.norm_eps)
        self.block = block.DecoderBlock(self.attention, self.ffn, self.norm, self.ffn_norm, norm_first=False)

    def get_test_configs(self) -> dict[str, tuple[nn.Module, TestConfig]]:
        """Name the modules to test; the targets are for bfloat16 on a Wormhole n150."""
        shape = (1, 512, self.config.hidden_dim)
        return {
            "bert_base_attention": (
                self.attention,
                TestConfig(
                    name="bert_base_attention",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 1.0, "memory_mb": 32},
                ),
            ),
            "bert_base_ffn": (
                self.ffn,
                TestConfig(
                    name="bert_base_ffn",
                    input_shape=shape,
                    expected_output_shape=shape,
                    performance_targets={"latency_ms": 1.0, "memory_mb": 32},
                ),
            ),
            "bert_base_norm": (
                self.norm,
                TestConfig(
                    name="bert_base_norm",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
            "bert_base_block": (
                self.block,
                TestConfig(
                    name="bert_base_block",
                    input_shape=shape,
                    expected_output_shape=shape,
                ),
            ),
        }
