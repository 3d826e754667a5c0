"""The two commits, each in a folder of its own: git worktrees that are gone when the comparison is over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import InputError, MachineryError, TtciError, quoted
from ttci.git import Done, git_output, run_git
from ttci.manifest import Manifest, load_manifest

_NO_HOOKS = (("core.hooksPath", "/dev/null"), ("advice.detachedHead", "false"))


@dataclass(frozen=True)
class Checkout:
    """One side of a comparison.

    Attributes:
        side: ``base`` or ``head``.
        name: as the user wrote it; empty of the working tree.
        commit: in full; of the working tree, the one that it stands on.
        root: of the repository's files, in this checkout.
        is_dirty: whether the files differ from the commit.
    """

    side: str
    name: str
    commit: str
    root: Path
    is_dirty: bool = False

    def __str__(self) -> str:
        if not self.name:
            return f"{self.side} working tree ({self.commit[:10]}{' and changes' if self.is_dirty else ''})"
        is_bare = self.commit.startswith(self.name)
        return f"{self.side} {self.commit[:10]}{'' if is_bare else f' ({self.name})'}"


@dataclass(frozen=True)
class Checkouts:
    """Both sides.

    Attributes:
        manifest: of the head, which says what is compared.
        root: of the user's own working tree.
    """

    base: Checkout
    head: Checkout
    manifest: Manifest
    root: Path

    @property
    def base_manifest_path(self) -> Path:
        """Where the base has its manifest, if it has one."""
        return self.base.root / self.manifest.path.resolve().relative_to(self.head.root)


@contextmanager
def checked_out(manifest: Path, base: str, head: str | None, *, merge_base: bool) -> Iterator[Checkouts]:
    """Both commits in folders of their own; the head is the working tree where no other is named.

    Args:
        manifest: of the working tree; the head's is the file of the same name in its checkout.
        base: a commit, by any name that git knows.
        head: the same.
        merge_base: take where the head left `base` in the place of `base` itself.

    Raises:
        InputError: there is no repository, no such commit, or no manifest in the head.
        MachineryError: a commit cannot be checked out.
    """
    root = _root_of(manifest)
    commits = {name: _commit(root, name) for name in (base, head or "HEAD")}
    base_commit, head_commit = commits[base], commits[head or "HEAD"]
    if merge_base:
        base_commit = _merge_base(root, base, base_commit, head_commit)
    relative = manifest.resolve().relative_to(root)
    with tempfile.TemporaryDirectory(prefix="ttci-compare-") as name, _worktrees(root, Path(name)) as make:
        head_root = make("head", head_commit) if head else root
        is_dirty = head is None and bool(git_output(root, "status", "--porcelain"))
        yield Checkouts(
            Checkout("base", base, base_commit, make("base", base_commit)),
            Checkout("head", head or "", head_commit, head_root, is_dirty),
            load_manifest(head_root / relative if head else manifest),
            root,
        )


def _root_of(manifest: Path) -> Path:
    top = git_output(manifest.parent, "rev-parse", "--show-toplevel")
    if top is None:
        where = manifest.parent.resolve()
        raise InputError(f"{where} is in no git repository: there are no commits to compare")
    return Path(top).resolve()


def _commit(root: Path, name: str) -> str:
    found = git_output(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not found:
        what = f"git knows no commit {quoted(name)}; name a commit, a branch or a tag"
        raise InputError(f"{what}, and fetch it: git fetch origin {name}")
    return found


def _merge_base(root: Path, base: str, base_commit: str, head_commit: str) -> str:
    found = git_output(root, "merge-base", base_commit, head_commit)
    if not found:
        raise InputError(f"--merge-base: git knows no way from {quoted(base)} to the head; fetch both whole")
    return found


@contextmanager
def _worktrees(root: Path, folder: Path) -> Iterator[_Maker]:
    maker = _Maker(root, folder)
    try:
        yield maker
    finally:
        maker.remove()


class _Maker:
    """Makes worktrees in a folder, and removes them."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._folder = root, folder.resolve()

    def __call__(self, name: str, commit: str) -> Path:
        place = self._folder / name
        done = self._git("worktree", "add", "--quiet", "--detach", str(place), commit)
        if done.code:
            raise MachineryError(f"{commit[:10]} cannot be checked out: {done.reason}")
        return place

    def remove(self) -> None:
        """Whatever happened: also of one that git had not finished."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)  # whose owner removes it
        try:
            self._git("worktree", "prune")
        except TtciError:  # git does it itself some day
            return

    def _git(self, *arguments: str) -> Done:
        return run_git(arguments, self._root, settings=_NO_HOOKS)
