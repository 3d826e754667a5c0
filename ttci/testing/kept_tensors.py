"""The tensors of a failed correctness check, kept in a file for whoever wants to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from torch import Tensor

from ttci.checks.correctness import Observed
from ttci.errors import describe

_MOST_BYTES = 256_000_000  # of a test
_HOW_TO_LOAD = """kept: load them by
    from safetensors.torch import load_file
    kept = load_file({file!r})
    inputs = [tensor for name, tensor in kept.items() if name.startswith("input")]
    output, reference = kept["output 0"], kept["reference 0"]
    print((output - reference).abs().max())"""


def keep(folder: Path, test: str, inputs: Mapping[str, Tensor], observed: Observed) -> str:
    """Write inputs, outputs and references of a test into `folder`; returns how to load them, or why not.

    Args:
        folder: made where it is not there.
        test: its name, which the file's is made of.
        inputs: by what a message calls them.
        observed: what the check has seen, the first of two passes.
    """
    from safetensors.torch import save_file

    tensors = {f"input {place}": tensor for place, tensor in enumerate(inputs.values())}
    tensors |= {f"output {place}": tensor for place, tensor in enumerate(observed.outputs)}
    tensors |= {f"reference {place}": tensor for place, tensor in enumerate(observed.references)}
    size = sum(tensor.nbytes for tensor in tensors.values())
    if size > _MOST_BYTES:
        return f"not kept: the tensors take {size / 1e6:.0f} MB, at most {_MOST_BYTES / 1e6:.0f} are kept"
    file = folder / f"{quote(test, safe='')}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.detach().cpu().float().clone() for name, tensor in tensors.items()}, file)
    except (OSError, RuntimeError, ValueError) as error:
        return f"not kept: {describe(error)}"
    return _HOW_TO_LOAD.format(file=str(file))
