"""Products in float32 on CPUs that have no fast ones of half precision.

A CPU without AVX-512, say, multiplies bfloat16 matrices up to 260 times as slowly as
float32 ones. There, products are computed in float32 from the half-precision factors,
and rounded once; everything else stays as it is, and so does every output's type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from ttci.checks.dispatch_mode import DispatchMode
from ttci.devices.widened_products import batched_product, matrix_product, widened

# Names of torch's operators, without the underscore of those that work in place.
_MATRIX_PRODUCTS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "aten::mm": (matrix_product, "self", "mat2"),
    "aten::addmm": (matrix_product, "mat1", "mat2"),
    "aten::bmm": (batched_product, "self", "mat2"),
    "aten::baddbmm": (batched_product, "batch1", "batch2"),
}
_OTHER_PRODUCTS = frozenset(
    (
        *("aten::mv", "aten::addmv", "aten::dot", "aten::vdot", "aten::addbmm", "aten::_addmm_activation"),
        *("aten::convolution", "aten::_convolution", "aten::convolution_overrideable"),
        *("aten::convolution_backward", "aten::convolution_backward_overrideable"),
        *("aten::mkldnn_convolution", "aten::_slow_conv2d_forward", "aten::_slow_conv2d_backward"),
        *("aten::slow_conv3d_forward", "aten::slow_conv_dilated2d", "aten::slow_conv_dilated3d"),
        *("aten::slow_conv_transpose2d", "aten::slow_conv_transpose3d", "aten::_nnpack_spatial_convolution"),
        *("aten::conv_tbc", "aten::conv_tbc_backward", "aten::mkldnn_rnn_layer"),
        *("aten::mkldnn_linear", "mkldnn::_linear_pointwise", "mkldnn::_convolution_pointwise"),
        "mkldnn::_convolution_transpose_pointwise",
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
    )
)
_MADE_OF_PRODUCTS = frozenset(
    (
        *("aten::_transformer_encoder_layer_fwd", "aten::_native_multi_head_attention"),
        *("aten::_grouped_mm", "aten::_foreach_mm"),
    )
)
# Arguments that may be of another type than the factors.
_OTHER_TYPES = frozenset(("attn_mask", "mask", "offs", "logsumexp"))
# Outputs that are float32 whatever the factors are.
_FLOAT32_OUTPUTS = {"aten::_scaled_dot_product_flash_attention_for_cpu": (1,)}
_PLAIN = frozenset((Tensor, nn.Parameter))
_TAKEN_APART = torch._C.DispatchKey.CompositeImplicitAutograd
_CPU_KERNEL = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)


class Float32Products(DispatchMode):
    """While it is entered, products of `dtype` on the CPU are computed in float32, and counted.

    It sees every operation, whoever asks for it: scripted modules too. Factors of
    several types are left to torch, which refuses them.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not _PLAIN.issuperset(types):
            return NotImplemented  # another tensor class says first what its operation is made of
        kind = _kind_of(func)
        if kind is _Kind.OTHER:
            return func(*args, **kwargs)
        if kind is _Kind.COMPOSITE:
            with self:
                return func._op_dk(_TAKEN_APART, *args, **kwargs)
        arguments = {spec.name: value for spec, value in zip(func._schema.arguments, args, strict=False)}
        arguments |= kwargs
        if not self._is_concerned(arguments):
            return func(*args, **kwargs)
        self.count += 1
        if kind is _Kind.FUSED:
            with self:
                return func.redispatch(_CPU_KERNEL, *args, **kwargs)
        try:
            return self._in_float32(func, arguments)
        except (RuntimeError, ValueError):
            return func(*args, **kwargs)  # what cannot be done is refused in torch's own words

    def _is_concerned(self, arguments: Mapping[str, Any]) -> bool:
        """Whether all factors are plain tensors of the half-precision type."""
        values = [value for name, value in arguments.items() if name not in _OTHER_TYPES]
        factors = [tensor for value in values for tensor in _tensors(value)]
        return bool(factors) and all(
            t.dtype == self._dtype and t.is_cpu and t.layout is torch.strided and not t.is_nested
            for t in factors
        )

    def _in_float32(self, func: Any, arguments: dict[str, Any]) -> Any:
        schema, name = func._schema, _plain_name(func)
        written = [spec.name for spec in schema.arguments if spec.alias_info and spec.alias_info.is_write]
        if name in _MATRIX_PRODUCTS:
            result = _matrix_result(name, arguments)
            if written:
                return _write(arguments[written[0]], result)
            return result.to(self._dtype, memory_format=torch.contiguous_format)
        wide = {key: self._widened(value) for key, value in arguments.items()}
        results = func(**wide)
        originals = {id(wide[key]): _write(arguments[key], wide[key]) for key in written}
        if not isinstance(results, tuple | list):
            return self._rounded(results, originals)
        kept = _FLOAT32_OUTPUTS.get(name, ())
        return type(results)(
            result if index in kept else self._rounded(result, originals)
            for index, result in enumerate(results)
        )

    def _widened(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._widened(item) for item in value]
        is_half = isinstance(value, Tensor) and value.dtype == self._dtype
        return widened(value) if is_half else value

    def _rounded(self, result: Any, originals: Mapping[int, Tensor]) -> Any:
        if id(result) in originals:
            return originals[id(result)]
        is_wide = isinstance(result, Tensor) and result.dtype == torch.float32
        return result.to(self._dtype) if is_wide else result


class WithFloat32Products(nn.Module):
    """`module`, with `products` entered while it runs.

    Where its first call has computed none, it is left alone after that: to look at every
    operation takes some 20 us each, as long as the whole of a small norm.
    """

    def __init__(self, module: nn.Module, products: Float32Products) -> None:
        super().__init__()
        self.module = module
        self._products = products
        self._has_none = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What `module` gives."""
        if self._has_none:
            return self.module(*args, **kwargs)
        before = self._products.count
        with entered(self._products):
            output = self.module(*args, **kwargs)
        self._has_none = self._products.count == before
        return output


def entered(products: Float32Products | None) -> AbstractContextManager[Any]:
    """`products` entered, if there are any and they are not entered yet."""
    if products is None or products in _get_current_dispatch_mode_stack():
        return nullcontext()
    return products


class _Kind(Enum):
    PRODUCT = auto()
    FUSED = auto()  # of operations that are seen when its kernel runs
    COMPOSITE = auto()  # the same, but torch takes it apart itself, save in inference mode
    OTHER = auto()


@cache
def _kind_of(func: Any) -> _Kind:
    if not isinstance(func, torch._ops.OpOverload):
        return _Kind.OTHER  # of higher order: what it calls is seen
    name = _plain_name(func)
    if name in _MATRIX_PRODUCTS or name in _OTHER_PRODUCTS:
        return _Kind.PRODUCT
    if name in _MADE_OF_PRODUCTS:
        return _Kind.FUSED
    has_own_kernel = func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CPU)
    return (
        _Kind.COMPOSITE
        if func.has_kernel_for_dispatch_key(_TAKEN_APART) and not has_own_kernel
        else _Kind.OTHER
    )


def _plain_name(func: Any) -> str:
    name: str = func._schema.name
    return name.rstrip("_")


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, Tensor))


def _matrix_result(name: str, arguments: Mapping[str, Any]) -> Tensor:
    """``beta * self + alpha * left @ right``, in float32."""
    multiply, left, right = _MATRIX_PRODUCTS[name]
    result = multiply(arguments[left], arguments[right])
    if left == "self":
        return result
    alpha, beta = arguments.get("alpha", 1), arguments.get("beta", 1)
    result = result if alpha == 1 else result.mul_(alpha)
    return result if beta == 0 else result.add_(widened(arguments["self"]), alpha=beta)


def _write(target: Tensor, result: Tensor) -> Tensor:
    """`result`, rounded, in `target`.

    Raises:
        ValueError: where that is of another shape, and not empty.
    """
    if target.shape != result.shape:
        if target.numel():
            raise ValueError(f"{tuple(result.shape)} is no place for {tuple(target.shape)}")
        target.resize_(result.shape)
    return target.copy_(result)
