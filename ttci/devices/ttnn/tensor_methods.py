"""What is called on a tensor of ttnn's: operators, which become operations, and methods that no hook sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

MOVES = ("reshape", "to", "cpu", "pad_to_tile", "unpad_from_tile")  # the same numbers elsewhere
PARTS = ("pad", "unpad", "extract_shard")  # other numbers, or some of them
READS = ("to_torch", "to_numpy", "to_list", "item")  # what is no tensor of ttnn's any more
_OPERATORS = {
    "__add__": "+",
    "__radd__": "+",
    "__sub__": "-",
    "__rsub__": "-",
    "__mul__": "*",
    "__rmul__": "*",
    "__truediv__": "/",
    "__rtruediv__": "/",
    "__matmul__": "@",
    "__eq__": "==",
    "__ne__": "!=",
    "__gt__": ">",
    "__ge__": ">=",
    "__lt__": "<",
    "__le__": "<=",
    "__getitem__": "[]",
}

Around = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@contextmanager
def called_by(ttnn: Any, method: Around, operator: Around) -> Iterator[None]:
    """Meanwhile these call what is called on tensors.

    Args:
        ttnn: the imported module.
        method: is given the name of a method, what it was, and its arguments.
        operator: likewise, with the operator as it is written.
    """
    written = {name: name for name in (*MOVES, *PARTS, *READS)}
    with ExitStack() as stack:
        for names, around in ((written, method), (_OPERATORS, operator)):
            for name, shown in names.items():
                plain = getattr(ttnn.Tensor, name)
                setattr(ttnn.Tensor, name, _through(partial(around, shown, plain)))
                stack.callback(setattr, ttnn.Tensor, name, plain)
        yield


def _through(around: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Callable[..., Any]:
    """As a function, which Python binds to the tensor."""

    def called(*args: Any, **kwargs: Any) -> Any:
        return around(args, kwargs)

    return called
