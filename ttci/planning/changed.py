"""Which pairs a change can concern: those whose sources, targets, device or requirements it touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli

from ttci.errors import InputError, quoted
from ttci.git import git_output, run_git
from ttci.manifest import Manifest, Pair, Source
from ttci.manifest.requirements import files_named, local_packages
from ttci.source_code.folders import own_folder, repository_of
from ttci.source_code.imports import imported_names, imports_of, module_file

_REMOTE_DEFAULT = "refs/remotes/origin/HEAD"


@dataclass(frozen=True)
class Changes:
    """What has changed in a repository since a commit.

    Attributes:
        base: the commit or branch, as it is shown.
        root: of the repository.
        files: that were changed, added or removed, whether that is committed or not.
    """

    base: str
    root: Path
    files: frozenset[Path]

    @classmethod
    def since(cls, base: str | None, folder: Path) -> Changes:
        """What has changed since the branch of `folder` left `base`; where None, the remote's default branch.

        Raises:
            InputError: there is no git repository, or no such commit in it.
        """
        top = git_output(folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise InputError(f"{folder.resolve()} is in no git repository: what has changed is not known")
        root = Path(top)
        if base is None:
            named = git_output(root, "rev-parse", "--abbrev-ref", _REMOTE_DEFAULT)
            base = "HEAD" if named in (None, _REMOTE_DEFAULT) else str(named)
        _refuse_option(base)
        tracked = _names(root, ["diff", "--name-only", "-z", "--merge-base", base, "--"], base)
        new = _names(root, ["ls-files", "-z", "--others", "--exclude-standard"], base)
        return cls(base, root, frozenset(root / name for name in (*tracked, *new)))

    def text_before(self, file: Path) -> str | None:
        """What a file said at the base; None where it was not there."""
        commit = git_output(self.root, "merge-base", self.base, "HEAD")
        name = file.resolve().relative_to(self.root).as_posix()
        return git_output(self.root, "show", f"{commit}:{name}")


def _refuse_option(base: str) -> None:
    if base.startswith("-"):
        raise InputError(f"--changed: {quoted(base)} is no commit")


def _names(root: Path, arguments: list[str], base: str) -> list[str]:
    done = run_git(arguments, root)
    if done.code:
        what = f"git knows no way from {quoted(base)} to here: {done.reason}"
        raise InputError(f"--changed: {what}; name a commit or a branch, and fetch it whole")
    return [name for name in done.out.decode(errors="surrogateescape").split("\0") if name]


@dataclass(frozen=True)
class ChangedPairs:
    """Tells which pairs of a manifest changes concern."""

    manifest: Manifest
    changes: Changes

    def has_changed(self, pair: Pair) -> bool:
        """Whether anything that decides on the results of `pair` has changed."""
        if not self.changes.files:
            return False
        return self._is_entry_changed(pair) or self._are_files_changed(pair)

    @cached_property
    def _before(self) -> Mapping[str, Any] | None:
        """The manifest as it was at the base; None where it has not changed."""
        path = self.manifest.path.resolve()
        if path not in self.changes.files:
            return None
        try:
            return tomli.loads(self.changes.text_before(path) or "")
        except tomli.TOMLDecodeError:  # a mistake that is mended now
            return {}

    @cached_property
    def _now(self) -> Mapping[str, Any]:
        return tomli.loads(self.manifest.text)

    def _is_entry_changed(self, pair: Pair) -> bool:
        before = self._before
        return before is not None and _entries(before, pair) != _entries(self._now, pair)

    def _are_files_changed(self, pair: Pair) -> bool:
        files = files_of(self.manifest, pair)
        return not files.isdisjoint(self.changes.files) or self._has_lost_an_import(files)

    def _has_lost_an_import(self, files: Iterable[Path]) -> bool:
        """Whether a file that is no longer there has the name of something that is imported."""
        if not self._removed:
            return False
        imported = {
            part for file in files for entry in imported_names(file) for part in entry.name.split(".")
        }
        return not imported.isdisjoint(self._removed)

    @cached_property
    def _removed(self) -> set[str]:
        """The names of modules whose files are no longer there."""
        gone = [path for path in self.changes.files if path.suffix == ".py" and not path.exists()]
        return {path.parent.name if path.stem == "__init__" else path.stem for path in gone}


def entries_of(manifest: Manifest, pair: Pair) -> list[Any]:
    """What of the manifest decides on the results of a pair."""
    return _entries(tomli.loads(manifest.text), pair)


def files_of(manifest: Manifest, pair: Pair) -> set[Path]:
    """The files of the repository that the results of a pair depend on, beside the manifest itself.

    They are the model's file, what it imports there, and what says which packages it needs.
    """
    return {*_source_files(manifest.source(pair.model)), *_requirement_files(manifest, pair.device)}


def _requirement_files(manifest: Manifest, device: str) -> Iterator[Path]:
    lines, folder = manifest.requirements(device), manifest.folder.resolve()
    yield from (path.resolve() for path in files_named(lines, folder))
    yield from (place.resolve() / "pyproject.toml" for place in local_packages(lines, folder))


def _source_files(source: Source) -> Iterator[Path]:
    folders = repository_of(source)
    file = source.file or module_file(str(source.module), folders)
    if file is None:  # an installed package's: it is of no file of this repository
        return
    own = own_folder(source)
    path = [own, *folders] if own else folders
    yield from (found.resolve() for found in imports_of(file.resolve(), path).files)


def _entries(data: Mapping[str, Any], pair: Pair) -> list[Any]:
    """What of a manifest decides on the results of a pair."""
    model = _table(_table(data.get("models")).get(pair.model))
    device = _table(data.get("devices")).get(pair.device)
    own = {key: value for key, value in model.items() if key not in ("devices", "targets")}
    return [own, _table(model.get("targets")).get(pair.device), device, data.get("environment")]


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
