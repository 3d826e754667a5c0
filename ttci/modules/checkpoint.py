"""The weights of a local checkpoint: read, and put into a model, or everything wrong with them told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ttci.errors import InputError

_MOST_NAMED = 20  # of a kind: a wrong checkpoint is wrong in every layer


def tensors_in_folder(folder: Path) -> dict[str, Tensor]:
    """All tensors of the ``*.safetensors`` of a folder, by name.

    Raises:
        InputError: There is none, or a file cannot be read.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise InputError("to read *.safetensors, run: python -m pip install safetensors") from None
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"{folder}: there is no *.safetensors in it")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors.update(load_file(file))
        except (SafetensorError, OSError) as error:
            raise InputError(f"{file}: cannot be read: {error}") from None
    return tensors


def load_into(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], source: str) -> None:
    """Copy `given` tensors into the `wanted` weights of the same name.

    Raises:
        InputError: Some are missing, left over or of another shape; all are named, and none is copied.
    """
    wrong = [*_mistakes(wanted, given)]
    if wrong:
        raise InputError(f"{source} is not this model's:\n" + "\n".join(wrong))
    with torch.no_grad():
        for name, weight in wanted.items():
            weight.copy_(given[name])


def _mistakes(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    both = [name for name in wanted if name in given]
    misshapen = [
        f"{name} {_shape(given[name])} instead of {_shape(wanted[name])}"
        for name in both
        if given[name].shape != wanted[name].shape
    ]
    kinds = {
        "missing": [name for name in wanted if name not in given],
        "left over": [name for name in given if name not in wanted],
        "of another shape": misshapen,
    }
    for kind, names in kinds.items():
        if names:
            more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield f"{kind}: {', '.join(names[:_MOST_NAMED])}{more}"


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
