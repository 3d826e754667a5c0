"""Llama 3.1 8B as a whole, of a checkpoint in a folder of this machine: for boards, as no mock could hold it.

The folder is ``LLAMA3_8B_FOLDER``, else ``Llama-3.1-8B`` in the working directory. In it are ``config.json``
and ``*.safetensors`` of meta-llama/Llama-3.1-8B-Instruct, and ``tokens.json``: a list of 1023 ids of a text
or more.
"""

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules.attention import KVCache
from ttci.modules.language_model import LanguageModel
from ttci.testing import ModuleTest, register_lowering


class Checkpoint(nn.Module):
    """A language model whose weights are read when they are first asked for: they fill 32 GB of memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    @cached_property
    def model(self) -> LanguageModel:
        """It, with all its layers."""
        return LanguageModel.from_folder(self.folder).eval()

    def forward(self, ids: Tensor) -> Tensor:
        """The logits at every position, by one pass without a cache."""
        logits: Tensor = self.model(ids)
        return logits

    def make_caches(self, batch: int, length: int) -> list[KVCache]:
        """An empty cache for each layer, of so many tokens."""
        return self.model.make_caches(batch, length)

    def prefill(self, ids: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """The logits behind a prompt, whose keys and values go to the caches."""
        return self.model.prefill(ids, caches)

    def decode(self, ids: Tensor, caches: Sequence[KVCache]) -> Tensor:
        """The logits behind one more token."""
        return self.model.decode(ids, caches)

    def text(self, shape: tuple[int, ...]) -> Tensor:
        """The first tokens of the text: of random ones a trained model has no opinion."""
        ids = json.loads((self.folder / "tokens.json").read_text(encoding="utf-8"))
        return torch.tensor(ids[: shape[1]]).expand(shape)


@register_lowering(Checkpoint)
def checkpoint_on_ttnn(module: Checkpoint, target: Any) -> Any:
    """The ttnn implementation of what is in the checkpoint."""
    return target.lower(module.model)


class WholeLLaMA3:
    """Its targets are in the manifest, of each board its own."""

    def get_module_tests(self) -> list[ModuleTest]:
        """One test, with as many tokens as Tenstorrent's own."""
        module = Checkpoint(Path(os.environ.get("LLAMA3_8B_FOLDER", "Llama-3.1-8B")))
        return [
            ModuleTest(
                "llama3_8b",
                kind="language-model",
                module=module,
                inputs=module.text,
                prompt_tokens=512,
                decode_tokens=511,
                tolerance=0.05,  # of the logits, behind 32 layers; it is judged by its tokens
            )
        ]
