"""What a model's code can import, whichever command runs it and from wherever.

First what lies beside the model's file, as for a script; then what is installed;
then the repository. The standard library and what ttci itself stands on come
before all: a file ``random.py`` or ``torch.py`` would else break them.

Modules of a model's own folders are in `sys.modules` while its code runs, and only
then: models whose folders hold modules of one name do not get each other's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from ttci.manifest import DEFAULT_PATH, Source
from ttci.search_path import INSTALLED

UNIQUE_PREFIX = "_ttci_source_"  # of a module that has a name of its own, which no other can have

_BEFORE_ALL = sys.stdlib_module_names | {"torch", "numpy", "ttnn", "ttci"}
_put_away: dict[str, dict[str, ModuleType]] = {}  # by folder: the modules found there, while no model runs
_models_folders: set[str] = set()  # of every model so far
_entered: list[ImportScope] = []


class ImportScope:
    """The folders that one model's code imports from; a finder of Python's import system."""

    def __init__(self, own: Path | None, repository: Sequence[Path]) -> None:
        """Take the folder of the model's file, where it has one, and those to look in last."""
        self._own = str(own) if own else None
        self._own_folders_come_last = own in repository
        self._repository = [str(folder) for folder in repository if folder != own]
        self._root = str(repository[-1])
        beside = [self._own] if self._own else []
        self._path = list(dict.fromkeys([*beside, *INSTALLED, *self._repository]))
        _models_folders.update([*beside, *self._repository])

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Meanwhile, what is imported is looked for in these folders."""
        if self in _entered[-1:]:
            yield
            return
        outer_path, sys.path = sys.path, self._path
        sys.meta_path.insert(0, self)
        _entered.append(self)
        hidden = self._hide_what_is_not_found_here({*outer_path} | _models_folders)
        before = dict(sys.modules)
        hidden |= self._bring_back()
        try:
            yield
        finally:
            self._path, sys.path = sys.path, outer_path  # with what the model's code added to it
            with suppress(ValueError):
                sys.meta_path.remove(self)
            _entered.remove(self)
            self._put_away_what_is_new(before)
            sys.modules.update(hidden)

    def find_spec(self, name: str, path: object = None, _: object = None) -> ModuleSpec | None:
        """Find what `sys.path` alone would find in another place; None for all else."""
        if path is not None:
            return None
        if name in _BEFORE_ALL:
            return PathFinder.find_spec(name, INSTALLED)
        if self._own and Path(self._own, name).is_dir():
            return PathFinder.find_spec(name, self._path_for_folder_beside())
        return None

    def _path_for_folder_beside(self) -> list[str]:
        """Where to look for what has the name of a folder beside the model's file.

        Without an ``__init__.py`` it comes after what is installed, as for a script, and
        still before the repository's. A folder of the repository itself is no helper of
        the model: it comes after what is installed.
        """
        path = [folder for folder in sys.path if folder not in self._repository]
        if self._own and self._own_folders_come_last:
            return [*(folder for folder in path if folder != self._own), self._own]
        return path

    def _hide_what_is_not_found_here(self, elsewhere: set[str]) -> dict[str, ModuleType]:
        """Take modules out of `sys.modules` that this model would not get there; returns them."""
        beside = _names_in(self._own) if self._own else set()
        here = {*self._path}
        hidden: dict[str, ModuleType] = {}
        for name in _top_level_names():
            folders = _folders_of(_spec_of(name))
            is_another = name in beside and folders != _folders_of(self._found(name))
            if folders and (is_another or (folders & (elsewhere - here) and not folders & here)):
                hidden |= _taken_out(name)
        return hidden

    def _found(self, name: str) -> ModuleSpec | None:
        return self.find_spec(name) or PathFinder.find_spec(name)

    def _bring_back(self) -> dict[str, ModuleType]:
        """Put the modules of these folders back; returns those of the same names that stood there."""
        hidden: dict[str, ModuleType] = {}
        for folder in self._path:
            known = _put_away.pop(folder, {})
            for name in known.keys() & _top_level_names():
                hidden |= _taken_out(name)
            sys.modules.update(known)
        return hidden

    def _put_away_what_is_new(self, before: dict[str, ModuleType]) -> None:
        """Take what was found in the model's own folders out of `sys.modules`, until it is entered again.

        What lies in the repository's root stays: all its code has it under the same name.
        """
        own = {*self._path} - {*INSTALLED, self._root}
        _models_folders.update(own)
        for name in _top_level_names():
            if before.get(name) is not sys.modules[name]:
                for folder in _folders_of(_spec_of(name)) & own:
                    _put_away.setdefault(folder, {}).update(_taken_out(name))


@cache
def _scope(own: Path | None, repository: tuple[Path, ...]) -> ImportScope:
    return ImportScope(own, repository)


def scope_of(source: Source) -> ImportScope:
    """From where the code of a source imports; models of one folder share it."""
    if source.file is None:
        return _scope(None, _repository(source.folder.resolve(), source.folder.resolve()))
    file = source.file.resolve()
    package = package_of(file)
    repository = _repository(file.parent, source.folder.resolve())
    return _scope(file.parent, (package.parent, *repository) if package else repository)


def package_of(file: Path) -> Path | None:
    """The folder of the outermost package that a file lies in; None where it lies in none."""
    inside = [folder for folder in file.parents if (folder / "__init__.py").is_file()]
    folder = file.parent
    if folder not in inside:
        return None
    while folder.parent in inside:
        folder = folder.parent
    return folder


def let_repository_be_imported() -> None:
    """Where the user's own script runs, and so no model's folders are entered: look in the repository last."""
    if not _entered:
        folder = Path.cwd()
        sys.path += [str(last) for last in _repository(folder, folder) if str(last) not in sys.path]


def _repository(start: Path, project: Path) -> tuple[Path, ...]:
    """The folders from `start` up to git's root that are that of the project, or hold a manifest or are git's root."""
    found: list[Path] = []
    for folder in (start, *start.parents):
        is_root = (folder / ".git").exists()
        if is_root or folder == project or (folder / DEFAULT_PATH).is_file():
            found.append(folder)
        if is_root:
            break
    return tuple(found) or (project,)


def _names_in(folder: str) -> set[str]:
    return {name.partition(".")[0] for name in os.listdir(folder)} - _BEFORE_ALL


def _top_level_names() -> list[str]:
    """The names in `sys.modules` that another folder may have too."""
    return [
        name
        for name in [*sys.modules]
        if "." not in name and name not in _BEFORE_ALL and not name.startswith((UNIQUE_PREFIX, "__main__"))
    ]


def _taken_out(top_level_name: str) -> dict[str, ModuleType]:
    """A module with those below it, out of `sys.modules`."""
    below = f"{top_level_name}."
    names = [name for name in [*sys.modules] if name == top_level_name or name.startswith(below)]
    return {name: sys.modules.pop(name) for name in names}


def _spec_of(name: str) -> ModuleSpec | None:
    return getattr(sys.modules[name], "__spec__", None)


def _folders_of(spec: object) -> set[str]:
    """The folders of the path in which a top-level module was found; of a namespace, several."""
    if not isinstance(spec, ModuleSpec):
        return set()
    if spec.submodule_search_locations is not None:
        return {os.path.dirname(location) for location in spec.submodule_search_locations}
    return {os.path.dirname(spec.origin)} if spec.has_location and spec.origin else set()
