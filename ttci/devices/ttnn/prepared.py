"""Weights of convolutions that ttnn has put in its own order, which depends on shapes and cores.

That order is not modelled. The weight as torch keeps it is followed instead, and goes
along wherever the prepared one is moved, so that a convolution of it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ttci.devices.ttnn.apply import OperationCall
from ttci.devices.ttnn.numbers import Numbers

# The dimension of the output channels in the weight that torch keeps.
CONVOLUTIONS = {"ttnn.conv1d": 0, "ttnn.conv2d": 0, "ttnn.conv_transpose2d": 1}
MOVES = ("ttnn.to_device", "ttnn.from_device", "ttnn.to_memory_config", "ttnn.reallocate", "ttnn.move")
_PREPARE_WEIGHTS = {"prepare_conv_weights": 0, "prepare_conv_transpose2d_weights": 1}
_PREPARE_BIAS = ("prepare_conv_bias", "prepare_conv_transpose2d_bias")


class PreparedWeights:
    """Reads and writes in `numbers` what prepared weights were made of."""

    def __init__(self, ttnn: Any, numbers: Numbers) -> None:
        self._functions = ttnn._ttnn.operations.conv  # those of ttnn's own module only call these
        self._numbers = numbers

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Meanwhile the functions that prepare weights, which ttnn's hooks do not see, are followed."""
        replaced = {name: getattr(self._functions, name) for name in (*_PREPARE_WEIGHTS, *_PREPARE_BIAS)}
        for name, plain in replaced.items():
            setattr(self._functions, name, self._preparing(plain, name))
        try:
            yield
        finally:
            for name, plain in replaced.items():
                setattr(self._functions, name, plain)

    def _preparing(self, plain: Callable[..., Any], name: str) -> Callable[..., Any]:
        def prepare(*args: Any, **kwargs: Any) -> Any:
            result = plain(*args, **kwargs)
            if name in _PREPARE_BIAS:
                self._store_bias(result, kwargs["bias_tensor"], name)
            else:
                self._store_weight(result, kwargs["weight_tensor"], name, _PREPARE_WEIGHTS[name])
            return result

        return prepare

    def returned(self, name: str, kwargs: dict[str, Any], outputs: list[Any]) -> list[Any]:
        """Store the weight and the bias that a convolution gives back; the output is left to its golden."""
        output, *prepared = outputs
        for tensor in prepared[:1]:
            self._store_weight(tensor, kwargs["weight_tensor"], name, CONVOLUTIONS[name])
        for tensor in prepared[1:]:
            self._store_bias(tensor, kwargs["bias_tensor"], name)
        return [output]

    def moved(self, source: Any, target: Any) -> bool:
        """Let the target of a move be what its source is, if that is a prepared weight."""
        if not self._numbers.is_prepared(source):
            return False
        shards = self._numbers.of(source, "", prepared=True)
        self._numbers.store_exactly(target, shards, prepared=True)
        return True

    def as_used(self, call: OperationCall, tensor: Any, value: Tensor) -> Tensor:
        """The value of a tensor as a convolution uses it: it brings weight and bias to one type first."""
        for argument, dtype in self._types_of(call.kwargs).items():
            if call.kwargs[argument] is not tensor:
                continue
            if argument == "bias_tensor":
                return self._numbers.rounding.to_type(value.reshape(1, -1), dtype)
            return self._numbers.rounding.weight_to_type(value, dtype, CONVOLUTIONS[call.name])
        return value

    def _types_of(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The types that a convolution brings its weight and bias to, by the arguments' names."""
        weight, config = kwargs["weight_tensor"], kwargs.get("conv_config")
        configured = None if config is None else config.weights_dtype
        dtype = weight.dtype if configured is None or self._numbers.is_prepared(weight) else configured
        names = [name for name in ("weight_tensor", "bias_tensor") if kwargs.get(name) is not None]
        return {name: dtype for name in names if kwargs[name].dtype != dtype}

    def _store_weight(self, tensor: Any, source: Any, asked_by: str, outputs: int) -> None:
        shards = self._numbers.of(source, asked_by, prepared=True)
        if source.dtype != tensor.dtype:
            rounded = {
                id(shard): self._numbers.rounding.weight_to_type(shard, tensor.dtype, outputs)
                for shard in shards
            }
            shards = [rounded[id(shard)] for shard in shards]
        self._numbers.store_exactly(tensor, shards, prepared=True)

    def _store_bias(self, tensor: Any, source: Any, asked_by: str) -> None:
        """A bias keeps its order."""
        shape = tuple(tensor.shape)
        shards = [shard.reshape(shape) for shard in self._numbers.of(source, asked_by)]
        self._numbers.store(tensor, shards, inputs=[source])
