"""What every module promises: messages, dtypes, devices, and how attention looks around."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttci.modules import attention, block, embedding, ffn, normalization
from ttci.modules.rotary import inverse_frequencies, rotary_tables

HIDDEN, TOKENS = 64, 12


def _block(norm_first: bool) -> block.DecoderBlock:
    return block.DecoderBlock(
        attention.MultiHeadAttention(HIDDEN, 4, num_kv_heads=2, rope_theta=10000.0),
        ffn.SwiGLU(HIDDEN, 96),
        normalization.RMSNorm(HIDDEN),
        normalization.RMSNorm(HIDDEN),
        norm_first=norm_first,
    )


MODULES: dict[str, Callable[[], nn.Module]] = {
    "attention": lambda: attention.MultiHeadAttention(HIDDEN, 4, causal=False),
    "attention_of_every_option": lambda: attention.MultiHeadAttention(
        HIDDEN,
        4,
        num_kv_heads=2,
        head_dim=32,
        rope_theta=10000.0,
        rope_scaling=attention.RopeScaling(8.0, 1.0, 4.0, 8),
        qkv_bias=True,
        out_bias=True,
        qk_norm=True,
    ),
    "swiglu": lambda: ffn.SwiGLU(HIDDEN, 96),
    "geglu": lambda: ffn.GeGLU(HIDDEN, 96, approximate="tanh"),
    "mlp": lambda: ffn.MLP(HIDDEN, 96),
    "rms_norm": lambda: normalization.RMSNorm(HIDDEN),
    "layer_norm": lambda: normalization.LayerNorm(HIDDEN),
    "layer_norm_without_bias": lambda: normalization.LayerNorm(HIDDEN, bias=False),
    "block": lambda: _block(norm_first=True),
    "post_norm_block": lambda: _block(norm_first=False),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


def _input(tokens: int = TOKENS, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, tokens, HIDDEN, generator=generator, dtype=dtype)


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@every_module
def test_hidden_dim_tells_the_input_shape(make: Callable[[], nn.Module]) -> None:
    module = make()
    assert module.hidden_dim == HIDDEN
    assert module(_input()).shape == (2, TOKENS, HIDDEN)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@every_module
def test_dtype_is_kept(make: Callable[[], nn.Module], dtype: torch.dtype) -> None:
    y = make().to(dtype)(_input(dtype=dtype))
    assert y.dtype == dtype
    assert y.isfinite().all()


@every_module
def test_meta_device_works_out_shapes_without_data(make: Callable[[], nn.Module]) -> None:
    with torch.device("meta"):
        y = make()(torch.empty(1, TOKENS, HIDDEN))
    assert y.is_meta
    assert y.shape == (1, TOKENS, HIDDEN)


@pytest.mark.usefixtures("float64_by_default")
@every_module
def test_gradients_agree_with_finite_differences_in_float64(make: Callable[[], nn.Module]) -> None:
    x = _input(tokens=3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(make(), x, fast_mode=True)


@every_module
def test_forward_is_repeatable_and_leaves_input_and_random_state_alone(
    make: Callable[[], nn.Module],
) -> None:
    module, x = make(), _input()
    state, before = torch.get_rng_state(), x.clone()
    first, second = module(x), module(x)
    assert torch.equal(first, second)
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("norm", [normalization.RMSNorm, normalization.LayerNorm])
def test_norm_of_large_half_precision_values_does_not_overflow(norm: type[nn.Module]) -> None:
    x = 1000 * _input(dtype=torch.float16)  # the squares are beyond float16
    y = norm(HIDDEN).half()(x)
    torch.testing.assert_close(y.float(), norm(HIDDEN)(x.float()), rtol=1e-2, atol=1e-2)


def test_float64_norm_is_more_precise_than_float32() -> None:
    x = _input(dtype=torch.float64)
    y = normalization.RMSNorm(HIDDEN, eps=0.0).double()(x)
    mean_square = y.pow(2).mean(-1)
    torch.testing.assert_close(mean_square, torch.ones_like(mean_square), rtol=0.0, atol=1e-14)


def test_attention_keeps_its_rotary_angles_exact_in_bfloat16() -> None:
    torch.manual_seed(1)
    module = attention.MultiHeadAttention(HIDDEN, 2, rope_theta=100.0)
    with torch.no_grad():
        module.q_proj.weight.mul_(8.0)  # attend sharply, so that an angle matters
    x = _input(tokens=1024)
    expected = module(x)[:, -64:]  # late tokens, where an error of the angle has grown
    y = module.bfloat16()(x.bfloat16())[:, -64:].float()
    correlation = torch.corrcoef(torch.stack((y.flatten(), expected.flatten())))[0, 1]
    assert correlation > 0.999  # 0.98 with frequencies rounded to bfloat16


def test_float64_attention_equals_the_rotation_by_complex_numbers() -> None:
    module = attention.MultiHeadAttention(HIDDEN, 1, rope_theta=10000.0, causal=False).double()
    x = _input(tokens=300, dtype=torch.float64)
    exponents = torch.arange(0, HIDDEN, 2, dtype=torch.float64) / HIDDEN
    angles = torch.outer(torch.arange(300, dtype=torch.float64), 10000.0**-exponents)
    turn = torch.polar(torch.ones_like(angles), angles)
    q, k = (turn * torch.complex(*p(x).chunk(2, -1)) for p in (module.q_proj, module.k_proj))
    scores = (q @ k.mH).real / HIDDEN**0.5
    expected = module.o_proj(scores.softmax(-1) @ module.v_proj(x))
    torch.testing.assert_close(module(x), expected, rtol=0.0, atol=1e-12)


def test_rotary_tables_hold_float64_precision_in_float64() -> None:
    positions = torch.tensor([0, 1, 100_000])
    cos, sin = rotary_tables(positions, inverse_frequencies(4, 100.0, dtype=torch.float64))
    angles = torch.tensor([[0.0, 0.0], [1.0, 0.1], [100_000.0, 10_000.0]], dtype=torch.float64)
    torch.testing.assert_close(cos, angles.repeat(1, 2).cos(), rtol=0.0, atol=1e-10)
    torch.testing.assert_close(sin, angles.repeat(1, 2).sin(), rtol=0.0, atol=1e-10)


def test_rope_scaling_slows_low_frequencies_keeps_high_and_blends_between() -> None:
    plain = inverse_frequencies(128, 500000.0)
    scaled = inverse_frequencies(128, 500000.0, attention.RopeScaling(8.0, 1.0, 4.0, 8192))
    wavelengths = 2 * torch.pi / plain
    low, high = wavelengths > 8192 / 1.0, wavelengths < 8192 / 4.0
    between = ~low & ~high
    assert torch.equal(scaled[high], plain[high])
    assert torch.equal(scaled[low], plain[low] / 8.0)
    assert between.any()
    assert (scaled[between] < plain[between]).all()
    assert (scaled[between] > plain[between] / 8.0).all()


def test_rope_scaling_may_be_a_plain_mapping() -> None:
    scaling = attention.RopeScaling(8.0, 1.0, 4.0, 8192)
    module = attention.MultiHeadAttention(HIDDEN, 4, rope_theta=10000.0, rope_scaling=dict(vars(scaling)))
    assert module.rope_scaling == scaling


@pytest.mark.parametrize("causal", [True, False])
def test_only_causal_attention_hides_later_tokens(causal: bool) -> None:
    module = attention.MultiHeadAttention(HIDDEN, 4, rope_theta=10000.0, causal=causal)
    x = _input()
    changed = x.clone()
    changed[:, -1] += 1.0
    unmoved = torch.allclose(module(x)[:, :-1], module(changed)[:, :-1], atol=1e-6)
    assert unmoved == causal


@pytest.mark.parametrize("rope_theta", [None, 10000.0])
def test_only_rotary_attention_sees_the_order_of_tokens(rope_theta: float | None) -> None:
    module = attention.MultiHeadAttention(HIDDEN, 4, rope_theta=rope_theta, causal=False)
    x = _input()
    blind = torch.allclose(module(x).flip(1), module(x.flip(1)), atol=1e-6)
    assert blind == (rope_theta is None)


def test_embedding_looks_up_rows_for_ids() -> None:
    module = embedding.Embedding(10, HIDDEN, padding_idx=0)
    ids = torch.tensor([[3, 0], [9, 3]])
    y = module(ids)
    assert (module.vocab_size, module.hidden_dim) == (10, HIDDEN)
    assert module.weight.shape == (10, HIDDEN)
    assert torch.equal(y[0, 0], module.weight[3])
    assert torch.equal(y[0, 1], torch.zeros(HIDDEN))
    assert y.shape == (2, 2, HIDDEN)


def test_block_holds_the_instances_it_was_given() -> None:
    parts = (
        attention.MultiHeadAttention(HIDDEN, 4),
        ffn.MLP(HIDDEN, 96),
        normalization.LayerNorm(HIDDEN),
        normalization.LayerNorm(HIDDEN),
    )
    built = block.DecoderBlock(*parts)
    assert (built.attention, built.ffn, built.attention_norm, built.ffn_norm) == parts


SCALING = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position": 8192,
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 5}, r"hidden_dim \(64\) must be a multiple of num_heads \(5\); .* head_dim"),
        ({"num_heads": 0}, r"num_heads must be at least 1, got 0"),
        ({"num_heads": 4, "num_kv_heads": 3}, r"num_heads \(4\) .* multiple of num_kv_heads \(3\)"),
        ({"num_heads": 4, "num_kv_heads": 0}, r"num_kv_heads must be at least 1, got 0"),
        ({"num_heads": 4, "head_dim": 15, "rope_theta": 1e4}, r"even head_dim, got 15; change it"),
        ({"num_heads": 4, "rope_theta": 0.0}, r"rope_theta must be positive, got 0.0"),
        ({"num_heads": 4, "rope_scaling": SCALING}, r"no effect without rope_theta; give both"),
        (
            {"num_heads": 4, "rope_theta": 1e4, "rope_scaling": {"factor": 8.0}},
            r"exactly the keys factor, .*, original_max_position; got factor$",
        ),
        (
            {"num_heads": 4, "rope_theta": 1e4, "rope_scaling": SCALING | {"factor": 0.0}},
            r"rope_scaling takes positive numbers only",
        ),
        (
            {"num_heads": 4, "rope_theta": 1e4, "rope_scaling": SCALING | {"low_freq_factor": 4}},
            r"high_freq_factor \(4.0\) must be greater than low_freq_factor \(4\)",
        ),
    ],
)
def test_attention_that_cannot_be_says_what_to_change(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attention.MultiHeadAttention(HIDDEN, **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ffn.MLP(HIDDEN, 96, activation="swish"),
            r'unknown activation "swish"; known ones: gelu, gelu_tanh, relu, silu',
        ),
        (
            lambda: ffn.GeGLU(HIDDEN, 96, approximate="fast"),
            r'approximate must be "none" or "tanh", got "fast"',
        ),
        (
            lambda: embedding.Embedding(10, HIDDEN, padding_idx=10),
            r"padding_idx \(10\) must be an id of the vocabulary, 0 to 9",
        ),
        (
            lambda: block.DecoderBlock(
                attention.MultiHeadAttention(HIDDEN, 4),
                ffn.SwiGLU(32, 96),
                normalization.RMSNorm(HIDDEN),
                normalization.RMSNorm(HIDDEN),
            ),
            r"same hidden_dim, got attention 64, ffn 32, attention_norm 64, ffn_norm 64",
        ),
    ],
    ids=["activation", "approximate", "padding_idx", "block"],
)
def test_module_that_cannot_be_says_what_to_change(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
