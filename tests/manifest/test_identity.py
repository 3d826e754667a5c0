"""An identity is one string everywhere: what is printed can be parsed."""

import pytest

from ttci.errors import ExitCode, InputError
from ttci.manifest import Identity, Pair, fits_as_test_name, model_name_from

PAIRS = [("llama3", "cpu"), ("qwen2.5", "n150-mock"), ("a_b+c", "0"), ("LLaMA3Model", "wormhole_b0")]
TESTS = [
    "llama3_8b_attention",
    "layers.0/attention",
    "with spaces and (parentheses)",
    "größe",
    "a@b/c",
    "m@d/x",
    "-",
]
CHECKS = ["correctness", "gradients", "performance", "memory"]


@pytest.mark.parametrize(("model", "device"), PAIRS)
def test_pair_is_parsed_as_it_is_printed(model: str, device: str) -> None:
    assert str(Pair(model, device)) == f"{model}@{device}"
    assert Pair.parse(f"{model}@{device}") == Pair(model, device)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("check", CHECKS)
def test_identity_is_parsed_as_it_is_printed(test: str, check: str) -> None:
    assert fits_as_test_name(test)
    for pair in PAIRS:
        identity = Identity(Pair(*pair), test, check)
        assert str(identity) == f"{pair[0]}@{pair[1]}/{test}[{check}]"
        assert Identity.parse(str(identity)) == identity


@pytest.mark.parametrize(
    "text",
    ["", "llama3", "@cpu", "llama3@", "a@b@c", "a/b@cpu", "-a@cpu", "a@ cpu", "a@cpu\n", "é@cpu", "a@.."],
)
def test_what_is_no_pair_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(
        InputError, match="is not a pair; write it as model@device, like llama3@cpu"
    ) as caught:
        Pair.parse(text)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "a@cpu", "a@cpu/", "a@cpu/t", "a@cpu/t[]", "a@cpu/[memory]", "a/t[memory]", "a@cpu/t[memory] "],
)
def test_what_is_no_identity_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InputError, match=r"is not an identity; write it as model@device/test\[check\]"):
        Identity.parse(text)


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a[b]", "a::b", "a\nb", "a\tb", "a\x00", "a\x7f", "a\u2028b", "a\x85b"]
)
def test_name_that_would_break_an_identity_does_not_fit(name: str) -> None:
    assert not fits_as_test_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LLaMA3Model", "LLaMA3Model"),
        ("my model", "my-model"),
        ("__x", "x"),
        ("größe", "gr--e"),
        ("", "model"),
    ],
)
def test_model_without_a_name_gets_one_that_is_a_folder_name(text: str, name: str) -> None:
    assert model_name_from(text) == name
    assert Pair.parse(f"{name}@cpu").model == name
