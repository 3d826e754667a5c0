"""Arguments that change a result, and that ttnn's own golden takes but does not heed: refused by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ttci.devices.ttnn.numbers import GoldenError

# Of the operations of ttnn 0.81.1 whose goldens drop what they do not know.
_CHANGING = {
    *("activations", "input_tensor_a_activations", "input_tensor_b_activations", "activation"),
    *("transpose_a", "transpose_b", "in0_column_offset", "divisor"),
    *("spec_multi_pos_tiles", "use_falcon7b_backend", "initial_state_block_idx"),
    *("cluster_axis", "block_cyclic_sp_axis", "block_cyclic_chunk_local"),
}
_OF_NUMBER_0 = ("cluster_axis", "block_cyclic_sp_axis", "initial_state_block_idx")  # 0 is not nothing


def refuse_swallowed(golden: Any, kwargs: Mapping[str, Any]) -> None:
    """Nothing that changes the result is lost between a call and the golden of ttnn's that follows it.

    Raises:
        GoldenError: names the first argument that would be.
    """
    for name in _CHANGING.intersection(kwargs):
        if not _is_nothing(name, kwargs[name]) and not _takes(golden, name):
            raise GoldenError(
                f"ttnn's own golden does not heed {name}, which changes the result; do it by another "
                "operation, or register a golden of this one"
            )


def _is_nothing(name: str, value: Any) -> bool:
    if value is None or value is False:
        return True
    return name not in _OF_NUMBER_0 and isinstance(value, (int, list, tuple)) and not value


def _takes(golden: Any, name: str) -> bool:
    """Whether it has such a parameter, or hands what it is given to a function that has."""
    if name in inspect.signature(golden).parameters:
        return True
    held = (cell.cell_contents for cell in getattr(golden, "__closure__", None) or ())
    return any(_takes(inner, name) for inner in held if inspect.isfunction(inner))
