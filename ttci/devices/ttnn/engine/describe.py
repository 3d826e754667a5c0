"""What decides on an operation's numbers, in words."""

from __future__ import annotations

from typing import Any

from ttci.catalog.boards import PASSES
from ttci.devices.ttnn.apply import OperationCall
from ttci.devices.ttnn.engine.settings import engine_settings


def described_settings(ttnn: Any, call: OperationCall) -> str:
    """``LoFi, bfloat16 sums, relu``: of the engine and what is fused; empty where neither is known."""
    settings = engine_settings(ttnn, call.name, call.args, call.kwargs)
    said = []
    if settings is not None:
        by_passes = {passes: name for name, passes in PASSES.items()}
        said = [by_passes[settings.passes], f"{'float32' if settings.float32_sums else 'bfloat16'} sums"]
    activation = call.kwargs.get("activation")
    return ", ".join([*said, *([activation] if isinstance(activation, str) else [])])
