"""Where histories are kept: a folder, or a branch of a git repository."""

from __future__ import annotations

from pathlib import Path

from ttci.errors import InputError, quoted
from ttci.history import DEFAULT_BRANCH, SOURCE_HELP
from ttci.history.stores.branch import BranchStore
from ttci.history.stores.folder import FolderStore
from ttci.history.stores.protocol import Store
from ttci.manifest import load_manifest


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
    loaded = load_manifest(manifest) if manifest.exists() else None
    if loaded is None or loaded.history.store is None:
        return None
    return open_store(loaded.history.store, loaded.folder.absolute())
