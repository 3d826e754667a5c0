"""ttsim, Tenstorrent's simulator: one library a chip, with the chip's SoC descriptor beside it.

The names follow ttnn's ``tt_metal/tt-llk/tests/run_ttsim_regression.sh`` and ttsim's
README: ``libttsim_wh.so``, with ``_aarch64`` before ``.so`` for that machine. Which
release a ttnn goes with stands in ``tt_metal/ttsim-version`` of upstream's sources;
wheels need not ship it, so there is a default. GitHub states each asset's sha256.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttci.errors import InputError, MachineryError, TtciError, quoted
from ttci.toolchain.download import read_json
from ttci.toolchain.release import (
    INSTALL_COMMAND,
    NO_TTNN,
    Release,
    ToolState,
    checked_sha256,
    mirrored,
    read_assignments,
    ttnn_package,
)

DEFAULT_TAG = "v1.10.8"  # what upstream's main pinned in September 2026, shortly before ttnn 0.81
CHIPS = {"wh": "wormhole_b0_80_arch.yaml", "bh": "blackhole_140_arch.yaml"}

_DOWNLOADS = "https://github.com/tenstorrent/ttsim/releases/download"
_RELEASES = "https://api.github.com/repos/tenstorrent/ttsim/releases/tags"
_PIN_FILES = ("tt_metal/ttsim-version", "tt_metal/tt-llk/tests/ttsim-version")
_SUFFIXES = {"x86_64": "", "aarch64": "_aarch64"}
_TAG = re.compile(r"[\w.+-]+")


@dataclass(frozen=True)
class TtsimRelease(Release):
    """The library of one chip."""

    tag: str
    chip: str
    descriptor: Path
    stated_sha256: str | None  # where ttnn or the user states it

    @property
    def library(self) -> Path:
        """What ``TT_METAL_SIMULATOR`` names once it is installed."""
        return self.folder / f"libttsim_{self.chip}.so"

    def sha256(self) -> str:
        """As ttnn or the user states it, else as the release does."""
        return self.stated_sha256 or _released_sha256(self.tag, self.url.rpartition("/")[2])

    def fill(self, folder: Path, download: Path) -> None:
        """Put the library and the descriptor side by side, as ttsim wants them."""
        folder.mkdir()
        shutil.copyfile(download, folder / self.library.name)
        shutil.copyfile(self.descriptor, folder / "soc_descriptor.yaml")


def ttsim_release(chip: str) -> TtsimRelease:
    """The release for `chip` that goes with the installed ttnn; MachineryError where there is none."""
    package = ttnn_package()
    if package is None:
        raise MachineryError(NO_TTNN)
    machine = platform.machine()
    if machine not in _SUFFIXES:
        there_is = ", ".join(_SUFFIXES)
        raise MachineryError(f"there is no ttsim for this host, {machine}; there is: {there_is}")
    descriptor = package / "tt_metal" / "soc_descriptors" / CHIPS[chip]
    try:
        mark = hashlib.sha256(descriptor.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise MachineryError(f"ttsim needs {descriptor}: {error.strerror}") from None
    tag, stated = _pin(package)
    asset = f"libttsim_{chip}{_SUFFIXES[machine]}.so"
    sha256 = _chosen_sha256(asset) or stated.get(asset)
    url = mirrored(f"{_DOWNLOADS}/{tag}/{asset}")
    return TtsimRelease(
        f"ttsim {tag} ({chip})", url, f"ttsim-{tag}-{chip}-{mark}", tag, chip, descriptor, sha256
    )


def ttsim_state(chip: str = "wh") -> ToolState:
    """Whether the simulator of `chip` is in ttci's cache; its path is the library."""
    tool = f"ttsim {chip}"
    try:
        release = ttsim_release(chip)
    except TtciError as error:
        return ToolState(tool, None, None, str(error))
    if release.library.is_file():
        return ToolState(tool, release.tag, release.library, None)
    return ToolState(tool, release.tag, None, f"{release.title} is not here; {INSTALL_COMMAND} ttsim gets it")


def _pin(package: Path) -> tuple[str, dict[str, str]]:
    """The release's tag, and the sha256 of those assets for which ttnn states one."""
    chosen = os.environ.get("TTCI_TTSIM_VERSION")
    if chosen:
        if not _TAG.fullmatch(chosen):
            raise InputError(
                f"TTCI_TTSIM_VERSION: {quoted(chosen)} is no release of ttsim, as v1.10.8 is one"
            )
        return (f"v{chosen}" if chosen[0].isdigit() else chosen), {}
    file = next((package / name for name in _PIN_FILES if (package / name).is_file()), None)
    if file is None:
        return DEFAULT_TAG, {}
    return _read_pin(file)


def _read_pin(file: Path) -> tuple[str, dict[str, str]]:
    """Upstream has written this file in two forms: the tag alone, and shell assignments with hashes."""
    stated = read_assignments(file)
    tag = f"v{stated.get('ttsim_version', '')}" if stated else file.read_text(encoding="utf-8").strip()
    if not _TAG.fullmatch(tag) or tag == "v":
        raise MachineryError(f"{file} names no release of ttsim; name one in TTCI_TTSIM_VERSION")
    hashes = {f"libttsim_{chip}.so": stated.get(f"ttsim_{chip}_so_hash") for chip in CHIPS}
    return tag, {asset: checked_sha256(text, str(file)) for asset, text in hashes.items() if text}


def _chosen_sha256(asset: str) -> str | None:
    """From ``TTCI_TTSIM_SHA256``, ``libttsim_wh.so=<sha256> libttsim_bh.so=<sha256>``."""
    entries = os.environ.get("TTCI_TTSIM_SHA256", "").split()
    chosen = {name: text for name, _, text in (entry.partition("=") for entry in entries)}
    return checked_sha256(chosen[asset], "TTCI_TTSIM_SHA256") if asset in chosen else None


def _released_sha256(tag: str, asset: str) -> str:
    url = mirrored(f"{_RELEASES}/{tag}")
    release = read_json(url)
    digests = {name: digest for name, digest in map(_name_and_digest, _assets(release)) if name}
    if asset not in digests:
        there_is = ", ".join(sorted(digests)) or "none"
        raise MachineryError(f"{url}: ttsim {tag} has no {asset}; there is: {there_is}")
    kind, _, digest = digests[asset].partition(":")
    if kind != "sha256":
        raise MachineryError(
            f"{url} states no sha256 of {asset}, and nothing unverified is installed; "
            f"where you know it, TTCI_TTSIM_SHA256={asset}=<sha256> states it"
        )
    return checked_sha256(digest, url)


def _assets(release: Any) -> list[Any]:
    assets = release.get("assets") if isinstance(release, dict) else None
    return assets if isinstance(assets, list) else []


def _name_and_digest(asset: Any) -> tuple[str, str]:
    entry = asset if isinstance(asset, dict) else {}
    return str(entry.get("name") or ""), str(entry.get("digest") or "")
