"""What ttci asks of ttnn's precision, and what it takes ttnn's block floats to be."""

from __future__ import annotations

from one_process import printed_by  # type: ignore[import-not-found]  # beside this file


def test_products_of_block_floats_use_all_bits_of_the_activations() -> None:
    asked = printed_by("precision.py", "fidelity", "n150")
    assert asked == {"bfloat16": "HiFi4", "bfloat8_b": "HiFi3", "bfloat4_b": "HiFi3"}


def test_weights_are_rounded_as_ttnn_rounds_them() -> None:
    assert set(printed_by("precision.py", "blocks", "n150").values()) == {0.0}
