"""Whole language models on mock boards, with a cache of keys and values, against Hugging Face's."""

from __future__ import annotations

from typing import Any

import pytest
from one_process import printed_by  # type: ignore[import-not-found]  # beside this file

from tests.language_models import MISTAKES


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("board", ["n150", "t3k"])
def test_a_model_of_four_layers_chooses_the_tokens_of_the_reference(board: str, family: str) -> None:
    [result] = printed_by("language_models_judged.py", board, family)
    assert result["outcome"] == "passed", result["message"]
    figures = {measurement["name"]: measurement["value"] for measurement in result["measurements"]}
    assert figures["top1_accuracy"] >= 0.99
    assert figures["top5_accuracy"] >= 0.99


def test_a_mistake_of_a_whole_model_is_found_on_the_board() -> None:
    wrong: list[dict[str, Any]] = printed_by("language_models_judged.py", "n150", "rope_scaling", "lm_head")
    assert [result["outcome"] for result in wrong] == ["failed", "failed"]
    assert set(MISTAKES) > {"rope_scaling", "lm_head"}
