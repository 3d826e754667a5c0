"""How many of the operations that models use have a golden, by family of models, in a checkout of tt-metal.

    python benchmarks/upstream/families.py CHECKOUT

Counted are the distinct operations that a family's files call by name, ``ttnn.<operation>(``. One that
reads, moves or frees a tensor needs no golden.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from ttci.text.table import align

FAMILIES = (
    *("llama", "qwen", "mistral", "falcon", "whisper", "bert", "vit", "resnet50", "stable_diffusion"),
    *("yolo", "deepseek", "gpt_oss"),
)
# Where a model is no demo of its own: it runs through these.
_SHARED = dict.fromkeys(("llama", "qwen", "mistral"), ("models/tt_transformers/tt",))
_CALL = re.compile(r"\bttnn\.((?:\w+\.)*\w+)\(")


def files_of(checkout: Path, family: str) -> list[Path]:
    """The files of a family: those that lie in a folder, or have a name, with the family's in it."""
    named = re.compile(rf"(^|[/_-]){family}")
    found = [
        path
        for path in (checkout / "models").rglob("*.py")
        if named.search(str(path.relative_to(checkout))) and "reference" not in path.parts
    ]
    return found + [path for folder in _SHARED.get(family, ()) for path in (checkout / folder).rglob("*.py")]


def operations_in(files: list[Path], known: dict[str, Any]) -> dict[str, int]:
    """The operations that ttnn registers, with the number of files that call each."""
    found: dict[str, int] = defaultdict(int)
    for path in files:
        names = set(_CALL.findall(path.read_text(encoding="utf-8", errors="replace")))
        for name in names & known.keys():
            found[name] += 1
    return dict(found)


def is_followed(name: str, operation: Any) -> bool:
    """Whether the mock board computes it."""
    from ttci.devices.ttnn.goldens import COLLECTIVES, COPIES, GOLDENS, UNDEFINED

    full = f"ttnn.{name}"
    needs_none = full in ("ttnn.deallocate", "ttnn.dump_tensor", "ttnn.load_tensor")
    ours = any(full in table for table in (GOLDENS, COLLECTIVES, COPIES, UNDEFINED))
    return ours or needs_none or operation.golden_function is not None


def main() -> None:
    """Print the table, and below it what has no golden."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path)
    checkout: Path = parser.parse_args().checkout
    os.environ["TTNN_CONFIG_OVERRIDES"] = '{"enable_fast_runtime_mode": false}'
    from ttci.devices.ttnn.runtime import import_ttnn  # reads the environment

    known = {
        operation.python_fully_qualified_name.removeprefix("ttnn."): operation
        for operation in import_ttnn().query_registered_operations(include_experimental=True)
    }
    rows, lacking = [], set()
    for family in FAMILIES:
        files = files_of(checkout, family)
        used = operations_in(files, known)
        followed = [name for name in used if is_followed(name, known[name])]
        lacking |= used.keys() - set(followed)
        share = f"{100 * len(followed) / len(used):.1f} %" if used else ""
        rows.append([family, str(len(files)), str(len(used)), str(len(followed)), share])
    print(align([["family", "files", "operations", "with a golden", "share"], *rows]))
    print("without:", ", ".join(sorted(lacking)) or "none")


if __name__ == "__main__":
    main()
