"""A whole BERT, arXiv 1810.04805, small: embeddings, layers and pooler, with its ttnn implementation.

Its layers are ttci's, which have one; what is around them is written here.

Shapes: B batch, S tokens, E hidden dim.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules import attention, block, embedding, ffn, normalization
from ttci.testing import ModuleTest, register_lowering


class Bert(nn.Module):
    """As ``BertModel`` of Hugging Face's, all tokens of the first of two sentences.

    Args:
        vocab_size: How many ids there are.
        hidden_dim: E.
        layers: How many.
        num_heads: Of the attention of each.
        max_tokens: How many positions there are.
    """

    def __init__(
        self, vocab_size: int, hidden_dim: int, layers: int, num_heads: int, max_tokens: int = 512
    ) -> None:
        super().__init__()
        self.word_embeddings = embedding.Embedding(vocab_size, hidden_dim)
        self.position_embeddings = nn.Parameter(torch.randn(max_tokens, hidden_dim))
        self.token_type_embeddings = nn.Parameter(torch.randn(2, hidden_dim))
        self.norm = normalization.LayerNorm(hidden_dim, eps=1e-12)
        self.layers = nn.Sequential(*(_layer(hidden_dim, num_heads) for _ in range(layers)))
        self.pooler = nn.Linear(hidden_dim, hidden_dim)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids [B, S] to the hidden states [B, S, E], and the first token's, pooled, [B, E]."""
        positions = self.position_embeddings[: ids.shape[1]]
        x = self.word_embeddings(ids) + positions + self.token_type_embeddings[0]
        x = self.layers(self.norm(x))
        return x, torch.tanh(self.pooler(x[:, 0]))


def _layer(hidden_dim: int, num_heads: int) -> block.DecoderBlock:
    return block.DecoderBlock(
        attention.MultiHeadAttention(hidden_dim, num_heads, qkv_bias=True, out_bias=True, causal=False),
        ffn.MLP(hidden_dim, 4 * hidden_dim, activation="gelu"),
        normalization.LayerNorm(hidden_dim, eps=1e-12),
        normalization.LayerNorm(hidden_dim, eps=1e-12),
        norm_first=False,
    )


@register_lowering(Bert)
def bert_on_ttnn(module: Bert, target: Any) -> Callable[[Any], tuple[Any, Any]]:
    """A function of row-major ids on the board."""
    ttnn = target.ttnn
    words, norm, layers, pooler = map(
        target.lower, (module.word_embeddings, module.norm, module.layers, module.pooler)
    )
    positions = target.vector(module.position_embeddings)  # [max_tokens, E]
    first_sentence = target.vector(module.token_type_embeddings[:1])  # [1, E]

    def embedded(ids: Any) -> Any:
        tokens, width = ids.shape[1], positions.shape[1]
        places = ttnn.slice(positions, (0, 0), (tokens, width))
        return ttnn.add(ttnn.add(words(ids), places), first_sentence)

    def run(ids: Any) -> tuple[Any, Any]:
        x = layers(norm(embedded(ids)))
        batch, _, width = x.shape
        first = ttnn.reshape(ttnn.slice(x, (0, 0, 0), (batch, 1, width)), (batch, width))
        return x, ttnn.tanh(pooler(first))

    return run


class BertTiny:
    """BERT tiny (google/bert_uncased_L-2_H-128_A-2), of fewer words; the weights come from a seed."""

    vocab_size = 1000

    def get_module_tests(self) -> list[ModuleTest]:
        """One test, of ids."""
        torch.manual_seed(0)
        model = as_trained(Bert(self.vocab_size, hidden_dim=128, layers=2, num_heads=2))
        return [ModuleTest("bert", (2, 64), (2, 64, 128), module=model, inputs=self.ids)]

    def ids(self, shape: tuple[int, ...]) -> Tensor:
        """Random ones."""
        return torch.randint(self.vocab_size, shape)


def as_trained(module: nn.Module) -> nn.Module:
    """Ready for inference. The weights that a module begins with hide mistakes in some of its parts."""
    for weight in module.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=1.5 / weight.shape[-1] ** 0.5)
        else:  # biases, and the weights of norms
            nn.init.normal_(weight, float(weight.detach().mean().round()), 0.3)
    return module.eval()
