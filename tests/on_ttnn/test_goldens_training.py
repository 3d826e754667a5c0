"""Goldens of training, random numbers, state spaces and others: each against torch, written another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from tests.on_ttnn.conftest import Board

SHAPE = (1, 1, 64, 64)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().float()


def near(output: Tensor, expected: Tensor) -> bool:
    return output.shape == expected.shape and torch.allclose(output, expected, rtol=2e-2, atol=2e-2)


def row_major(n150: Board, value: Tensor, dtype: Any = None) -> Any:
    return n150.put(value, dtype, n150.ttnn.ROW_MAJOR_LAYOUT)


# --- gradients


def gradient_of(forward: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(forward(x), x, grad)
    return gradient


BACKWARD: dict[str, tuple[Callable[..., Any], Callable[[Tensor], Tensor]]] = {
    "gelu": (lambda ttnn, g, x: ttnn.gelu_bw(g, x), F.gelu),
    "acosh": (lambda ttnn, g, x: ttnn.acosh_bw(g, x), torch.acosh),
    "exp": (lambda ttnn, g, x: ttnn.exp_bw(g, x), torch.exp),
    "clamp": (lambda ttnn, g, x: ttnn.clamp_bw(g, x, 1.5, 2.0), lambda x: x.clamp(1.5, 2.0)),
    "clamp above": (lambda ttnn, g, x: ttnn.clamp_bw(g, x, max=1.5), lambda x: x.clamp(max=1.5)),
    "clip": (lambda ttnn, g, x: ttnn.clip_bw(g, x, min=1.5), lambda x: x.clamp(min=1.5)),
    "multiply": (lambda ttnn, g, x: ttnn.mul_bw(g, x, x)[:1], lambda x: x * x.detach()),
    "named": (lambda ttnn, g, x: ttnn.relu_bw(grad_tensor=g, input_tensor=x), torch.relu),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward(n150: Board, name: str) -> None:
    on_board, forward = BACKWARD[name]
    x, grad = numbers(*SHAPE).abs() + 1.0625, numbers(*SHAPE, seed=1)
    x = x.bfloat16().float()
    (output,) = on_board(n150.ttnn, n150.put(grad), n150.put(x))
    assert near(n150.read(output), gradient_of(forward, x, grad))


@pytest.mark.parametrize("name", ["abs", "angle", "conj", "real", "imag"])
def test_backward_of_complex_numbers(n150: Board, name: str) -> None:
    ttnn, (real, imaginary) = n150.ttnn, (numbers(*SHAPE, seed=seed) for seed in (2, 3))
    forward = getattr(torch, name)
    x, grad = torch.complex(real, imaginary), numbers(*SHAPE)
    if forward(x).is_complex():
        grad = torch.complex(grad, numbers(*SHAPE, seed=1))
        on_board = ttnn.complex_tensor(n150.put(grad.real), n150.put(grad.imag))
    else:
        on_board = n150.put(grad)
    (given,) = getattr(ttnn, f"{name}_bw")(
        on_board,
        ttnn.complex_tensor(n150.put(real), n150.put(imaginary)),
        memory_config=ttnn.DRAM_MEMORY_CONFIG,
    )
    expected = gradient_of(forward, x, grad)
    assert near(n150.read(given.real), expected.real)
    assert near(n150.read(given.imag), expected.imag)


@pytest.mark.parametrize("required", [[True, True], [True, False], [False, True]])
def test_backward_gives_what_is_asked_for(n150: Board, required: list[bool]) -> None:
    chosen, grad = (numbers(*SHAPE) > 0).float(), numbers(*SHAPE, seed=1)
    a, b = n150.put(numbers(*SHAPE, seed=2)), n150.put(numbers(*SHAPE, seed=3))
    given = n150.ttnn.where_bw(n150.put(grad), n150.put(chosen), a, b, are_required_outputs=required)
    expected = [grad * chosen, grad * (1 - chosen)]
    for output, gradient, asked in zip(given, expected, required, strict=True):
        assert (output is not None) == asked
        assert not asked or near(n150.read(output), gradient)


@pytest.mark.parametrize("dim", [0, 1, -2, 3, None])
def test_backward_of_a_product(n150: Board, dim: int | None) -> None:
    x = torch.ones(2, 3, 32, 32)
    if dim is not None:
        x = (numbers(2, 3, 32, 32).abs() + 0.5).clamp(max=1.5).bfloat16().float()
    kept = x.prod(dim, keepdim=True).shape if dim is not None else torch.Size([1, 1, 1, 1])
    grad, whole = numbers(*kept, seed=1), torch.zeros(x.shape)
    whole[tuple(map(slice, kept))] = grad
    given = n150.ttnn.prod_bw(n150.put(grad if dim in (0, 1) else whole), n150.put(x), dim=dim)
    others = x.prod(dim, keepdim=True) if dim is not None else x.prod()
    assert near(n150.read(given[0]), (grad * others / x).expand(x.shape))


def test_backward_fills_what_it_is_given(n150: Board) -> None:
    ttnn, x, grad = n150.ttnn, numbers(*SHAPE), numbers(*SHAPE, seed=1)
    filled = n150.put(torch.zeros(SHAPE))
    ttnn.gelu_bw(n150.put(grad), n150.put(x), input_grad=filled)
    assert near(n150.read(filled), gradient_of(F.gelu, x, grad))


def test_moreh_backward_passes_that_fill_what_they_are_given(n150: Board) -> None:
    moreh = n150.ttnn.operations.moreh
    a, b, grad = (numbers(1, 1, 1, 64, seed=seed) for seed in range(3))
    grad = grad[..., :1]
    filled = [n150.put(torch.zeros_like(a)), n150.put(torch.zeros_like(b))]
    moreh.dot_backward(n150.put(grad), n150.put(a), n150.put(b), input_grad=filled[0], other_grad=filled[1])
    assert near(n150.read(filled[0]), grad * b)
    assert near(n150.read(filled[1]), grad * a)


# --- losses, norms


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nll_loss_forward_and_backward(n150: Board, reduction: str) -> None:
    moreh, classes = n150.ttnn.operations.moreh, 10
    x = torch.log_softmax(numbers(8, classes), -1).bfloat16().float()
    target = torch.arange(8) % classes
    weight = numbers(classes).abs().bfloat16().float()
    divisor = n150.put(torch.zeros(1)) if reduction == "mean" else None
    ids = n150.put(target.int(), n150.ttnn.int32)
    loss = moreh.nll_loss(
        n150.put(x),
        ids,
        reduction,
        weight_tensor=n150.put(weight),
        divisor_tensor=divisor,
        output_tensor=n150.put(torch.zeros(1)),
        ignore_index=3,
    )

    def forward(x: Tensor) -> Tensor:
        return F.nll_loss(x, target, weight, ignore_index=3, reduction=reduction)

    assert near(n150.read(loss).reshape(()), forward(x))
    gradient = moreh.nll_loss_backward(
        target_tensor=ids,
        output_grad_tensor=n150.put(torch.tensor([2.0])),
        reduction_mean=reduction == "mean",
        weight_tensor=n150.put(weight),
        divisor_tensor=divisor,
        input_grad_tensor=n150.put(torch.zeros_like(x)),
        ignore_index=3,
    )
    assert near(n150.read(gradient), gradient_of(forward, x, torch.tensor(2.0)))


@pytest.mark.parametrize("largest", [1.0, 1e6])
def test_gradients_are_clipped_where_they_lie(n150: Board, largest: float) -> None:
    values = [numbers(*SHAPE, seed=seed) for seed in range(3)]
    tensors = [n150.put(value) for value in values]
    total = n150.ttnn.operations.moreh.clip_grad_norm(tensors, largest, 2.0)
    parameters = [torch.nn.Parameter(torch.zeros(SHAPE)) for _ in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = value.clone()
    expected = torch.nn.utils.clip_grad_norm_(parameters, largest)
    assert torch.allclose(n150.read(total).flatten(), expected.reshape(1), rtol=1e-2)
    for tensor, parameter in zip(tensors, parameters, strict=True):
        assert parameter.grad is not None
        assert near(n150.read(tensor), parameter.grad)


@pytest.mark.parametrize("dim", [None, 0, 3, [0, 1], [2, 3]])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_norm(n150: Board, dim: Any, p: float) -> None:
    x = numbers(2, 3, 32, 64)
    output = n150.read(n150.ttnn.operations.moreh.norm(n150.put(x), p=p, dim=dim, keepdim=True))
    dims = range(4) if dim is None else [dim] if isinstance(dim, int) else dim
    expected = x.abs() ** p
    for place in dims:
        expected = expected.sum(place, keepdim=True)
    assert torch.allclose(output, expected ** (1 / p), rtol=2e-2)


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_moves_its_statistics_in_training_alone(n150: Board, training: bool) -> None:
    x, mean, variance = numbers(2, 3, 32, 32), numbers(1, 3, 1, 1), numbers(1, 3, 1, 1).abs() + 0.5
    variance = variance.bfloat16().float()
    kept = n150.put(mean), n150.put(variance)
    output = n150.ttnn.batch_norm(
        n150.put(x), running_mean=kept[0], running_var=kept[1], training=training, momentum=0.25
    )
    moved = mean.flatten().clone(), variance.flatten().clone()
    expected = F.batch_norm(x, *moved, training=training, momentum=0.25)
    assert near(n150.read(output), expected)
    for tensor, want in zip(kept, moved, strict=True):
        assert near(n150.read(tensor).flatten(), want)
    assert near(n150.read(kept[0]).flatten(), mean.flatten()) != training


# --- state spaces


def test_prefix_scan_keeps_the_last_state(n150: Board) -> None:
    ttnn = n150.ttnn
    a, bx, before = numbers(1, 1, 32, 512) / 2, numbers(1, 1, 32, 512, seed=1), numbers(1, 1, 1, 512, seed=2)
    core = ttnn.CoreGrid(y=1, x=1)
    rows = ttnn.create_sharded_memory_config((32, 512), core, ttnn.ShardStrategy.WIDTH)
    row = ttnn.create_sharded_memory_config((1, 512), core, ttnn.ShardStrategy.WIDTH)
    state = ttnn.to_memory_config(row_major(n150, before), row)
    inputs = [ttnn.to_memory_config(n150.put(value), rows) for value in (a, bx)]
    output = ttnn.experimental.prefix_scan(*inputs, state, memory_config=rows, dtype=ttnn.bfloat16)
    want, h = torch.zeros_like(bx), before[0, 0, 0]
    for step in range(32):
        h = a[0, 0, step] * h + bx[0, 0, step]
        want[0, 0, step] = h
    assert near(n150.read(output), want)
    assert near(n150.read(state), h.reshape(before.shape))


def test_hc_sum_reduce(n150: Board) -> None:
    x = numbers(1, 1, 32, 32 * 32 * 2)
    output = n150.ttnn.experimental.hc_sum_reduce(n150.put(x), dtype=n150.ttnn.bfloat16)
    assert torch.allclose(n150.read(output), x.unfold(3, 32, 32).sum(-1), rtol=2e-2, atol=1e-1)


@pytest.mark.parametrize(("a_width", "b_width"), [(32, 5120), (32 * 5120, 5120), (32, 32 * 5120)])
def test_repeat_and_interleave_multiplication(n150: Board, a_width: int, b_width: int) -> None:
    a, b = numbers(1, 1, 32, a_width), numbers(1, 1, 32, b_width, seed=1)
    multiply = n150.ttnn.experimental.repeat_and_interleave_eltwise_mul
    output = n150.read(multiply(n150.put(a), n150.put(b), dtype=n150.ttnn.bfloat16))
    latent, channel = torch.arange(32 * 5120) % 32, torch.arange(32 * 5120) // 32
    want_a = a[..., latent] if a_width == 32 else a
    want_b = b[..., channel] if b_width == 5120 else b
    assert near(output, want_a * want_b)


# --- look-ups, reductions, products


@pytest.mark.parametrize("invert", [False, True])
def test_isin(n150: Board, invert: bool) -> None:
    ttnn, elements, among = n150.ttnn, torch.arange(64, dtype=torch.int32), [3, 5, 60, 99]
    output = ttnn.experimental.isin(
        row_major(n150, elements, ttnn.int32),
        row_major(n150, torch.tensor(among, dtype=torch.int32), ttnn.int32),
        invert=invert,
    )
    want = [(2**32 - 1) * ((element in among) != invert) for element in range(64)]
    assert n150.read(output).long().tolist() == want


def test_integral_image(n150: Board) -> None:
    x = numbers(1, 32, 32, 32)
    output = n150.read(n150.ttnn.experimental.intimg(n150.put(x)))
    assert torch.allclose(output[0, 4, 7], x[0, :5, :8].sum(dim=(0, 1)), rtol=2e-2, atol=1e-1)


def test_attention_matmul(n150: Board) -> None:
    a, b = numbers(1, 4, 32, 64), numbers(32, 1, 64, 96, seed=1)
    grid = n150.mesh.compute_with_storage_grid_size()
    output = n150.ttnn.experimental.attn_matmul(
        n150.put(a), n150.put(b), compute_with_storage_grid_size=grid, dtype=n150.ttnn.bfloat16
    )
    expected = torch.einsum("qhbd,bkdn->qhbn", a, b)
    assert torch.allclose(n150.read(output), expected, rtol=2e-2, atol=1e-1)


def test_group_attention_matmul(n150: Board) -> None:
    a, b = numbers(1, 8, 32, 64), numbers(32, 2, 64, 96, seed=1)
    grid = n150.mesh.compute_with_storage_grid_size()
    output = n150.ttnn.experimental.group_attn_matmul(
        n150.put(a), n150.put(b), compute_with_storage_grid_size=grid, dtype=n150.ttnn.bfloat16
    )
    expected = torch.stack([torch.einsum("bd,bdn->bn", a[0, head], b[:, head // 4]) for head in range(8)])
    assert torch.allclose(n150.read(output)[0], expected, rtol=2e-2, atol=1e-1)


def test_view_and_typecast(n150: Board) -> None:
    x, experimental = numbers(2, 1, 32, 64), n150.ttnn.experimental
    assert torch.equal(n150.read(experimental.view(n150.put(x), (1, 2, 32, 64))), x.transpose(0, 1))
    assert torch.equal(n150.read(experimental.typecast(n150.put(x), n150.ttnn.float32)), x)


def test_product_of_complex_numbers(n150: Board) -> None:
    a, b = (torch.view_as_complex(numbers(1, 1, 32, 64, 2, seed=seed)) for seed in range(2))
    parts = [row_major(n150, part.contiguous()) for part in (a.real, a.imag, b.real, b.imag)]
    real, imaginary = n150.ttnn.experimental.complex_mul(*parts)
    assert near(n150.read(real), (a * b).real)
    assert near(n150.read(imaginary), (a * b).imag)


# --- random numbers


def drawn(n150: Board, name: str, seed: int) -> Tensor:
    ttnn, shape = n150.ttnn, [1, 1, 256, 256]
    half, fill = n150.put(torch.full(shape, 0.25)), n150.put(torch.zeros(shape))
    ways: dict[str, Callable[[], Any]] = {
        "rand": lambda: ttnn.rand(shape, n150.mesh, low=-1.0, high=3.0, seed=seed),
        "randn": lambda: ttnn.randn(shape, device=n150.mesh, seed=seed),
        "uniform": lambda: ttnn.uniform(fill, -1.0, 3.0, seed=seed),
        "bernoulli": lambda: ttnn.bernoulli(half, seed),
        "dropout": lambda: ttnn.experimental.dropout(half, probability=0.75, scale=4.0, seed=seed),
    }
    return n150.read(ways[name]())


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [
        ("rand", 1.0, 4 / 12**0.5),
        ("randn", 0.0, 1.0),
        ("uniform", 1.0, 4 / 12**0.5),
        ("bernoulli", 0.25, (0.25 * 0.75) ** 0.5),
        ("dropout", 0.25, (0.25 * 0.75) ** 0.5),
    ],
)
def test_random_numbers_agree_under_a_seed_and_have_their_distribution(
    n150: Board, name: str, mean: float, deviation: float
) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = (drawn(n150, name, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)  # a user's own seed still counts
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert abs(first.mean() - mean) < 0.03
    assert abs(first.std() - deviation) < 0.03


def test_uniform_fills_its_tensor_below_the_upper_bound(n150: Board) -> None:
    tensor = n150.put(torch.full((256, 256), 9.0))
    n150.ttnn.uniform(tensor)
    assert n150.read(tensor).min() >= 0
    assert n150.read(tensor).max() < 1


def sampled(n150: Board, values: Tensor, k: int, p: float, **seed: int) -> list[int]:
    ttnn, users = n150.ttnn, values.shape[2]
    places = torch.arange(values.shape[-1], dtype=torch.int32).expand(values.shape).contiguous()
    output = ttnn.sampling(
        n150.put(values),
        row_major(n150, places, ttnn.int32),
        k=row_major(n150, torch.full((users,), k, dtype=torch.int32), ttnn.uint32),
        p=row_major(n150, torch.full((users,), p)),
        temp=row_major(n150, torch.ones(users)),
        **seed,
    )
    chosen: list[int] = n150.read(output).flatten().long().tolist()
    return chosen


def test_sampling_draws_among_the_likeliest(n150: Board) -> None:
    values = numbers(1, 1, 32, 64)
    best = values[0, 0].argsort(-1, descending=True)
    assert sampled(n150, values, 32, 0.0, seed=1) == best[:, 0].tolist()
    assert sampled(n150, values, 1, 1.0, seed=1) == best[:, 0].tolist()
    several = sampled(n150, values, 4, 1.0, seed=1)
    assert all(place in best[user, :4] for user, place in enumerate(several))
    assert several != best[:, 0].tolist()


def test_sampling_agrees_under_manual_seed(n150: Board) -> None:
    values = numbers(1, 1, 32, 64)
    runs = []
    for seed in (42, 42, 43):
        n150.ttnn.manual_seed(seeds=seed, device=n150.mesh)
        runs.append([sampled(n150, values, 32, 1.0) for _ in range(2)])
    assert runs[0] == runs[1] != runs[2]
    assert runs[0][0] != runs[0][1]  # it goes on from where it was
    assert sampled(n150, values, 32, 1.0, seed=5) == sampled(n150, values, 32, 1.0, seed=5)


def test_slice_between_places_of_tensors(n150: Board) -> None:
    ttnn, x = n150.ttnn, numbers(1, 2, 64, 64)
    starts, ends = (
        row_major(n150, torch.tensor(places, dtype=torch.int32), ttnn.int32)
        for places in ([0, 0, 32, 0], [1, 2, 64, 64])
    )
    part = ttnn.slice(n150.put(x), starts, ends, slice_dim=2, num_devices=2)
    assert torch.equal(n150.read(part), x[:, :, 32:])


@pytest.mark.parametrize("bias_shape", [(1, 48), (1, 1)])
@pytest.mark.parametrize("required", [(True, True, True), (False, True, True), (True, False, False)])
def test_gradients_of_a_linear_layer_that_are_asked_for(
    n150: Board, required: tuple[bool, bool, bool], bias_shape: tuple[int, int]
) -> None:
    x, weight, bias = numbers(2, 33, 40), numbers(48, 40, seed=1), numbers(*bias_shape, seed=2)
    grad = numbers(2, 33, 48, seed=3)
    filled = [
        n150.put(torch.zeros_like(each)) if asked else None
        for each, asked in zip((x, weight, bias), required, strict=True)
    ]
    given = n150.ttnn.operations.moreh.linear_backward(
        n150.put(grad),
        n150.put(x),
        n150.put(weight),
        are_required_outputs=required,
        bias=n150.put(bias),
        input_grad=filled[0],
        weight_grad=filled[1],
        bias_grad=filled[2],
    )
    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    expected = torch.autograd.grad(leaves[0] @ leaves[1].T + leaves[2], leaves, grad)
    for output, kept, gradient, asked in zip(given, filled, expected, required, strict=True):
        assert (output is not None) == asked
        assert not asked or near(n150.read(output), gradient)
        assert not asked or near(n150.read(kept), gradient)


@pytest.mark.parametrize("dim", [0, 1, 2, 3, [0, 3], [1, 2], [], None])
def test_sum_and_its_gradient_keep_what_ttnn_keeps(n150: Board, dim: Any) -> None:
    x, dims = numbers(2, 3, 40, 50), list(range(4)) if dim in (None, []) else dim
    summed = n150.ttnn.operations.moreh.sum(n150.put(x), dim)
    assert near(n150.read(summed).flatten(), x.sum(dims).flatten())
    grad = numbers(*summed.shape, seed=1)
    spread = n150.ttnn.operations.moreh.sum_backward(n150.put(grad), input=n150.put(x), dim=dim)
    expected = grad.reshape(x.sum(dims, keepdim=True).shape).expand(x.shape)
    assert near(n150.read(spread), expected)
