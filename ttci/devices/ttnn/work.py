"""What a chip must at least do for a call: the bytes that cross its DRAM, and its multiply-adds.

Counted from what really ran and was allocated, on silicon and on a mock alike. A weight, an input or
a cache, whatever lay in DRAM before the call, is read once, however often operations ask for it; of
some only a part is, as `_PARTS` says. The call's outputs are written once. What is made and used up
in between is left out: another program could keep it in L1, or never make it whole.

Multiply-adds are those of matrix products and attention, of the logical shapes: rows that only
fill up a tile need not be multiplied. An operation that is not known here multiplies nothing, so
that its count, too, is never too high.

Shapes: B batch, H heads, K key/value heads, S tokens, L cached tokens, D head dim.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ttci.devices.ttnn.graph import GraphTensor, Node, Operation, operations_in

TILE = 32
Positions = Callable[[int], Sequence[int] | None]
"""The numbers that the tensor at an address of DRAM holds; None where nobody knows them."""

_LIST = re.compile(r"\{([\d, ]+)\}")


@dataclass(frozen=True)
class Work:
    """Of one chip.

    Attributes:
        multiply_adds: by math fidelity.
        operations: how many it runs; of one that ttnn makes of others, those.
    """

    dram_bytes: int
    multiply_adds: dict[str, int]
    operations: int


def work_of(graph: Sequence[Node], outputs: Mapping[int, int], positions: Positions) -> Work:
    """What the calls of a captured graph must do.

    Args:
        graph: what ``ttnn.graph.end_graph_capture()`` gives; the chips of a mesh work alike.
        outputs: by address, the bytes of each buffer in DRAM that the calls gave back.
        positions: looks up where decoding is.
    """
    read: dict[int, int] = {}  # bytes by address, the most that one operation reads
    filled: set[int] = set()  # what was there before and was overwritten first
    written: Counter[int] = Counter()
    multiply_adds: Counter[str] = Counter()
    operations = 0
    for operation in operations_in(graph):
        operations += 1
        for tensor, count in _read_by(operation, positions):
            if tensor.address not in filled:
                read[tensor.address] = max(read.get(tensor.address, 0), count)
        if operation.name in _UPDATES:
            cache, new = operation.inputs[:2]
            written[cache.address] += cache.bytes_of(math.prod(new.shape)) if cache.is_in_dram else 0
        else:
            filled |= {tensor.address for tensor in operation.outputs if tensor.is_in_dram} - read.keys()
        count = _MULTIPLY_ADDS.get(operation.name, _none)(operation, positions)
        if count:
            multiply_adds[operation.fidelity] += count
    given_back = {address: size for address, size in outputs.items() if address not in read}
    total = sum(read.values()) + written.total() + sum(given_back.values())
    return Work(total, dict(multiply_adds), operations)


def _read_by(operation: Operation, positions: Positions) -> Iterator[tuple[GraphTensor, int]]:
    """The inputs that were there before the call, and how many bytes of each are read."""
    parts = _PARTS.get(operation.name, _whole)(operation, positions)
    for index, tensor in enumerate(operation.inputs):
        if tensor.address not in operation.made_before or not tensor.is_in_dram:
            continue
        whole = tensor.buffer_bytes or tensor.bytes_of(math.prod(tensor.shape))
        yield tensor, min(whole, parts.get(index, whole))


Parts = dict[int, int]  # bytes by the input's position; an input that is not named is read whole


def _whole(_: Operation, __: Positions) -> Parts:
    return {}


def _looked_up(operation: Operation, _: Positions) -> Parts:
    """A row of the table for each id."""
    ids, table = operation.inputs[:2]
    return {1: table.bytes_of(math.prod(ids.shape) * table.shape[-1])}


def _as_much_as_is_made(operation: Operation, _: Positions) -> Parts:
    """As much of the first input as comes out."""
    first = operation.inputs[0]
    return {0: sum(first.bytes_of(math.prod(output.shape)) for output in operation.outputs)}


def _nothing_of_the_first(_: Operation, __: Positions) -> Parts:
    """What it writes into."""
    return {0: 0}


def _up_to_the_position(operation: Operation, positions: Positions) -> Parts:
    """Keys and values [B, K, L, D] of the tokens so far, in whole tiles."""
    lengths = _attended(operation, positions)
    if lengths is None:
        return {}
    tiled = sum(-(-length // TILE) * TILE for length in lengths)
    return {
        index: tensor.bytes_of(tensor.shape[1] * tiled * tensor.shape[3])
        for index, tensor in enumerate(operation.inputs[1:3], start=1)
    }


def _attended(operation: Operation, positions: Positions) -> list[int] | None:
    """How many tokens each row of the batch attends to; None where it is all that there are.

    A position that nobody knows counts as the first: more may be, less is not.
    """
    is_causal = operation.setting(0) == "1"
    if not is_causal:
        return None
    window = int(operation.setting(4)) if operation.setting(4).isdecimal() else math.inf
    known = _positions_in(operation, positions)
    if known is None:
        return [1] * operation.inputs[0].shape[1]
    return [int(min(max(0, position + 1), window)) for position in known]


def _positions_in(operation: Operation, positions: Positions) -> Sequence[int] | None:
    """Of each row of the batch: stated by number, or in the first tensor of whole numbers."""
    stated = _LIST.fullmatch(operation.setting(2))
    if stated:
        return [int(position) for position in stated[1].split(",")]
    held = next((t for t in operation.inputs[3:] if t.dtype in ("INT32", "UINT32")), None)
    return positions(held.address) if held is not None else None


def _none(_: Operation, __: Positions) -> int:
    return 0


def _of_product(operation: Operation, _: Positions) -> int:
    """[.., M, I] by [.., I, N], either of them maybe turned: I for each number of the product."""
    left, product = operation.inputs[0].shape, operation.outputs[0].shape
    inner = left[-2] * left[-1] // product[-2]
    return math.prod(product) * inner


def _of_attention(operation: Operation, _: Positions) -> int:
    """Queries [B, H, S, D] by keys, and the result by values [B, K, L, D]."""
    (batch, heads, tokens, width), keys, values = (tensor.shape for tensor in operation.inputs[:3])
    window = int(operation.setting(9)) if operation.setting(9).isdecimal() else keys[2]
    pairs = tokens * min(window, keys[2])
    if operation.setting(3) == "1":  # causal: a token attends to itself and those before
        reached = min(window, tokens)
        pairs = reached * (reached + 1) // 2 + (tokens - reached) * reached
    return batch * heads * pairs * (width + values[3])


def _of_decoding(operation: Operation, positions: Positions) -> int:
    """Queries [1, B, H, D] by the keys so far, and the result by the values."""
    (_, batch, heads, width), keys, values = (tensor.shape for tensor in operation.inputs[:3])
    lengths = _attended(operation, positions)
    tokens = batch * keys[2] if lengths is None else sum(lengths)
    return heads * tokens * (width + values[3])


# By the name of an operation's class in C++.
_MULTIPLY_ADDS: dict[str, Callable[[Operation, Positions], int]] = {
    "MatmulDeviceOperation": _of_product,
    "MinimalMatmulDeviceOperation": _of_product,
    "SDPAOperation": _of_attention,
    "SdpaDecodeDeviceOperation": _of_decoding,
}
_UPDATES = ("PagedUpdateCacheDeviceOperation", "PagedFillCacheDeviceOperation", "UpdateKVCacheOperation")
_PARTS: dict[str, Callable[[Operation, Positions], Parts]] = {
    "EmbeddingsDeviceOperation": _looked_up,
    "SdpaDecodeDeviceOperation": _up_to_the_position,
    **dict.fromkeys(_UPDATES, _nothing_of_the_first),
    **dict.fromkeys(
        (
            "GatherDeviceOperation",
            "NlpKVCacheLoadSliceDeviceOperation",
            "PaddedSliceDeviceOperation",
            "SliceDeviceOperation",
        ),
        _as_much_as_is_made,
    ),
}
