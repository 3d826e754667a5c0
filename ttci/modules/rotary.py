"""Rotary position embedding (RoPE), arXiv 2104.09864, as pure functions.

Shapes: B batch, S tokens, H heads, D head dim. The two halves of a head hold the
pairs that are rotated together (Hugging Face's ``rotate_half``), not its even and
odd elements (the paper's and Meta's order): weights differ by a permutation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class RopeScaling:
    """Llama 3.1's stretching of the rotary wavelengths to a longer context.

    Raises:
        ValueError: A value is not positive, or the two frequency factors are in the
            wrong order.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position: int

    def __post_init__(self) -> None:
        if self.factor <= 0 or self.low_freq_factor <= 0 or self.original_max_position <= 0:
            raise ValueError(f"rope_scaling takes positive numbers only, got {self}")
        if self.high_freq_factor <= self.low_freq_factor:
            raise ValueError(
                f"rope_scaling: high_freq_factor ({self.high_freq_factor}) must be greater "
                f"than low_freq_factor ({self.low_freq_factor}); are the two swapped?"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "RopeScaling":
        """Build it from a plain dict, the form it has in a test specification file.

        Raises:
            ValueError: A key is missing or unknown.
        """
        wanted = [field.name for field in fields(cls)]
        if set(values) != set(wanted):
            raise ValueError(
                f"rope_scaling takes exactly the keys {', '.join(wanted)}; got {', '.join(values) or 'none'}"
            )
        return cls(**values)


def inverse_frequencies(
    head_dim: int,
    theta: float,
    scaling: RopeScaling | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Tensor:
    """Radians by which each pair of a head turns from one token to the next, [D/2]."""
    exponents = torch.arange(0, head_dim, 2, dtype=dtype, device=device) / head_dim
    frequencies = 1.0 / theta**exponents
    return frequencies if scaling is None else _stretch(frequencies, scaling)


def _stretch(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Slow the low frequencies by ``factor``, keep the high, blend in between, [D/2].

    Source: ``apply_scaling`` in Meta's llama-models (Llama 3.1);
    ``_compute_llama3_parameters`` in Hugging Face transformers.
    """
    wavelengths = 2 * math.pi / frequencies  # in tokens
    turns = scaling.original_max_position / wavelengths  # within the original context
    band = scaling.high_freq_factor - scaling.low_freq_factor
    kept = ((turns - scaling.low_freq_factor) / band).clamp(0.0, 1.0)  # 0 low, 1 high
    return (1 - kept) * frequencies / scaling.factor + kept * frequencies


def rotary_tables(positions: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, [S, D] each, of positions [S] and inverse frequencies [D/2]."""
    angles = torch.outer(positions.to(frequencies.dtype), frequencies)  # [S, D/2]
    angles = torch.cat((angles, angles), dim=-1)  # [S, D]
    return angles.cos(), angles.sin()


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate queries or keys x [B, H, S, D] by tables [S, D].

    The finished tables are rounded to x's dtype, as Hugging Face's
    ``apply_rotary_pos_emb`` does; the angles never are.
    """
    first, second = x.chunk(2, dim=-1)  # [B, H, S, D/2] each
    rotated = torch.cat((-second, first), dim=-1)  # [B, H, S, D]
    return x * cos.to(x.dtype) + rotated * sin.to(x.dtype)
