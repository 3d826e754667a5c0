"""The tensors of a failed correctness check, kept in a file for whoever wants to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from torch import Tensor

from ttci.checks.correctness import Observed
from ttci.errors import describe

_MOST_BYTES = 256_000_000  # of a test
_LOAD = """
    from safetensors.torch import load_file
    kept = load_file({file!r})"""
_LOAD_MODULES = """
    inputs = [tensor for name, tensor in kept.items() if name.startswith("input")]
    output, reference = kept["output 0"], kept["reference 0"]
    print((output - reference).abs().max())"""
_LOAD_LANGUAGE_MODELS = """
    prompt, given = kept["prompt tokens"], kept["tokens given behind it"]
    logits, reference = kept["logits"], kept["reference logits"]
    print((logits - reference).abs().amax((0, 2)))  # at each position, the first being the prompt's end"""


@dataclass(frozen=True)
class Kept:
    """What is kept of a test.

    Attributes:
        tensors: by what they are called in the file.
        how_to_load: the lines that follow those that load it.
        note: what is left out; empty where nothing is.
    """

    tensors: Mapping[str, Tensor]
    how_to_load: str
    note: str = ""


def of_module(inputs: Mapping[str, Tensor], observed: Observed) -> Kept:
    """Every input, output and reference.

    Args:
        inputs: by what a message calls them.
        observed: what the check has seen, the first of two passes.
    """
    tensors = {f"input {place}": tensor for place, tensor in enumerate(inputs.values())}
    tensors |= {f"output {place}": tensor for place, tensor in enumerate(observed.outputs)}
    tensors |= {f"reference {place}": tensor for place, tensor in enumerate(observed.references)}
    return Kept(tensors, _LOAD_MODULES)


def of_language_model(tokens: Tensor, prompt_tokens: int, observed: Observed) -> Kept:
    """The prompt, the tokens that follow, and the logits of as many positions as there is room for.

    Args:
        tokens: [B, S], the prompt with those that the decode steps are given.
        prompt_tokens: P, how many of them are the prompt.
        observed: logits [B, S - P + 1, V], and the reference's.
    """
    logits, expected = observed.outputs[0], observed.references[0]
    positions = expected.shape[1]
    room = max(1, (_MOST_BYTES - _bytes_of(tokens)) // (2 * _bytes_of(expected[:, :1])))
    note = "" if positions <= room else f", of the first {room} of {positions} positions"
    tensors = {
        "prompt tokens": tokens[:, :prompt_tokens],
        "tokens given behind it": tokens[:, prompt_tokens:],
        "logits": logits[:, :room],
        "reference logits": expected[:, :room],
    }
    return Kept(tensors, _LOAD_LANGUAGE_MODELS, note)


def keep(folder: Path, test: str, kept: Kept) -> str:
    """Write what is kept of a test into `folder`; returns how to load it, or why not.

    Args:
        folder: made where it is not there.
        test: its name, which the file's is made of.
        kept: its numbers are written in float32, whole ones as they are.
    """
    from safetensors.torch import save_file

    size = sum(map(_bytes_of, kept.tensors.values()))
    if size > _MOST_BYTES:
        return f"not kept: the tensors take {size / 1e6:.0f} MB, at most {_MOST_BYTES / 1e6:.0f} are kept"
    file = folder / f"{quote(test, safe='')}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: _as_kept(tensor) for name, tensor in kept.tensors.items()}, file)
    except (OSError, RuntimeError, ValueError) as error:
        return f"not kept: {describe(error)}"
    return f"kept{kept.note}: load them by{_LOAD.format(file=str(file))}{kept.how_to_load}"


def _as_kept(tensor: Tensor) -> Tensor:
    copy = tensor.detach().cpu().contiguous().clone()
    return copy.float() if copy.is_floating_point() else copy


def _bytes_of(tensor: Tensor) -> int:
    """In the file."""
    return tensor.numel() * (4 if tensor.is_floating_point() else tensor.element_size())
