"""A repository's own packages come from the checkout of a side, wherever they are installed.

A package that is installed in place, or named in PYTHONPATH, leads to the working tree; one that was
installed as a copy holds some commit's code. Either would be measured on both sides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import tomli

from ttci.testing.imports import ImportScope
from ttci.testing.loaded_modules import BEFORE_ALL, folders_of

_TTCI = Path(__file__).parents[1]  # ours on both sides, also where it is ttci's own repository
_INSTALLED = {"site-packages", "dist-packages"}


class OwnCode:
    """A finder of Python's import system; it is first asked, and knows only what is the repository's."""

    def __init__(self, root: Path, checkout: Path) -> None:
        """Take the user's own working tree, and the checkout that stands in its place."""
        self._root, self._checkout = root, checkout

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a top-level module in the checkout, where it would come from another place of the repository.

        Raises:
            ModuleNotFoundError: the checkout has none of it, and another commit's is not to be taken.
        """
        if path is not None or name in BEFORE_ALL:
            return None
        folders = list(self._folders_for(name, _found_by_others(name, target)))
        if not folders:
            return None
        spec = PathFinder.find_spec(name, [str(folder) for folder in folders], target)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r} in this commit", name=name)
        return spec

    def _folders_for(self, name: str, spec: ModuleSpec | None) -> Iterator[Path]:
        """Where the checkout has it; nothing where it is not the repository's."""
        for folder in map(Path, sorted(folders_of(spec))):
            if folder.is_relative_to(self._root) and _INSTALLED.isdisjoint(folder.parts):
                yield self._checkout / folder.relative_to(self._root)
            elif _is_of(packages_distributions().get(name, ()), self._project):
                yield from (self._checkout, self._checkout / "src")

    @cached_property
    def _project(self) -> str:
        try:
            text = (self._checkout / "pyproject.toml").read_text(encoding="utf-8")
            return _normal(str(tomli.loads(text)["project"]["name"]))
        except (OSError, KeyError, TypeError, ValueError):
            return ""


def foreign_module(root: Path, checkout: Path) -> str | None:
    """A loaded module of the user's working tree, where another checkout is measured."""
    if root == checkout:
        return None
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        path = Path(file) if file else root.parent
        if path.is_relative_to(root) and not path.is_relative_to(_TTCI) and _INSTALLED.isdisjoint(path.parts):
            return f"{name} ({path.relative_to(root)})"
    return None


def _found_by_others(name: str, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, OwnCode | ImportScope):
            continue
        spec = finder.find_spec(name, None, target)
        if spec:
            return spec
    return None


def _is_of(distributions: Any, project: str) -> bool:
    return bool(project) and project in map(_normal, distributions)


def _normal(name: str) -> str:
    """As packages are told apart: https://packaging.python.org/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()
