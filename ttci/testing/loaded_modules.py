"""`sys.modules`, by the folders that its modules were found in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType

from ttci.search_path import INSTALLED

UNIQUE_PREFIX = "_ttci_source_"  # of a module that has a name of its own, which no other can have
# A file of such a name, random.py or torch.py, would break what everything stands on.
BEFORE_ALL = sys.stdlib_module_names | {"torch", "numpy", "ttnn", "ttci"}


def top_level_names(names: Iterable[str] | None = None) -> list[str]:
    """The modules, of `names` or of all loaded, in whose place others of the same name may be wanted."""
    return [
        name
        for name in [*(sys.modules if names is None else names)]
        if "." not in name and name not in BEFORE_ALL and not name.startswith((UNIQUE_PREFIX, "__main__"))
    ]


def taken_out(name: str) -> dict[str, ModuleType]:
    """A top-level module with those below it, which are loaded no longer."""
    below = f"{name}."
    return {
        known: sys.modules.pop(known) for known in [*sys.modules] if known == name or known.startswith(below)
    }


def folders_of_loaded(name: str) -> set[str]:
    """The folders in which a loaded top-level module was found."""
    return folders_of(getattr(sys.modules.get(name), "__spec__", None))


def folders_of(spec: object) -> set[str]:
    """The folders of the path in which a top-level module was found: several for a namespace, or none."""
    if not isinstance(spec, ModuleSpec):
        return set()
    if spec.submodule_search_locations is not None:
        # Strings, by what the documentation says; transformers gives paths.
        return {_folder_of(os.fspath(location)) for location in spec.submodule_search_locations}
    return {_folder_of(spec.origin)} if spec.has_location and spec.origin else set()


def _folder_of(location: str) -> str:
    return location.rpartition(os.sep)[0] or os.sep  # of hundreds of modules: pathlib takes its time


def is_installed(spec: ModuleSpec) -> bool:
    """Whether a module, or the package that it belongs to, is installed."""
    name, _, below = spec.name.partition(".")
    folders = folders_of_loaded(name) if below else folders_of(spec)
    return bool(folders) and folders.issubset(INSTALLED)
