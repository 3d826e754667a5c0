"""Tensors of a mock board that are written to files, read from them, or printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from ttci.devices.ttnn.numbers import DeallocatedError, GoldenError, Numbers

Method = Callable[..., Any]


class FollowedFiles:
    """While it is entered, what a tensor holds is written and printed, not the zeros of a mock board."""

    def __init__(self, ttnn: Any, numbers: Numbers) -> None:
        self._ttnn = ttnn
        self._numbers = numbers
        self._stack = ExitStack()

    def __enter__(self) -> FollowedFiles:
        files = self._ttnn._ttnn.tensor
        self._replace(files, "dump_tensor_flatbuffer", self._dumping)
        self._replace(files, "load_tensor_flatbuffer", self._loading)
        self._replace(self._ttnn.Tensor, "__repr__", self._printing)
        self._replace(self._ttnn, "combine_device_tensors", self._combining)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _replace(self, owner: Any, name: str, follow: Callable[[Method], Method]) -> None:
        plain = getattr(owner, name)
        setattr(owner, name, follow(plain))
        self._stack.callback(setattr, owner, name, plain)

    def _dumping(self, plain: Method) -> Method:
        def dump_tensor_flatbuffer(file_name: str, tensor: Any, *mode: Any, **named: Any) -> None:
            plain(file_name, self._on_host(tensor, "ttnn.dump_tensor"), *mode, **named)

        return dump_tensor_flatbuffer

    def _loading(self, plain: Method) -> Method:
        def load_tensor_flatbuffer(file_name: str, device: Any = None) -> Any:
            tensor = plain(file_name, device)
            if device is not None:
                pieces = self._numbers.plain_device_tensors(plain(file_name, None))
                self._numbers.store_exactly(
                    tensor, [self._numbers.rounding.held_by(piece) for piece in pieces]
                )
            return tensor

        return load_tensor_flatbuffer

    def _printing(self, plain: Method) -> Method:
        def representation(tensor: Any) -> str:
            try:
                return str(plain(self._on_host(tensor, "print")))
            except DeallocatedError as error:
                return f"ttnn.Tensor(<{error}>)"
            except GoldenError:
                kind = f"shape={tensor.shape}, dtype={tensor.dtype}, layout={tensor.layout}"
                return f"ttnn.Tensor(<what it holds is not known on a mock board>, {kind})"

        return representation

    def _combining(self, plain: Method) -> Method:
        def combine_device_tensors(tensors: Sequence[Any]) -> Any:
            shards = [
                shard for piece in tensors for shard in self._numbers.of(piece, "combine_device_tensors")
            ]
            combined = plain(tensors=tensors)
            self._numbers.store(combined, shards, inputs=tensors)
            return combined

        return combine_device_tensors

    def _on_host(self, tensor: Any, asked_by: str) -> Any:
        """A tensor on the host that holds what `tensor` does; itself where its memory is real."""
        ttnn = self._ttnn
        if not ttnn.is_tensor_storage_on_device(tensor) and not self._numbers.is_hollow(tensor):
            return tensor
        shards = self._numbers.of(tensor, asked_by)
        dtype = ttnn.ttnn_dtype_to_torch_dtype(tensor.dtype)
        hosts = [
            ttnn.Tensor(tensor=shard.to(dtype).contiguous(), data_type=tensor.dtype, layout=tensor.layout)
            for shard in shards
        ]
        if len(hosts) == 1:
            return hosts[0]
        return ttnn.from_host_shards(hosts, ttnn.MeshShape(self._numbers.mesh_shape_of(tensor)))
