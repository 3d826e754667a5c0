"""What a model's code can import, whichever command runs it and from wherever.

First what lies beside the model's file, as for a script; then what is installed;
then the repository. Only the standard library and what ttci itself stands on come
before all (`BEFORE_ALL`).

Modules of a model's own folders are loaded while its code runs, and only then:
models whose folders hold modules of one name do not get each other's, and what is
installed is itself imported with these folders out of sight.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from ttci.search_path import INSTALLED
from ttci.source_code.folders import repository_around
from ttci.testing.loaded_modules import (
    BEFORE_ALL,
    folders_of,
    folders_of_loaded,
    is_installed,
    taken_out,
    top_level_names,
)

_put_away: dict[str, dict[str, ModuleType]] = {}  # by folder: the modules found there, while no model runs
_models_folders: set[str] = set()  # of every model so far
_entered: list[ImportScope] = []


class ImportScope:
    """The folders that a model's code imports from; a finder of Python's import system."""

    def __init__(self, own: Path | None, repository: Sequence[Path]) -> None:
        """Take the folder of the model's file, where it has one, and those to look in last."""
        self._own = str(own) if own else None
        self._own_folders_come_last = own in repository
        self._repository = [str(folder) for folder in repository if folder != own]
        self._root = str(repository[-1])
        beside = [self._own] if self._own else []
        self._path = list(dict.fromkeys([*beside, *INSTALLED, *self._repository]))
        self._outer_path: list[str] = []
        self._before: dict[str, ModuleType] = {}
        self._hidden: dict[str, ModuleType] = {}
        self._found_here: dict[str, ModuleType] = {}  # when it was last entered
        self._looked_in: object = None
        _models_folders.update([*beside, *self._repository])

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Meanwhile, what is imported is looked for in these folders."""
        if self in _entered[-1:]:
            yield
            return
        try:
            self._enter()
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        self._outer_path, sys.path = sys.path, self._path
        sys.meta_path.insert(0, self)
        _entered.append(self)
        self._hidden = self._take_out_what_is_not_found_here()
        self._before = dict(sys.modules)
        self._hidden |= self._bring_back()

    def _leave(self) -> None:
        self._path, sys.path = sys.path, self._outer_path  # with what the model's code added to it
        with suppress(ValueError):
            sys.meta_path.remove(self)
        _entered.remove(self)
        self._put_away_what_is_new()
        sys.modules.update(self._hidden)

    @contextmanager
    def out_of_sight(self) -> Iterator[None]:
        """Meanwhile only what is installed is found."""
        self._leave()
        outer_path, sys.path = sys.path, [*INSTALLED]
        try:
            yield
        finally:
            self._path += [folder for folder in sys.path if folder not in INSTALLED]
            sys.path = outer_path
            self._enter()

    def advice_on(self, name: str) -> str:
        """What to do where an import of this top-level module failed."""
        if name in BEFORE_ALL and self._own and name in _names_in(self._own):
            return f'; "{name}" beside the model has the name of a module that comes first: rename it'
        if name in sys.modules or self.find_spec(name):
            return ""
        outside = folders_of(PathFinder.find_spec(name, self._outer_path))
        if outside:
            return f"; only pytest looks in {min(outside)}: add it to PYTHONPATH, or install what is there"
        places = "beside the file, among what is installed" if self._own else "among what is installed"
        looked_in = f"; it is looked for {places} and in {', '.join(self._repository or [self._root])}"
        return f"{looked_in}; name its package in requirements under [environment] of the manifest"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module as Python does, but for what lies beside the model's file."""
        spec = self._find_beside(name) if path is None else None
        others = [finder for finder in sys.meta_path if not isinstance(finder, ImportScope)]
        for finder in () if spec else others:
            spec = finder.find_spec(name, path, target)
            if spec:
                break
        if spec and spec.loader and self._own not in (None, *folders_of(spec)) and is_installed(spec):
            spec.loader = _OutOfSight(spec.loader, self)
        return spec

    def _find_beside(self, name: str) -> ModuleSpec | None:
        """Find what `sys.path` alone would find in another place, by the names beside the model's file."""
        if self._own is None or name not in _names_in(self._own):
            return None
        if name in BEFORE_ALL:
            return PathFinder.find_spec(name, INSTALLED)
        if Path(self._own, name).is_dir():
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

    def _take_out_what_is_not_found_here(self) -> dict[str, ModuleType]:
        """Take out the modules that this model would not get, by their names; returns them."""
        beside = _names_in(self._own) - BEFORE_ALL if self._own else set()
        here = {*self._path}
        elsewhere = ({*self._outer_path} | _models_folders) - here
        if self._looked_in != (beside, here, elsewhere):
            self._looked_in, self._found_here = (beside, here, elsewhere), {}
        hidden: dict[str, ModuleType] = {}
        for name in top_level_names():
            if self._found_here.get(name) is sys.modules[name]:
                continue
            folders = folders_of_loaded(name)
            is_another = name in beside and folders != folders_of(self.find_spec(name))
            if folders and (is_another or (folders & elsewhere and not folders & here)):
                hidden |= taken_out(name)
            else:
                self._found_here[name] = sys.modules[name]
        return hidden

    def _bring_back(self) -> dict[str, ModuleType]:
        """Put the modules of these folders back; returns those of the same names that stood there."""
        hidden: dict[str, ModuleType] = {}
        for folder in self._path:
            known = _put_away.pop(folder, {})
            for name in known:
                if "." not in name and name in sys.modules:
                    hidden |= taken_out(name)
            sys.modules.update(known)
        return hidden

    def _put_away_what_is_new(self) -> None:
        """Take out what was found in the model's own folders, until it is entered again.

        What lies in the repository's root stays: to all its code it has the same name.
        """
        own = {*self._path} - {*INSTALLED, self._root}
        _models_folders.update(own)
        is_new = [name for name, module in sys.modules.items() if self._before.get(name) is not module]
        for name in top_level_names(is_new):
            for folder in folders_of_loaded(name) & own:
                _put_away.setdefault(folder, {}).update(taken_out(name))


class _OutOfSight(Loader):
    """Loads an installed module with a model's folders out of sight: it is not to import from there."""

    def __init__(self, loader: Loader, scope: ImportScope) -> None:
        self._loader = loader
        self._scope = scope

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does; an extension is initialised here."""
        with self._scope.out_of_sight():
            return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the module's own loader does, which is the one that others see."""
        if module.__spec__:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        with self._scope.out_of_sight():
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        """What else the module's own loader can do."""
        return getattr(self._loader, name)


def advice_on(error: BaseException) -> str:
    """What to do about an import that failed in a model's code; empty where that is not known."""
    if not isinstance(error, ImportError):
        return ""
    if "attempted relative import" in str(error):
        return "; a relative import needs a package: put an __init__.py into the folder, or leave out the dot"
    return _entered[-1].advice_on((error.name or "").partition(".")[0]) if _entered else ""


def let_repository_be_imported() -> None:
    """Where a user's own script runs, and so no model's folders are entered: look in the repository last."""
    if not _entered:
        folder = Path.cwd()
        repository = map(str, repository_around(folder, folder))
        sys.path += [last for last in repository if last not in sys.path]


def _names_in(folder: str) -> set[str]:
    """What modules, packages and folders of a folder are called when they are imported."""
    try:
        return {path.name.partition(".")[0] for path in Path(folder).iterdir()}
    except OSError:  # it may be entered, and not be listed
        return set()
