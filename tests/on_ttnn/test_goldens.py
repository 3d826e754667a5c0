"""The goldens that ttci adds: each against its operation's meaning, written another way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from ttci.devices.ttnn.goldens import COLLECTIVES
from ttci.modules.rotary import apply_rotary, inverse_frequencies, rotary_tables

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board

BATCH, HEADS, KV_HEADS, TOKENS, HEAD_DIM, LENGTH = 2, 4, 2, 64, 64, 96


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().float()


def near(output: Tensor, expected: Tensor) -> bool:
    return output.shape == expected.shape and torch.allclose(output, expected, rtol=1e-2, atol=2e-2)


@pytest.fixture
def tables() -> tuple[Tensor, Tensor]:
    return rotary_tables(torch.arange(TOKENS), inverse_frequencies(HEAD_DIM, 10000.0))  # [S, D]


@pytest.mark.parametrize("transpose", [False, True])
def test_create_qkv_heads(n150: Board, transpose: bool) -> None:
    width = (HEADS + 2 * KV_HEADS) * HEAD_DIM
    qkv = numbers(BATCH, 1, TOKENS, width)
    q, k, v = n150.ttnn.experimental.nlp_create_qkv_heads(
        n150.put(qkv), num_heads=HEADS, num_kv_heads=KV_HEADS, transpose_k_heads=transpose
    )
    heads = qkv.reshape(BATCH, TOKENS, -1, HEAD_DIM).permute(0, 2, 1, 3)
    want_k = heads[:, HEADS : HEADS + KV_HEADS]
    assert torch.equal(n150.read(q), heads[:, :HEADS])
    assert torch.equal(n150.read(k), want_k.transpose(2, 3) if transpose else want_k)
    assert torch.equal(n150.read(v), heads[:, HEADS + KV_HEADS :])


def test_create_qkv_heads_of_separate_tensors(n150: Board) -> None:
    q_rows, kv_rows = numbers(1, 1, 32, HEADS * HEAD_DIM), numbers(1, 1, 32, 2 * KV_HEADS * HEAD_DIM)
    q, k, v = n150.ttnn.experimental.nlp_create_qkv_heads(
        n150.put(q_rows), n150.put(kv_rows), num_heads=HEADS, num_kv_heads=KV_HEADS, transpose_k_heads=False
    )
    kv = kv_rows.reshape(1, 32, 2, KV_HEADS, HEAD_DIM)
    assert torch.equal(n150.read(q), q_rows.reshape(1, 32, HEADS, HEAD_DIM).transpose(1, 2))
    assert torch.equal(n150.read(k), kv[:, :, 0].transpose(1, 2))
    assert torch.equal(n150.read(v), kv[:, :, 1].transpose(1, 2))


def test_concat_heads(n150: Board) -> None:
    x = numbers(BATCH, HEADS, TOKENS, HEAD_DIM)
    joined = n150.read(n150.ttnn.experimental.nlp_concat_heads(n150.put(x)))
    assert torch.equal(joined, torch.cat(list(x.unbind(1)), dim=-1)[:, None])


@pytest.mark.parametrize("tokens", [TOKENS, 40])
def test_rotary_embedding_of_a_prompt(n150: Board, tables: tuple[Tensor, Tensor], tokens: int) -> None:
    x = numbers(1, HEADS, tokens, HEAD_DIM)
    cos, sin = (table[:tokens] for table in tables)
    expected = apply_rotary(x, cos, sin)
    on_board = n150.put(x), n150.put(cos[None, None]), n150.put(sin[None, None])
    turned = n150.read(n150.ttnn.experimental.rotary_embedding_hf(*on_board))
    assert near(turned, expected)
    padded = n150.read(n150.ttnn.experimental.rotary_embedding(*on_board))
    assert near(padded[:, :, :tokens], expected)  # this one gives whole tiles
    assert padded.shape[2] % 32 == 0


def test_rotary_embedding_at_one_position(n150: Board, tables: tuple[Tensor, Tensor]) -> None:
    x, (cos, sin) = numbers(1, HEADS, 32, HEAD_DIM), tables
    turned = n150.ttnn.experimental.rotary_embedding(
        n150.put(x), n150.put(cos[None, None]), n150.put(sin[None, None]), 5
    )
    assert near(n150.read(turned), apply_rotary(x, cos[5:6], sin[5:6]))


def sharded(n150: Board, value: Tensor) -> object:
    """[1, B, rows, D] with each of the batch on a core of its own."""
    ttnn = n150.ttnn
    cores = ttnn.num_cores_to_corerangeset(value.shape[1], n150.mesh.compute_with_storage_grid_size(), True)
    config = ttnn.create_sharded_memory_config(
        (32, value.shape[3]),
        core_grid=cores,
        strategy=ttnn.ShardStrategy.HEIGHT,
        orientation=ttnn.ShardOrientation.ROW_MAJOR,
        use_height_and_width_as_shard_shape=True,
    )
    return ttnn.to_memory_config(n150.put(value), config)


def test_rotary_embedding_of_decoding(n150: Board, tables: tuple[Tensor, Tensor]) -> None:
    x = numbers(1, BATCH, HEADS, HEAD_DIM)
    cos, sin = (table[[3, 9]][None, :, None] for table in tables)  # [1, B, 1, D]
    turned = n150.ttnn.experimental.rotary_embedding_hf(
        sharded(n150, x), sharded(n150, cos), sharded(n150, sin), is_decode_mode=True
    )
    assert near(n150.read(turned), apply_rotary(x, cos, sin))


def test_rotary_embedding_of_neighbours(n150: Board) -> None:
    """Meta's order: even and odd elements are the pairs, and the transformation matrix swaps them."""
    x = numbers(1, HEADS, TOKENS, HEAD_DIM)
    angles = torch.outer(torch.arange(TOKENS), inverse_frequencies(HEAD_DIM, 10000.0))  # [S, D/2]
    turned = torch.view_as_complex(x.reshape(1, HEADS, TOKENS, -1, 2)) * torch.polar(
        torch.ones_like(angles), angles
    )
    expected = torch.view_as_real(turned).flatten(-2)
    transformation = torch.zeros(32, 32)
    transformation[torch.arange(0, 32, 2), torch.arange(1, 32, 2)] = 1
    transformation[torch.arange(1, 32, 2), torch.arange(0, 32, 2)] = -1
    cos, sin = (table.repeat_interleave(2, dim=-1)[None, None] for table in (angles.cos(), angles.sin()))
    output = n150.ttnn.experimental.rotary_embedding_llama(
        n150.put(x), n150.put(cos), n150.put(sin), n150.put(transformation[None, None])
    )
    assert near(n150.read(output), expected)


def test_create_and_concat_heads_of_decoding(n150: Board) -> None:
    qkv = numbers(1, 1, BATCH, (HEADS + 2 * KV_HEADS) * HEAD_DIM)
    ttnn = n150.ttnn
    q, k, v = ttnn.experimental.nlp_create_qkv_heads_decode(
        n150.put(qkv),
        num_heads=HEADS,
        num_kv_heads=KV_HEADS,
        memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
    )
    heads = qkv.reshape(1, BATCH, -1, HEAD_DIM)
    assert torch.equal(n150.read(q), heads[:, :, :HEADS])
    assert torch.equal(n150.read(k), heads[:, :, HEADS : HEADS + KV_HEADS])
    assert torch.equal(n150.read(v), heads[:, :, HEADS + KV_HEADS :])
    joined = n150.read(ttnn.experimental.nlp_concat_heads_decode(q, num_heads=HEADS))
    assert torch.equal(joined[:, :, :BATCH], heads[:, :, :HEADS].reshape(1, 1, BATCH, -1))
    assert bool(joined[:, :, BATCH:].isnan().all())


def test_embedding_of_any_weight(n150: Board) -> None:
    weight, ids = numbers(1, 1, 100, 64), torch.tensor([[3, 99], [0, 3]], dtype=torch.int32)
    rows = n150.ttnn.embedding(
        n150.put(ids, n150.ttnn.uint32, n150.ttnn.ROW_MAJOR_LAYOUT),
        n150.put(weight, layout=n150.ttnn.ROW_MAJOR_LAYOUT),
        layout=n150.ttnn.TILE_LAYOUT,
    )
    assert torch.equal(n150.read(rows), weight[0, 0][ids.long()])


def test_update_and_fill_cache(n150: Board) -> None:
    cache, ttnn = numbers(BATCH, KV_HEADS, LENGTH, HEAD_DIM), n150.ttnn
    tokens, prompt = numbers(1, KV_HEADS, 32, HEAD_DIM, seed=1), numbers(1, KV_HEADS, 32, HEAD_DIM, seed=2)
    on_board = n150.put(cache)
    ttnn.update_cache(on_board, n150.put(tokens), 40)
    ttnn.fill_cache(on_board, n150.put(prompt), 1)
    expected = cache.clone()
    expected[:, :, 40] = tokens[0, :, :BATCH].transpose(0, 1)
    expected[1, :, :32] = prompt[0]
    assert torch.equal(n150.read(on_board), expected)


def test_paged_update_cache(n150: Board) -> None:
    cache = numbers(BATCH, KV_HEADS, LENGTH, HEAD_DIM)
    tokens = numbers(1, BATCH, KV_HEADS, HEAD_DIM, seed=1)
    on_board = n150.put(cache)
    n150.ttnn.experimental.paged_update_cache(on_board, sharded(n150, tokens), update_idxs=[7, 90])
    expected = cache.clone()
    expected[0, :, 7], expected[1, :, 90] = tokens[0, 0], tokens[0, 1]
    assert torch.equal(n150.read(on_board), expected)


def test_paged_cache_by_page_table(n150: Board) -> None:
    ttnn, blocks = n150.ttnn, numbers(6, KV_HEADS, 32, HEAD_DIM)
    pages = torch.tensor([[4, 1], [0, 5]], dtype=torch.int32)
    page_table = n150.put(pages, ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
    positions = n150.put(torch.tensor([33, 2], dtype=torch.int32), ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
    tokens, prompt = numbers(1, BATCH, KV_HEADS, HEAD_DIM, seed=1), numbers(1, KV_HEADS, 64, HEAD_DIM, seed=2)
    on_board = n150.put(blocks)
    ttnn.experimental.paged_fill_cache(on_board, n150.put(prompt), page_table, batch_idx=0)
    ttnn.experimental.paged_update_cache(
        on_board, sharded(n150, tokens), update_idxs_tensor=positions, page_table=page_table
    )
    expected = blocks.clone()
    expected[4], expected[1] = prompt[0, :, :32], prompt[0, :, 32:]
    expected[1, :, 1], expected[0, :, 2] = tokens[0, 0], tokens[0, 1]
    assert torch.equal(n150.read(on_board), expected)


def test_attention_of_decoding(n150: Board) -> None:
    """By ttnn's own golden, which ttci relies on."""
    q = numbers(1, BATCH, HEADS, HEAD_DIM)
    k, v = (
        numbers(BATCH, KV_HEADS, LENGTH, HEAD_DIM, seed=1),
        numbers(BATCH, KV_HEADS, LENGTH, HEAD_DIM, seed=2),
    )
    output = n150.ttnn.transformer.scaled_dot_product_attention_decode(
        n150.put(q), n150.put(k), n150.put(v), cur_pos=[10, 95]
    )
    for row, position in enumerate([10, 95]):
        keys, values = (t[row, :, : position + 1].repeat_interleave(HEADS // KV_HEADS, dim=0) for t in (k, v))
        weights = (q[0, row, :, None] @ keys.transpose(1, 2) / HEAD_DIM**0.5).softmax(-1)  # [H, 1, S]
        assert near(n150.read(output)[0, row], (weights @ values)[:, 0])


@pytest.mark.parametrize("is_causal", [True, False])
def test_attention_of_a_prompt(n150: Board, is_causal: bool) -> None:
    q = numbers(1, HEADS, TOKENS, HEAD_DIM)
    k, v = numbers(1, KV_HEADS, TOKENS, HEAD_DIM, seed=1), numbers(1, KV_HEADS, TOKENS, HEAD_DIM, seed=2)
    output = n150.ttnn.transformer.scaled_dot_product_attention(
        n150.put(q), n150.put(k), n150.put(v), is_causal=is_causal, scale=0.25
    )
    scores = 0.25 * q @ k.repeat_interleave(2, dim=1).transpose(2, 3)
    if is_causal:
        scores = scores.masked_fill(torch.ones(TOKENS, TOKENS).triu(1).bool(), -torch.inf)
    assert near(n150.read(output), scores.softmax(-1) @ v.repeat_interleave(2, dim=1))


def test_attention_within_a_window_is_ttnns_own_golden(n150: Board) -> None:
    q = numbers(1, HEADS, 128, HEAD_DIM)
    output = n150.ttnn.transformer.scaled_dot_product_attention(
        n150.put(q), n150.put(q), n150.put(q), is_causal=True, sliding_window_size=32
    )
    position = torch.arange(128)
    distance = position[:, None] - position
    scores = (q @ q.transpose(2, 3) / HEAD_DIM**0.5).masked_fill(
        (distance < 0) | (distance >= 32), -torch.inf
    )
    assert near(n150.read(output), scores.softmax(-1) @ q)


# The chips of a 2 x 2 mesh; a collective along axis 1 joins 0 with 1 and 2 with 3.
SHARDS = [torch.full((1, 2), float(chip)) for chip in range(4)]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("all_gather", {"dim": 1}, [[0, 0, 1, 1, 2, 2, 3, 3]] * 4),
        ("all_gather", {"dim": 1, "cluster_axis": 1}, [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2),
        ("all_gather", {"dim": 1, "cluster_axis": 0}, [[0, 0, 2, 2], [1, 1, 3, 3]] * 2),
        ("all_reduce", {}, [[6, 6]] * 4),
        ("all_reduce", {"cluster_axis": 1}, [[1, 1], [1, 1], [5, 5], [5, 5]]),
        ("reduce_scatter", {"dim": 1, "cluster_axis": 0}, [[2], [4], [2], [4]]),
        ("mesh_partition", {"dim": 1, "cluster_axis": 1}, [[0], [1], [2], [3]]),
        (
            "experimental.all_to_all_async_generic",
            {"in_dim": 1, "out_dim": 1, "cluster_axis": 1},
            [[0, 1], [0, 1], [2, 3], [2, 3]],
        ),
    ],
)
def test_collective(name: str, arguments: dict[str, int], expected: list[list[float]]) -> None:
    results = COLLECTIVES[f"ttnn.{name}"](SHARDS, (2, 2), **arguments)
    assert [result[0].tolist() for result in results] == expected


def test_reshape_takes_a_ttnn_shape_and_a_padded_one(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 1, 64, 64)
    for given in ([ttnn.Shape([1, 2, 32, 64])], [ttnn.Shape([1, 2, 32, 64]), ttnn.Shape([1, 2, 32, 64])]):
        assert torch.equal(n150.read(ttnn.reshape(n150.put(x), *given)), x.reshape(1, 2, 32, 64))
    shape = ttnn.Shape([1, 2, 32, 64])
    padded = ttnn.reshape(n150.put(x), shape, padded_shape=shape)
    assert torch.equal(n150.read(padded), x.reshape(1, 2, 32, 64))


@pytest.mark.parametrize("dims", [[0], [1], [0, 1]])
def test_fast_reduce_nc(n150: Board, dims: list[int]) -> None:
    x = numbers(2, 3, 32, 64)
    expected = x
    for dim in dims:
        expected = torch.stack(expected.chunk(expected.shape[dim], dim=dim)).sum(0)
    reduced = n150.ttnn.experimental.fast_reduce_nc(n150.put(x), dims=dims, output=None)
    assert near(n150.read(reduced), expected)


def test_minimal_matmul(n150: Board) -> None:
    x, weight, bias = numbers(1, 1, 32, 64), numbers(64, 96, seed=1), numbers(1, 96, seed=2)
    put = n150.put(x), n150.put(weight)
    product = torch.einsum("...k,kn->...n", x, weight)
    multiply = n150.ttnn.experimental.minimal_matmul
    assert near(n150.read(multiply(*put)), product)
    with_bias = product + bias
    assert near(n150.read(multiply(*put, bias_tensor=n150.put(bias))), with_bias)
    activation = n150.ttnn.UnaryWithParam(n150.ttnn.UnaryOpType.SILU)
    activated = multiply(*put, bias_tensor=n150.put(bias), fused_activation=activation)
    assert near(n150.read(activated), with_bias * torch.sigmoid(with_bias))


def test_product_of_everything_may_keep_its_dimensions(n150: Board) -> None:
    x = 1 + numbers(1, 1, 4, 8) / 8
    total = x.double().log().sum().exp() if bool((x > 0).all()) else x.double().prod()
    for keepdim, shape in ((True, (1, 1, 1, 1)), (False, ())):
        value = n150.read(n150.ttnn.prod(n150.put(x), keepdim=keepdim))
        assert value.shape == shape
        assert abs(value.item() / total.item() - 1) < 0.02


def windows(x: Tensor, sides: tuple[int, int, int, int], kernel: int, stride: int, fill: float) -> Tensor:
    """Every window of images [N, H, W, C], with their padding, as [N, rows, columns, C, kernel * kernel]."""
    top, bottom, left, right = sides
    images, height, width, channels = x.shape
    padded = torch.full((images, height + top + bottom, width + left + right, channels), fill)
    padded[:, top : top + height, left : left + width] = x
    return padded.unfold(1, kernel, stride).unfold(2, kernel, stride).flatten(-2)


@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1, 1, 0)])
def test_pooling(n150: Board, padding: tuple[int, ...]) -> None:
    ttnn, x = n150.ttnn, numbers(2, 8, 8, 32)
    sides = padding if len(padding) == 4 else (padding[0], padding[0], padding[1], padding[1])
    put = n150.put(x.reshape(1, 1, -1, 32), layout=ttnn.ROW_MAJOR_LAYOUT)
    shape = {"batch_size": 2, "input_h": 8, "input_w": 8, "channels": 32}
    window = {"kernel_size": [3, 3], "stride": [2, 2], "padding": list(padding), "ceil_mode": False}
    schemes = {"applied_shard_scheme": ttnn.TensorMemoryLayout.HEIGHT_SHARDED}
    top, bottom, left, right = sides
    of_max = windows(x, (top, bottom, left, right), 3, 2, -torch.inf).amax(-1)
    largest = ttnn.max_pool2d(put, **shape, **window, dilation=[1, 1], **schemes)
    assert near(n150.read(largest), of_max.reshape(1, 1, -1, 32))
    of_mean = windows(x, (top, bottom, left, right), 3, 2, 0.0).mean(-1)
    assert near(n150.read(ttnn.avg_pool2d(put, **shape, **window, **schemes)), of_mean.reshape(1, 1, -1, 32))


def test_minimal_matmul_split(n150: Board) -> None:
    x, weight = numbers(1, 1, 32, 64), numbers(64, 96, seed=1)
    parts = n150.ttnn.experimental.minimal_matmul_split(n150.put(x), n150.put(weight), chunks=3, dim=-1)
    product = torch.einsum("...k,kn->...n", x, weight)
    for part, expected in zip(parts, product.chunk(3, dim=-1), strict=True):
        assert near(n150.read(part), expected)


def test_golden_that_drops_a_dimension_of_size_one_gives_what_ttnn_has(n150: Board) -> None:
    counted = n150.ttnn.moreh_arange(0, 32, 1, n150.mesh, dtype=n150.ttnn.bfloat16)
    assert n150.read(counted).shape == tuple(counted.shape)
    assert n150.read(counted).flatten().tolist() == list(range(32))


@pytest.mark.parametrize("reduce", ["add", "multiply"])
def test_scatter_that_joins(n150: Board, reduce: str) -> None:
    ttnn, x, src = n150.ttnn, numbers(2, 32), numbers(2, 32, seed=1)
    index = torch.arange(32).flip(0).expand(2, 32) // 2
    on_board = n150.put(index.int(), ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
    given = [n150.put(value, layout=ttnn.ROW_MAJOR_LAYOUT) for value in (x, src)]
    joined = n150.read(ttnn.scatter(given[0], 1, on_board, given[1], reduce=reduce))
    expected = x.clone()
    for place, number in zip(index[0].tolist(), src.T, strict=True):
        if reduce == "add":
            expected[:, place] += number
        else:
            expected[:, place] *= number
    assert near(joined, expected)


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("largest", [True, False])
def test_the_first_of_an_order(n150: Board, largest: bool, is_sorted: bool) -> None:
    x = torch.stack([torch.randperm(128, generator=torch.Generator().manual_seed(row)) for row in range(32)])
    values, places = n150.ttnn.topk(n150.put(x.float()), 32, largest=largest, sorted=is_sorted)
    wanted = range(127, 95, -1) if largest else range(32)
    assert n150.read(values).tolist() == [list(wanted)] * 32
    assert n150.read(places).long().tolist() == [[row.index(value) for value in wanted] for row in x.tolist()]


def test_gate_of_grouped_experts(n150: Board) -> None:
    """Of 8 groups of 32, the 4 whose two best sum up highest; of those, the 8 best, with a bias."""
    scores, bias = numbers(1, 1, 32, 256), numbers(1, 1, 32, 256, seed=1)
    shares, experts = n150.ttnn.experimental.deepseek_grouped_gate(
        n150.put(scores), n150.put(bias), route_scale=2.5
    )
    for row in range(32):
        likely = [1 / (1 + math.exp(-score)) for score in scores[0, 0, row].tolist()]
        biased = [one + more for one, more in zip(likely, bias[0, 0, row].tolist(), strict=True)]
        best_of = {group: sorted(biased[32 * group : 32 * group + 32])[-2:] for group in range(8)}
        groups = sorted(range(8), key=lambda group: sum(best_of[group]))[-4:]
        kept = [expert for expert in range(256) if expert // 32 in groups]
        chosen = sorted(kept, key=lambda expert: biased[expert], reverse=True)[:8]
        assert n150.read(experts)[0, 0, row].long().tolist() == chosen
        total = sum(likely[expert] for expert in chosen)
        expected = torch.tensor([2.5 * likely[expert] / total for expert in chosen])
        assert near(n150.read(shares)[0, 0, row], expected)


@pytest.mark.parametrize(
    ("given", "to", "expected"),
    [
        (("float32", [1.0, -2.0]), "uint32", [0x3F800000, 0xC0000000]),
        (("float32", [1.0, -2.0]), "int32", [0x3F800000, 0xC0000000 - 2**32]),
        (("uint32", [0x3F800000, 0xC0000000]), "float32", [1.0, -2.0]),
        (("int32", [-1, 7]), "uint32", [2**32 - 1, 7]),
        (("bfloat16", [1.0, -2.0]), "uint16", [0x3F80, 0xC000]),
        (("uint16", [0x3F80, 0xC000]), "bfloat16", [1.0, -2.0]),
    ],
)
def test_bits_as_another_type(
    n150: Board, given: tuple[str, list[float]], to: str, expected: list[float]
) -> None:
    ttnn, (kind, numbers_given) = n150.ttnn, given
    value = torch.tensor([numbers_given * 16] * 32)
    if kind == "uint32":
        value = value.to(torch.uint32)
    cast = ttnn.bitcast(n150.put(value, getattr(ttnn, kind)), getattr(ttnn, to))
    read = n150.read(cast)
    assert (read if read.is_floating_point() else read.long()).tolist() == [expected * 16] * 32


@pytest.mark.parametrize("shape", [(), (1,), (4, 32)])
def test_sort_of_any_rank(n150: Board, shape: tuple[int, ...]) -> None:
    x = (
        torch.randperm(128, generator=torch.Generator().manual_seed(0))[: math.prod(shape)]
        .reshape(shape)
        .float()
    )
    values, places = n150.ttnn.sort(n150.put(x), dim=-1, descending=True)
    given = x.reshape(-1, shape[-1] if shape else 1)
    assert n150.read(values).reshape(given.shape).tolist() == [sorted(row)[::-1] for row in given.tolist()]
    found = given.gather(1, n150.read(places).long().reshape(given.shape))
    assert torch.equal(found, n150.read(values).reshape(given.shape))
