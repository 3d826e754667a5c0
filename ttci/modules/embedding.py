"""Token embedding.

Shapes: B batch, S tokens, V vocabulary, E hidden dim.
"""

from torch import nn


class Embedding(nn.Embedding):
    """Looks up a row of ``weight`` [V, E] for each integer id: [B, S] to [B, S, E].

    Args:
        vocab_size: Number of rows, V.
        hidden_dim: Size of a row, E.
        padding_idx: Id of the padding token: its row starts at zero and gets no gradient.

    Raises:
        ValueError: ``padding_idx`` is not an id of the vocabulary.
    """

    def __init__(self, vocab_size: int, hidden_dim: int, padding_idx: int | None = None) -> None:
        if padding_idx is not None and not 0 <= padding_idx < vocab_size:
            raise ValueError(
                f"padding_idx ({padding_idx}) must be an id of the vocabulary, 0 to {vocab_size - 1}"
            )
        super().__init__(vocab_size, hidden_dim, padding_idx)
        self.vocab_size = vocab_size
        self.hidden_dim = hidden_dim
