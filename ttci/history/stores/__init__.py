"""Where histories are kept: a folder, or a branch of a git repository."""

from __future__ import annotations

from pathlib import Path

from ttci.errors import InputError, quoted
from ttci.history import DEFAULT_BRANCH, SOURCE_HELP
from ttci.history.stores.branch import BranchStore
from ttci.history.stores.folder import FolderStore
from ttci.history.stores.protocol import Store
from ttci.manifest import load_manifest
from ttci.manifest.schema import HistoryEntry


def open_store(source: str, repository: Path) -> Store | None:
    """The store that `source` names; None where it is ``off``. Nothing is read yet.

    repository: a folder of the git repository whose remote holds the branch; a path is relative to it.

    Raises:
        InputError: `source` is none of the forms.
    """
    kind, _, rest = source.partition(":")
    if source == "off":
        return None
    if kind == "branch" and (rest or source == "branch"):
        return BranchStore(rest or DEFAULT_BRANCH, repository)
    if kind == "folder" and rest:
        return FolderStore(repository / Path(rest).expanduser())
    raise InputError(f"--history {quoted(source)}: not a history; write {SOURCE_HELP}")


def chosen_store(source: str | None, manifest: Path) -> Store | None:
    """The store of an option, else the manifest's; None where neither names one, or it is ``off``.

    manifest: its path; it need not be there.

    Raises:
        InputError: the source is none of the forms, or the manifest is wrong.
    """
    if source is not None:
        return open_store(source, Path.cwd())
    stated = history_settings(manifest).store
    return open_store(stated, manifest.parent.absolute()) if stated is not None else None


def history_settings(manifest: Path) -> HistoryEntry:
    """What the manifest says under [history]; its defaults where there is no such file."""
    return load_manifest(manifest).history if manifest.exists() else HistoryEntry.model_construct()
