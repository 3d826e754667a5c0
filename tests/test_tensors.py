"""One walk through nested values, whatever nests them and whatever counts as a tensor."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from ttci.tensors import leaves_in, map_leaves, map_tensors, named_tensors_in, tensors_in

ONE, TWO = torch.tensor(1.0), torch.tensor(2.0)


class Named(NamedTuple):
    first: Any
    second: Any


@dataclass
class Fields:
    first: Any
    second: Any
    unset: Any = field(init=False)


@dataclass(frozen=True)
class Frozen:
    first: Any
    second: Any


NESTS: dict[str, Callable[[Any, Any], Any]] = {
    "tuple": lambda a, b: (a, b),
    "list": lambda a, b: [a, b],
    "named tuple": Named,
    "dict": lambda a, b: {"a": a, "b": b},
    "ordered dict": lambda a, b: OrderedDict(a=a, b=b),
    "default dict": lambda a, b: defaultdict(list, a=a, b=b),
    "mapping that cannot be changed": lambda a, b: MappingProxyType({"a": a, "b": b}),
    "dataclass with a field that is not set": Fields,
    "frozen dataclass": Frozen,
    "three deep": lambda a, b: Named({"x": [a]}, Fields(None, (b, "text"))),
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_every_tensor_is_found_in_order_and_changed_with_its_nesting_kept(
    nest: Callable[[Any, Any], Any],
) -> None:
    value = nest(ONE, TWO)
    assert tensors_in(value) == [ONE, TWO]
    changed = map_tensors(value, lambda tensor: tensor + 10)
    assert [tensor.item() for tensor in tensors_in(changed)] == [11, 12]
    assert [tensor.item() for tensor in tensors_in(value)] == [1, 2]
    if not isinstance(value, MappingProxyType):
        assert type(changed) is type(value)


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_what_counts_as_a_leaf_is_the_callers_to_say(nest: Callable[[Any, Any], Any]) -> None:
    def is_complex(value: Any) -> bool:
        return isinstance(value, complex)

    value = nest(1j, 2j)
    assert list(leaves_in(value, is_complex)) == [1j, 2j]
    assert list(leaves_in(map_leaves(value, is_complex, lambda leaf: -leaf), is_complex)) == [-1j, -2j]


def test_places_are_written_as_python_reads_them() -> None:
    value = {"out": Named([ONE], Frozen(TWO, None))}
    assert [place for place, _ in named_tensors_in(value, "x")] == ["x['out'][0][0]", "x['out'][1].first"]


def test_the_results_of_torch_operations_keep_their_class() -> None:
    values = torch.tensor([[3.0, 1.0]]).max(-1)
    changed = map_tensors(values, Tensor.clone)
    assert type(changed) is type(values)
    assert changed.values == 3
