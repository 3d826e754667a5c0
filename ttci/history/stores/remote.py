"""The remote that holds a history's branch: what the user's own repository says of it.

Everything is read and nothing written there: ttci fetches into a repository of its own,
and pushes from it, with the settings that reach the remote from the user's.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import InputError, quoted
from ttci.git import Done, Settings, is_of_another, run_git, trusting, without_secrets

NAME = "ttci"  # of the remote, in our repository
_ORIGIN = "remote.origin."
_OF_THE_REMOTE = ("url", "pushurl", "proxy", "proxyauthmethod", "uploadpack", "receivepack")
_TO_REACH_IT = re.compile(r"(http|credential|url|ssh|protocol)\.|core\.(sshcommand|gitproxy|askpass)$")
_UNFIT_FOR_A_PERSON = re.compile(r"[<>\x00-\x1f]")


@dataclass(frozen=True)
class Remote:
    """``origin`` of a user's repository.

    Attributes:
        folder: where git runs, for a relative URL begins there.
        place: its URL without secrets; where it is a path, the whole of it.
    """

    folder: Path
    place: str
    _settings: Settings

    def settings_for(self, repository: Path) -> Settings:
        """What `repository` needs to know of the remote, and of how the user reaches it.

        What git finds there by itself is left out: some servers refuse a header that comes twice.
        """
        found = Counter(_settings(run_git(["config", "--list", "-z"], self.folder, repository=repository)))
        needed = []
        for entry in self._settings:
            key, value = entry
            if key.startswith(_ORIGIN) and key.removeprefix(_ORIGIN) in _OF_THE_REMOTE:
                needed.append((f"remote.{NAME}.{key.removeprefix(_ORIGIN)}", value))
            elif _TO_REACH_IT.match(key) and found[entry] == 0:
                needed.append(entry)
            found[entry] -= 1 if found[entry] else 0
        return needed

    @property
    def person(self) -> str:
        """Who commits, as git writes it: the user, else ttci."""
        known = dict(self._settings)
        name = os.environ.get("GIT_COMMITTER_NAME") or known.get("user.name") or "ttci"
        email = os.environ.get("GIT_COMMITTER_EMAIL") or known.get("user.email") or "ttci@localhost"
        return "{} <{}>".format(*(_UNFIT_FOR_A_PERSON.sub("", text).strip() for text in (name, email)))


def find_remote(folder: Path) -> Remote:
    """The remote of the repository that holds `folder`.

    Raises:
        InputError: there is no git, no repository, or none that has a remote ``origin``.
    """
    show_up, trusted = ["rev-parse", "--show-cdup"], list[str]()
    up = run_git(show_up, folder)
    if is_of_another(up.said):
        trusted = trusting(folder.absolute())
        up = run_git([*trusted, *show_up], folder)
    if up.code != 0:
        what = "no git repository" if "not a git repository" in up.said else up.reason
        raise _no_branch(folder, what)
    settings = _settings(run_git([*trusted, "config", "--list", "-z"], folder))
    url = next((value for key, value in settings if key == f"{_ORIGIN}url"), None)
    if not url:
        raise _no_branch(folder, "its repository has no remote origin")
    top = folder / os.fsdecode(up.out.removesuffix(b"\n"))
    return Remote(top, _place(url, top), settings)


def _no_branch(folder: Path, what: str) -> InputError:
    return InputError(
        f"{quoted(str(folder))}: {what}, and the history is a branch of one: run in a clone, add the remote "
        "(git remote add origin URL), or keep the history in a folder (--history folder:PATH)"
    )


def _settings(listed: Done) -> Settings:
    entries = listed.out.decode(errors="surrogateescape").split("\0")
    return [(key, value) for key, _, value in (entry.partition("\n") for entry in entries) if key]


def _place(url: str, top: Path) -> str:
    """The same for the same remote, whoever is logged in."""
    if "://" in url or re.match(r"[^/]+:", url):  # host:path is reached by ssh
        return without_secrets(url)
    return os.path.realpath(top / url)
