"""A decode step in ttnn: the implementation's own ``decode``, with the cache on the mesh."""

from __future__ import annotations

from functools import partial
from typing import Any

from ttci.devices.protocol import NoImplementationError
from ttci.devices.ttnn.lowering import Implementation, LoweringTarget, register_lowering
from ttci.modules.decode import DecodeStep


@register_lowering(DecodeStep)
def lower_decode_step(module: DecodeStep, target: LoweringTarget) -> Implementation:
    """``decode(x, cache)`` of the decoder's implementation; [B, 1, E] to [B, 1, E]."""
    implementation: Any = target.lower(module.decoder)
    missing = [name for name in ("decode", "place_cache") if not hasattr(implementation, name)]
    if missing:
        raise NoImplementationError(
            f"the ttnn implementation of {type(module.decoder).__name__} does not decode: it has no "
            f"{' and no '.join(missing)}; give it decode(x, cache) and place_cache(cache)"
        )
    return partial(implementation.decode, cache=implementation.place_cache(module.cache))
