"""The faults, one at a time in the ttnn implementations, and how ttci judges each; one process a board.

``python faults.py BOARD`` prints, as JSON, the outcome and message of every subject without a
fault and of every fault of the board.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from fault import WRONG_NUMBERS, Fault  # type: ignore[import-not-found]  # beside this file
from faulty_calls import (  # type: ignore[import-not-found]
    accumulated,
    another_base,
    as_bfloat4_b,
    as_integers,
    bias_on_every_chip,
    bias_twice,
    caches_swapped,
    changing,
    computing,
    deallocated,
    gathered,
    head_by_head,
    heads_swapped,
    ids_by_bfloat16,
    ids_rolled,
    in_meta_order,
    in_place,
    in_shards,
    in_target,
    in_ttci,
    in_users_module,
    instead,
    into_its_input,
    joined_without_transpose,
    keys_first,
    keys_for_values,
    large_chunks,
    moved,
    no_lowering,
    not_split,
    not_turned,
    of_every_expert,
    of_padded,
    of_the_change_alone,
    one_further,
    one_row,
    pages_swapped,
    passing,
    queries_only,
    read_back,
    reshaped_only,
    rope_not_scaled,
    rope_scaled_throughout,
    row_major,
    rows_swapped,
    split_along_the_other_axis,
    split_by,
    swapping,
    to_bfloat4_b,
    ttnn_module,
    values_for_keys,
    vectors_sharded,
    weight_not_transposed,
    whole_cache,
    with_a_dimension_more,
    with_the_worst,
    within_the_page,
    without,
    without_the_last,
)
from faulty_modules import (  # type: ignore[import-not-found]
    HEAD_DIM,
    HEADS,
    INNER,
    KV_HEADS,
    SUBJECTS,
    TOKENS,
    made,
)
from image_faults import IMAGE_FAULTS, IMAGE_SUBJECTS  # type: ignore[import-not-found]

REFUSED_LINEAR = r"ttnn\.linear of .* is refused: "
REFUSED_HEADS = r"ttnn\.experimental\.nlp_create_qkv_heads of \(1, 1, 64, 512\) is refused: "
LARGE_BUFFERS = r"scaled_dot_product_attention of .* circular buffers .* beyond max L1 size"
SCALED = r"the output is scaled by 0\.\d+ against the reference, at most 1 ± 0\.005"
SCALED_UP = r"the output is scaled by [34]\.\d+ against the reference"
NOT_FINITE = r"^256 NaN and 0 infinite of 256 output values"
WRONG_OUTPUT = r"output 0: correlation -?0\.\d+ with the reference, at least 0\.999"


_TWO_BY_FOUR = "t3k 2x4"

ON_MESHES = tuple(
    Fault(f"mesh: {name}", subject, put_in, told, _TWO_BY_FOUR)
    for name, subject, put_in, told in (
        ("no all_reduce", "parallel", without("all_reduce"), WRONG_NUMBERS),
        ("all_reduce along the data", "parallel", passing("all_reduce", cluster_axis=0), WRONG_NUMBERS),
        ("all_reduce of all chips", "parallel", passing("all_reduce", cluster_axis=None), WRONG_NUMBERS),
        (
            "gathered along the weights",
            "parallel",
            passing("all_gather", cluster_axis=1),
            r"ttnn\.reshape of \(4, 1, 32, 256\)",
        ),
        ("data split along the weights", "parallel", passing("mesh_partition", cluster_axis=1), "refused"),
        (
            "weights split along the data",
            "parallel",
            in_users_module("Parallel.split_weight", split_along_the_other_axis),
            WRONG_NUMBERS,
        ),
        (
            "weights not split",
            "parallel",
            in_users_module("Parallel.split_weight", not_split),
            SCALED_UP,
        ),
        ("scattered along the rows", "parallel-scattered", passing("reduce_scatter", dim=2), WRONG_NUMBERS),
        (
            "scattered along the data",
            "parallel-scattered",
            passing("reduce_scatter", cluster_axis=0),
            "reshape",
        ),
    )
)
OF_CACHES_AND_EXPERTS = (
    Fault("experts: all of them", "experts", instead("where", of_every_expert), WRONG_NUMBERS),
    Fault("experts: one too few", "experts", instead("ge", without_the_last), WRONG_NUMBERS),
    Fault("experts: the worst", "experts", instead("topk", with_the_worst), WRONG_NUMBERS),
    Fault("experts: softmax over tokens", "experts", passing("softmax", dim=-2), WRONG_NUMBERS),
    Fault(
        "pages: of the other row", "paged", in_users_module("Paged.page_table", rows_swapped), WRONG_NUMBERS
    ),
    Fault("pages: swapped", "paged", in_users_module("Paged.page_table", pages_swapped), WRONG_NUMBERS),
    Fault(
        "pages: one too far",
        "paged",
        in_users_module("Paged.position_of_each", one_further),
        WRONG_NUMBERS,
    ),
    Fault(
        "pages: always the first",
        "paged",
        in_users_module("Paged.position_of_each", within_the_page),
        WRONG_NUMBERS,
    ),
    Fault("pages: not written", "paged", without("experimental.paged_update_cache"), WRONG_NUMBERS),
    Fault(
        "rope: not scaled",
        "attention-scaled-rope",
        in_ttci("rotary.inverse_frequencies", rope_not_scaled),
        WRONG_NUMBERS,
    ),
    Fault(
        "rope: all scaled",
        "attention-scaled-rope",
        in_ttci("rotary.inverse_frequencies", rope_scaled_throughout),
        WRONG_NUMBERS,
    ),
)
FAULTS = (
    # What ttnn refuses, by its operation.
    Fault("transposed: flag", "mlp", passing("linear", transpose_b=True), REFUSED_LINEAR),
    Fault(
        "transposed: on host",
        "mlp",
        in_ttci("linear.TtnnLinear.__init__", weight_not_transposed),
        REFUSED_LINEAR,
    ),
    Fault(
        "row-major: matmul",
        "attention-by-hand",
        instead("matmul", row_major),
        r"ttnn\.matmul of .* is refused: Inputs to matmul must be tilized",
    ),
    Fault(
        "row-major: rms_norm",
        "rms_norm",
        instead("rms_norm", row_major),
        r"ttnn\.rms_norm of .* is refused: .*does not support ROW_MAJOR",
    ),
    Fault(
        "integers: rms_norm",
        "rms_norm",
        instead("rms_norm", as_integers),
        r"ttnn\.rms_norm of .* is refused: .*UINT32",
    ),
    Fault(
        "integers: linear",
        "linear",
        instead("linear", as_integers),
        r"ttnn\.linear of .* is refused: Unsupported data format.*UINT32",
    ),
    Fault(
        "deallocated: multiply",
        "swiglu",
        instead("mul", deallocated),
        r"ttnn\.multiply of .* is refused: .*not allocated",
    ),
    Fault("deallocated: linear", "linear", instead("linear", deallocated), REFUSED_LINEAR),
    Fault(
        "L1: does not fit",
        "rms_norm-long",
        instead("rms_norm", in_shards(4096, 1)),
        r"ttnn\.to_memory_config of \(1, 4096, 256\) does not fit: .* L1 banks needs 2,097,152 bytes",
    ),
    Fault("L1: chunks too large", "attention", instead("SDPAProgramConfig", large_chunks), LARGE_BUFFERS),
    Fault(
        "shards: do not divide",
        "rms_norm",
        instead("rms_norm", in_shards(TOKENS // 3, 3)),
        r"is refused: Physical shard shape \(21, 256\) must be tile",
    ),
    Fault(
        "shards: too few cores",
        "rms_norm",
        instead("rms_norm", in_shards(32, 1)),
        r"is refused: Number of shards along height 2 must not exceed",
    ),
    Fault(
        "heads: swapped",
        "attention",
        instead("experimental.nlp_create_qkv_heads", heads_swapped),
        REFUSED_HEADS,
    ),
    Fault(
        "heads: one too many",
        "attention",
        passing("experimental.nlp_create_qkv_heads", num_heads=HEADS + 1),
        REFUSED_HEADS,
    ),
    Fault(
        "keys: transposed",
        "attention",
        passing("experimental.nlp_create_qkv_heads", transpose_k_heads=True),
        r"ttnn\.experimental\.rotary_embedding_hf of .* is refused: Cos dims must match",
    ),
    Fault(
        "keys: not transposed",
        "attention-by-hand",
        instead("transpose", lambda _, x, *__: x),
        r"ttnn\.matmul of .* is refused: The width of the first tensor",
    ),
    Fault(
        "concat: wrong axis",
        "attention-by-hand",
        passing("concat", dim=2),
        r"ttnn\.addcmul of .* is refused: ",
    ),
    Fault(
        "rows: one of the batch",
        "attention-decode",
        instead("slice", one_row),
        r"ttnn\.reshape of \(1, 1, 1, 256\) is refused: ",
    ),
    # Not a tensor of the right shape, no implementation.
    Fault("no lowering", "swiglu", no_lowering, r"SwiGLU has no ttnn implementation; give it a to_ttnn"),
    Fault(
        "torch tensor",
        "linear",
        instead("linear", read_back),
        r"returned a torch tensor; return a ttnn tensor",
    ),
    Fault(
        "another shape",
        "rms_norm",
        instead("rms_norm", with_a_dimension_more),
        r"output shape \(1, 1, 64, 256\), expected \(1, 64, 256\)",
    ),
    # Changed inputs and state.
    Fault("in place", "silu", instead("silu", into_its_input), r"input 0 was changed in place"),
    Fault(
        "in place: and freed",
        "block",
        instead("add", in_place),
        r"tensor of shape \(1, 64, 256\) is deallocated",
    ),
    Fault(
        "accumulated",
        "linear",
        in_ttci("linear.TtnnLinear.__call__", accumulated),
        r"a second call on the same input gave another result",
    ),
    # Wrong numbers: products.
    Fault("square weight: transposed", "linear", passing("linear", transpose_b=True), WRONG_NUMBERS),
    Fault("bias: missing", "linear", passing("linear", bias=None), WRONG_NUMBERS),
    Fault("bias: twice", "linear", instead("linear", bias_twice), WRONG_NUMBERS),
    Fault("bias: missing in attention", "attention-bert", passing("linear", bias=None), WRONG_NUMBERS),
    Fault("weights: bfloat4_b", "mlp", in_target("matrix", as_bfloat4_b), WRONG_NUMBERS),
    Fault("output: bfloat4_b", "mlp", instead("linear", to_bfloat4_b), WRONG_NUMBERS),
    # what the matrix engine leaves out
    Fault("fidelity: LoFi", "linear", computing("linear", "LoFi"), SCALED),
    Fault("fidelity: LoFi down projection", "swiglu", computing("linear", "LoFi", of_width=INNER), SCALED),
    Fault("fidelity: HiFi2", "swiglu", computing("linear", "HiFi2"), SCALED),
    Fault("fidelity: LoFi norm", "rms_norm", computing("rms_norm", "LoFi"), SCALED),
    Fault(
        "fidelity: LoFi attention",
        "attention",
        computing("transformer.scaled_dot_product_attention", "LoFi"),
        SCALED,
    ),
    Fault("sums: bfloat16", "linear-deep", computing("linear", "HiFi4", float32_sums=False), WRONG_NUMBERS),
    # what lies behind the numbers
    Fault("padding: mean over it", "pooled-by-hand", instead("mean", of_padded), WRONG_NUMBERS),
    Fault("padding: summed", "pooled-by-hand", instead("sum", of_padded), NOT_FINITE),
    Fault("padding: softmax over it", "pooled-by-hand", instead("softmax", of_padded), NOT_FINITE),
    Fault("padding: keys not masked", "attention-padded", without("add"), SCALED),
    Fault(
        "cache: beyond the position",
        "attention-decode",
        instead("transformer.scaled_dot_product_attention_decode", whole_cache),
        WRONG_OUTPUT,
    ),
    # feed-forward
    Fault("activation: missing", "mlp", passing("linear", activation=None), WRONG_NUMBERS),
    Fault("activation: another", "mlp", passing("linear", activation="relu"), WRONG_NUMBERS),
    Fault("gate and up swapped", "swiglu", swapping("ffn.TtnnGatedFFN", "_gate", "_up"), WRONG_NUMBERS),
    Fault("gate: no activation", "swiglu", passing("mul", input_tensor_a_activations=[]), WRONG_NUMBERS),
    Fault(
        "gate: silu for gelu",
        "geglu",
        changing("ffn.TtnnGatedFFN", _activation=lambda _: ttnn_module().UnaryOpType.SILU),
        WRONG_NUMBERS,
    ),
    Fault(
        "gate: added",
        "swiglu",
        instead("mul", lambda _, *args, **kwargs: ttnn_module().add(*args, **kwargs)),
        WRONG_NUMBERS,
    ),
    Fault("sequential: last step missing", "sequential", without("silu"), WRONG_NUMBERS),
    # norms
    Fault("eps: 1e-5 for 1e-6", "rms_norm-small", passing("rms_norm", epsilon=1e-5), SCALED),
    Fault("eps: 1e-1", "layer_norm", passing("layer_norm", epsilon=1e-1), SCALED),
    Fault("norm: no weight", "rms_norm", passing("rms_norm", weight=None), WRONG_NUMBERS),
    Fault("norm: no bias", "layer_norm", passing("layer_norm", bias=None), WRONG_NUMBERS),
    Fault("norm: of queries and keys missing", "attention-qk-norm", without("rms_norm"), WRONG_NUMBERS),
    Fault("softmax: wrong axis", "softmax", passing("softmax", dim=-2), WRONG_NUMBERS),
    # attention
    Fault(
        "mask: missing",
        "attention",
        passing("transformer.scaled_dot_product_attention", is_causal=False),
        WRONG_NUMBERS,
    ),
    Fault(
        "mask: not wanted",
        "attention-bert",
        passing("transformer.scaled_dot_product_attention", is_causal=True),
        WRONG_NUMBERS,
    ),
    Fault(
        "mask: sign",
        "attention-by-hand",
        instead("add", lambda _, *args: ttnn_module().subtract(*args)),
        WRONG_NUMBERS,
    ),
    Fault("mask: missing by hand", "attention-by-hand", without("add"), WRONG_NUMBERS),
    Fault(
        "scale: missing",
        "attention",
        passing("transformer.scaled_dot_product_attention", scale=1.0),
        WRONG_NUMBERS,
    ),
    Fault("scale: missing by hand", "attention-by-hand", without("multiply"), WRONG_NUMBERS),
    Fault(
        "scale: D for its root",
        "attention",
        passing("transformer.scaled_dot_product_attention", scale=1 / HEAD_DIM),
        WRONG_NUMBERS,
    ),
    Fault("softmax: over queries", "attention-by-hand", passing("softmax", dim=-2), WRONG_NUMBERS),
    Fault(
        "keys and values swapped",
        "attention",
        instead("transformer.scaled_dot_product_attention", keys_for_values),
        WRONG_NUMBERS,
    ),
    Fault(
        "values packed before keys",
        "attention-bert",
        in_ttci("attention_weights.AttentionWeights._interleaved", values_for_keys),
        WRONG_NUMBERS,
    ),
    Fault(
        "keys packed before queries",
        "attention-bert",
        in_ttci("attention_weights.AttentionWeights._interleaved", keys_first),
        WRONG_NUMBERS,
    ),
    Fault(
        "heads: joined without transpose",
        "attention",
        instead("transformer.concatenate_heads", joined_without_transpose),
        WRONG_NUMBERS,
    ),
    Fault(
        "heads: split without permute", "attention-by-hand", instead("permute", reshaped_only), WRONG_NUMBERS
    ),
    Fault("rope: missing", "attention", in_ttci("rotary.TtnnRotary.prefill", not_turned), WRONG_NUMBERS),
    Fault(
        "rope: of queries only",
        "attention",
        in_ttci("rotary.TtnnRotary.prefill", queries_only),
        WRONG_NUMBERS,
    ),
    Fault(
        "rope: another base",
        "attention",
        in_ttci("rotary.inverse_frequencies", another_base),
        WRONG_NUMBERS,
    ),
    Fault(
        "rope: pairs for halves",
        "attention",
        in_ttci("rotary.rotary_tables", in_meta_order),
        WRONG_NUMBERS,
    ),
    Fault("rope: sign", "attention-by-hand", without("neg"), WRONG_NUMBERS),
    # block
    Fault("residual: missing", "block", instead("add", of_the_change_alone), WRONG_NUMBERS),
    Fault(
        "norm: after for before",
        "block",
        changing("block.TtnnDecoderBlock", _norm_first=lambda _: False),
        WRONG_NUMBERS,
    ),
    Fault(
        "norm: before for after",
        "block-bert",
        changing("block.TtnnDecoderBlock", _norm_first=lambda _: True),
        WRONG_NUMBERS,
    ),
    Fault(
        "norms swapped",
        "block",
        swapping("block.TtnnDecoderBlock", "_attention_norm", "_ffn_norm"),
        WRONG_NUMBERS,
    ),
    # embedding
    Fault("ids: moved by one", "embedding", instead("embedding", ids_rolled), WRONG_NUMBERS),
    Fault(
        "ids: by bfloat16",
        "embedding",
        instead("embedding", ids_by_bfloat16),
        r"ttnn\.embedding: id 1000 is not in its table of 1000 rows",
    ),
    # decode
    Fault(
        "decode: rope one too far",
        "attention-decode",
        in_ttci("attention_decode.TtnnAttentionDecode.place_cache", moved("table_rows", 1)),
        WRONG_OUTPUT,
    ),
    Fault(
        "decode: written one too early",
        "attention-decode",
        in_ttci("attention_decode.TtnnAttentionDecode.place_cache", moved("positions", -1)),
        WRONG_OUTPUT,
    ),
    Fault(
        "decode: not written",
        "block-decode",
        without("experimental.paged_update_cache"),
        r"output 1: correlation 0\.98",
    ),
    Fault(
        "decode: caches swapped",
        "attention-decode",
        in_ttci("attention_decode.TtnnAttentionDecode.place_cache", caches_swapped),
        WRONG_OUTPUT,
    ),
    Fault(
        "decode: sees what is behind",
        "attention-decode",
        passing("transformer.scaled_dot_product_attention_decode", cur_pos_tensor=None, is_causal=False),
        WRONG_OUTPUT,
    ),
    Fault(
        "decode: heads of one chip too few",
        "attention-decode",
        passing("experimental.nlp_concat_heads_decode", num_heads=KV_HEADS),
        REFUSED_LINEAR,
    ),
    # several chips
    Fault("chips: no all_reduce", "swiglu", without("all_reduce"), WRONG_NUMBERS, "n300"),
    Fault(
        "chips: gather for reduce",
        "swiglu",
        instead("all_reduce", gathered),
        r"output shape \(1, 64, 512\), expected \(1, 64, 256\)",
        "n300",
    ),
    Fault("chips: columns for rows", "swiglu", split_by({"rows": "columns"}), REFUSED_LINEAR, "n300"),
    Fault("chips: rows for columns", "swiglu", split_by({"columns": "rows"}), REFUSED_LINEAR, "n300"),
    Fault("chips: replicated for rows", "swiglu", split_by({"rows": None}), REFUSED_LINEAR, "n300"),
    Fault(
        "chips: split where whole is needed",
        "linear",
        split_by({None: "columns"}),
        r"output shape \(1, 64, 128\), expected \(1, 64, 256\)",
        "n300",
    ),
    Fault(
        "chips: norm's weight sharded",
        "rms_norm",
        in_target("vector", vectors_sharded),
        r"ttnn\.rms_norm of .* is refused: Input and gamma padded widths must match",
        "n300",
    ),
    Fault(
        "chips: bias on every chip",
        "mlp",
        in_ttci("linear.TtnnLinear.__call__", bias_on_every_chip),
        WRONG_NUMBERS,
        "n300",
    ),
    Fault(
        "chips: heads not interleaved",
        "attention-bert",
        in_ttci("attention_weights.AttentionWeights._interleaved", head_by_head),
        WRONG_NUMBERS,
        "n300",
    ),
    *ON_MESHES,
    *OF_CACHES_AND_EXPERTS,
    *IMAGE_FAULTS,
)


def judged(device: Any, name: str) -> dict[str, str]:
    """The outcome and message of a subject's correctness check, as it is now."""
    from ttci.checks.performance import Timing
    from ttci.manifest import Pair
    from ttci.testing import ModuleTest
    from ttci.testing.choice import Choice
    from ttci.testing.judge import judge_case

    subject = (SUBJECTS | IMAGE_SUBJECTS)[name]
    test = ModuleTest(
        name, subject.shape, test_cases=["correctness"], inputs=subject.inputs, module=made(subject)
    )
    (case,) = Choice(Pair("faults", device.name), device, [test]).cases
    result = judge_case(case, lambda _: Timing())
    return {"outcome": result.outcome, "message": result.message}


def main(board: str) -> None:
    from ttci.manifest import TtnnDeviceEntry
    from ttci.testing.choice import open_with_modules

    name, _, mesh = board.partition(" ")
    options: dict[str, Any] = {"board": name} | ({"mesh": [*map(int, mesh.split("x"))]} if mesh else {})
    entry = TtnnDeviceEntry.model_validate({"backend": "ttnn", "target": "mock"} | options)
    device: Any = open_with_modules(f"{name}-mock", entry)
    faults = [fault for fault in FAULTS if fault.board == board]
    told = {name: judged(device, name) for name in {fault.subject for fault in faults}}
    for fault in faults:
        with pytest.MonkeyPatch.context() as patch:
            fault.put_in(patch, ttnn_module())
            told[fault.name] = judged(device, fault.subject)
    device.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
