"""How the matrix engine is set for an operation: by the user's compute kernel config, else by ttnn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ttci.catalog.boards import PASSES

_TILE = 32
_PRODUCTS = (
    *("ttnn.matmul", "ttnn.linear", "ttnn.addmm"),
    *("ttnn.experimental.all_gather_matmul_async", "ttnn.experimental.llama_rs_matmul"),
)
_ATTENTION = "scaled_dot_product_attention"
_BLOCK_TILES = 2  # in0_block_w where ttnn chooses it, of most products; a program config states another


@dataclass(frozen=True)
class EngineSettings:
    """What of an operation's numbers the engine decides.

    Attributes:
        passes: over a product, of `ttci.catalog.boards.PASSES`.
        float32_sums: whether sums are kept in float32 (``fp32_dest_acc_en``), else in bfloat16.
        block_tiles: after so many tiles of the inner dimension a partial sum is added to those before,
            and the next begins with zero (``packer_l1_acc``); None where one sum takes all.
        float32_inputs: whether an input is float32, of which the engine takes 11 bits.
    """

    passes: int
    float32_sums: bool
    block_tiles: int | None = None
    float32_inputs: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether bfloat16 is multiplied and summed as torch does it in float32.

        The fourth pass adds the product of the low bits, 6e-5 of the whole: a thirtieth of what
        bfloat16 rounds away, and not worth a product of its own after the third.
        """
        return self.passes >= PASSES["HiFi3"] and self.float32_sums and not self.float32_inputs


# Where no compute kernel config is given; tests/on_ttnn compares them with what ttnn 0.81.1 runs.
_DEFAULTS = {
    "ttnn.experimental.minimal_matmul": EngineSettings(2, float32_sums=True),
    "ttnn.experimental.minimal_matmul_split": EngineSettings(2, float32_sums=True),
    "ttnn.rms_norm": EngineSettings(4, float32_sums=False),
    "ttnn.layer_norm": EngineSettings(4, float32_sums=True),
}


def engine_settings(
    ttnn: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> EngineSettings | None:
    """How the engine is set for a call of the operation `name`; None where that is not known."""
    given = [*args, *kwargs.values()]
    config = next((value for value in given if hasattr(value, "math_fidelity")), None)
    dtypes = [value.dtype for value in given if isinstance(value, ttnn.Tensor)]
    if config is not None:
        settings = EngineSettings(PASSES[config.math_fidelity.name], bool(config.fp32_dest_acc_en))
        sums_in_l1 = bool(config.packer_l1_acc)
    else:
        known = _default(ttnn, name, dtypes[:2], kwargs)
        if known is None:
            return None
        settings, sums_in_l1 = known, name in _PRODUCTS
    block_tiles = None if settings.float32_sums else _block_tiles(name, kwargs, sums_in_l1=sums_in_l1)
    return replace(settings, block_tiles=block_tiles, float32_inputs=ttnn.float32 in dtypes)


def _default(ttnn: Any, name: str, dtypes: Sequence[Any], kwargs: Mapping[str, Any]) -> EngineSettings | None:
    if name in _PRODUCTS:
        return _default_of_product(ttnn, dtypes, kwargs)
    if _ATTENTION in name:
        return EngineSettings(PASSES["HiFi2"], float32_sums=False)
    return _DEFAULTS.get(name)


def _default_of_product(ttnn: Any, dtypes: Sequence[Any], kwargs: Mapping[str, Any]) -> EngineSettings:
    """LoFi for two block floats, and for whoever states a program config or a grid of cores."""
    if ttnn.float32 in dtypes:
        return EngineSettings(PASSES["HiFi3"], float32_sums=True)
    block_floats = all(dtype in (ttnn.bfloat8_b, ttnn.bfloat4_b) for dtype in dtypes)
    stated = any(kwargs.get(key) is not None for key in ("program_config", "core_grid"))
    return EngineSettings(PASSES["LoFi" if block_floats or stated else "HiFi2"], float32_sums=False)


def _block_tiles(name: str, kwargs: Mapping[str, Any], *, sums_in_l1: bool) -> int | None:
    program_config = kwargs.get("program_config")
    if _ATTENTION in name:  # keys come in chunks, and the outputs of chunks are summed
        return max(1, int(getattr(program_config, "k_chunk_size", _TILE)) // _TILE)
    if not sums_in_l1:
        return None
    return int(getattr(program_config, "in0_block_w", _BLOCK_TILES))
