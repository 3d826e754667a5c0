"""What a table of operations says of a tensor."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ttci.artifacts.operations_file import TensorFacts


def facts_of(ttnn: Any, tensor: Any) -> TensorFacts:
    """Of a tensor of ttnn's, on the host or on a board."""
    memory = "host"
    if ttnn.is_tensor_storage_on_device(tensor) and tensor.is_allocated():
        config = tensor.memory_config()
        memory = f"{config.buffer_type.name} {config.memory_layout.name.lower()}"
    return TensorFacts(
        shape=tuple(tensor.shape),
        dtype=tensor.dtype.name.lower(),
        layout=tensor.layout.name.lower(),
        memory=memory,
    )


def facts_of_read(value: Tensor) -> TensorFacts:
    """Of what a tensor of ttnn's was read as."""
    return TensorFacts(shape=tuple(value.shape), dtype=str(value.dtype).partition(".")[2], memory="torch")
