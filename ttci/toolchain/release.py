"""What every tool has: a release to fetch, a folder of the cache, and a state to report."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from ttci.errors import InputError, MachineryError, quoted
from ttci.files import cache_folder

TOOLS = ("sfpi", "ttsim")
INSTALL_COMMAND = "ttci toolchain install"
NO_TTNN = "ttnn is not installed in this Python; python -m pip install 'ttci[ttnn]' (Python 3.10 or 3.12)"

_ASSIGNMENT = re.compile(r"(?P<name>\w+)=(?P<quote>['\"]?)(?P<value>.*)(?P=quote)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Release(ABC):
    """One downloadable file of a tool, and the folder of the cache that is made of it."""

    title: str
    url: str
    folder_name: str

    @property
    def folder(self) -> Path:
        """Where it lies once it is installed; there whole or not at all."""
        return cache_folder() / self.folder_name

    @abstractmethod
    def sha256(self) -> str:
        """What the file must hash to; may ask the network, raises MachineryError."""

    @abstractmethod
    def fill(self, folder: Path, download: Path) -> None:
        """Make the installed folder, which does not exist yet, of the verified download."""

    def problem(self, folder: Path) -> str | None:  # noqa: ARG002
        """What keeps an installed folder from being used on this host."""
        return None


@dataclass(frozen=True)
class ToolState:
    """Whether a tool is here: for ``ttci doctor``, and for the devices that use it."""

    tool: str
    wanted: str | None  # the version that the installed ttnn asks for
    path: Path | None  # SFPI: its folder; ttsim: the library
    missing: str | None  # why there is no path, and what gets it

    @property
    def is_here(self) -> bool:
        """Whether the tool can be used."""
        return self.path is not None

    def __str__(self) -> str:
        return f"{self.wanted}: {self.path}" if self.path else str(self.missing)


def ttnn_package() -> Path | None:
    """The folder of the installed ttnn, found without importing it."""
    spec = find_spec("ttnn")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def mirrored(url: str) -> str:
    """`url`, or the same path on the mirror that ``TTCI_DOWNLOAD_URL`` names."""
    mirror = os.environ.get("TTCI_DOWNLOAD_URL")
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
        raise InputError(f"TTCI_DOWNLOAD_URL: {quoted(mirror)} is no http:// or https:// address")
    return mirror.rstrip("/") + urlsplit(url).path


def read_assignments(file: Path) -> dict[str, str]:
    """The ``name='value'`` lines of a version file of ttnn."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MachineryError(f"{file} cannot be read: {error}; ttci needs ttnn 0.80 or newer") from None
    found = (_ASSIGNMENT.fullmatch(line.strip()) for line in lines)
    return {match["name"]: match["value"] for match in found if match}


def checked_sha256(text: str, where: str) -> str:
    """`text` in lower case.

    Raises:
        MachineryError: where it is no sha256.
    """
    digest = text.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise MachineryError(f"{where}: {quoted(text)} is no sha256 of 64 hexadecimal digits")
    return digest
