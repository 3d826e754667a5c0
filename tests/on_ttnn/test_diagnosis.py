"""The faults in ttnn implementations whose numbers are wrong are told by the mistake that was made."""

from __future__ import annotations

import re

import pytest
from faults import FAULTS  # type: ignore[import-not-found]  # beside this file
from one_process import printed_by  # type: ignore[import-not-found]

BOARDS = {fault.name: fault.board for fault in FAULTS}
TOLD = {
    "another shape": r"is read as \(1, 64, 256\)",
    "square weight: transposed": "with the weight of the linear transposed",
    "bias: missing": "without the bias of the linear",
    "bias: twice": "with the bias of the linear added twice",
    "bias: missing in attention": "without any bias",
    "weights: bfloat4_b": "with weights of bfloat4_b",
    "output: bfloat4_b": "values are all of bfloat4_b",
    "activation: missing": "without the gelu",
    "gate and up swapped": "with `gate_proj` and `up_proj` swapped",
    "gate: no activation": "without the silu",
    "gate: silu for gelu": "with silu for gelu",
    "gate: added": "with a sum for the product",
    "sequential: last step missing": "without the silu",
    "eps: 1e-5 for 1e-6": "with an epsilon of 1e-05 for 1e-06",
    "eps: 1e-1": "with an epsilon of 0.1 for 1e-05",
    "norm: no weight": "without the factor `weight`",
    "norm: no bias": "without the bias of the layer_norm",
    "norm: of queries and keys missing": "without `q_norm` and `k_norm`",
    "softmax: over queries": "with the softmax over queries instead of keys",
    "softmax: wrong axis": "with the softmax along dimension -2 for -1",
    "mask: missing": "without the mask",
    "mask: not wanted": "with a causal mask",
    "mask: sign": "with the mask's sign changed",
    "mask: missing by hand": "without the mask",
    "scale: missing": "without the scale of 1 / √32",
    "scale: missing by hand": "without the scale of 1 / √32",
    "scale: D for its root": "with a scale of 1 / 32 for 1 / √32",
    "keys and values swapped": "with keys and values swapped",
    "values packed before keys": "with `k_proj` and `v_proj` swapped",
    "keys packed before queries": "with `q_proj` and `k_proj` swapped",
    "heads: joined without transpose": "with a reshape for the `transpose`",
    "heads: split without permute": "with a reshape for every `transpose`",
    "rope: missing": "without the rotary embedding",
    "rope: of queries only": "without the rotary embedding of the second",
    "rope: another base": "with a base of 500000 for 10000",
    "rope: pairs for halves": "with pairs interleaved instead of halves",
    "rope: sign": "without any change of sign",
    "residual: missing": "without any residual",
    "norms swapped": "with `attention_norm` and `ffn_norm` swapped|`attention_norm` is the first",
    "ids: moved by one": "once its rows are moved by 1 back",
    "decode: rope one too far": r"with every position off by \+1",
    "decode: written one too early": "only rows 39 to 40 are wrong",
    "decode: not written": "only row 40 is wrong",
    "decode: caches swapped": "with `keys` and `values` swapped",
    "chips: no all_reduce": "without part 0 of 2 .* of what `down_proj` takes",
    "chips: bias on every chip": "with the bias of `down_proj` added twice",
}
# Nothing that is tried does these: another order of norms, an activation behind every product, say.
SILENT = {
    "activation: another",
    "norm: after for before",
    "norm: before for after",
    "decode: sees what is behind",
    "chips: heads not interleaved",
}
CLAIMED = r"the output agrees|the output is what|the rest agrees|the output's values|first submodule"


@pytest.mark.parametrize("name", TOLD)
def test_the_mistake_is_told(name: str) -> None:
    message = printed_by("faults.py", BOARDS[name])[name]["message"]
    assert re.search(TOLD[name], message), message


@pytest.mark.parametrize("name", sorted(SILENT))
def test_of_what_is_not_understood_nothing_is_claimed(name: str) -> None:
    message = printed_by("faults.py", BOARDS[name])[name]["message"]
    assert not re.search(CLAIMED, message), message


def test_what_only_changes_its_input_or_keeps_state_is_called_no_mistake_of_numbers() -> None:
    for name in ("in place", "accumulated"):
        assert not re.search(CLAIMED, printed_by("faults.py", BOARDS[name])[name]["message"])
