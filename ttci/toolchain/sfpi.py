"""SFPI, the RISC-V compiler of Tenstorrent's kernels, in the version that the installed ttnn states.

The names follow ttnn's ``tt_metal/tt-llk/tests/sfpi-info.sh``: a release's archive is
``sfpi_<version>_<machine>_<debian or fedora>.txz`` and holds one folder, ``sfpi``.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ttci.errors import MachineryError, TtciError
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
from ttci.toolchain.unpack import check_python, unpack

COMPILER = Path("compiler", "bin", "riscv-tt-elf-g++")
SYSTEM_FOLDER = Path("/opt/tenstorrent/sfpi")

_ARCHIVE_HASH = re.compile(r"sfpi_(?P<platform>\w+)_txz_hash")
_STATED_VERSION = re.compile(r"sfpi(?:-DIY)?:(?P<version>[^\s\[\])]+)")
_LONGEST_START_S = 20


@dataclass(frozen=True)
class SfpiRelease(Release):
    """The archive of one version for this host."""

    version: str
    stated_sha256: str

    def sha256(self) -> str:
        """As the installed ttnn states it."""
        return self.stated_sha256

    def fill(self, folder: Path, download: Path) -> None:
        """Unpack the archive."""
        unpack(download, folder, self.url, top="sfpi", proof=COMPILER)

    def problem(self, folder: Path) -> str | None:
        """Why the compiler does not start, where it does not: a missing library, say."""
        try:
            compiler_version(folder)
        except MachineryError as error:
            return str(error)
        return None


def sfpi_release() -> SfpiRelease:
    """The release that the installed ttnn asks for.

    Raises:
        MachineryError: where there is none.
    """
    check_python()
    package = ttnn_package()
    if package is None:
        raise MachineryError(NO_TTNN)
    file = package / "tt_metal" / "sfpi-version"
    stated = read_assignments(file)
    repository, version = stated.get("sfpi_repo"), stated.get("sfpi_version")
    if not repository or not version or stated.get("sfpi_hashtype") != "sha256":
        what = "states no sfpi_repo, sfpi_version and sha256 hashes"
        raise MachineryError(f"{file} {what}; ttci needs ttnn 0.80 or newer")
    host = host_platform()
    if f"sfpi_{host}_txz_hash" not in stated:
        raise MachineryError(_no_asset(version, host, stated))
    sha256 = checked_sha256(stated[f"sfpi_{host}_txz_hash"], str(file))
    url = f"{repository}/releases/download/{version}/sfpi_{version}_{host}.txz"
    return SfpiRelease(f"SFPI {version}", mirrored(url), f"sfpi-{version}-{sha256[:12]}", version, sha256)


def host_platform() -> str:
    """This host as the releases name it, ``x86_64_debian``; ``TTCI_SFPI_PLATFORM`` overrides it."""
    chosen = os.environ.get("TTCI_SFPI_PLATFORM")
    if chosen:
        return chosen
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    kinds = [kind for kind in system.get("ID_LIKE", "").split() if kind in ("debian", "fedora")]
    return f"{platform.machine()}_{[*kinds, system.get('ID', 'unknown')][0]}"


def sfpi_state() -> ToolState:
    """Whether SFPI of ttnn's version is here: in ttci's cache, inside ttnn, or in the system."""
    package = ttnn_package()
    if package is None:
        return ToolState("sfpi", None, None, NO_TTNN)
    wanted, cached, advice = None, None, f"{INSTALL_COMMAND} sfpi gets it"
    try:
        wanted = read_assignments(package / "tt_metal" / "sfpi-version").get("sfpi_version")
        cached = sfpi_release().folder
    except TtciError as error:
        advice = str(error)
    seen = []
    for place in (cached, package / "runtime" / "sfpi", SYSTEM_FOLDER):
        if place is None or not (place / COMPILER).exists():
            continue
        try:
            found = compiler_version(place)
        except MachineryError as error:
            seen.append(str(error))
            continue
        if wanted and (place == cached or found == wanted):
            return ToolState("sfpi", wanted, place, None)
        seen.append(f"{place} is SFPI {found or 'of unknown version'}")
    not_here = [f"SFPI {wanted} is not here"] if wanted else []
    return ToolState("sfpi", wanted, None, "; ".join([*not_here, *seen, advice]))


def compiler_version(folder: Path) -> str | None:
    """The version that the compiler of an SFPI folder prints; MachineryError where it does not start."""
    command = [str(folder / COMPILER), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_LONGEST_START_S)
    except subprocess.CalledProcessError as error:
        why = (error.stderr or error.stdout or f"exit code {error.returncode}").strip().splitlines()[0]
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        match = _STATED_VERSION.search(done.stdout)
        return match["version"] if match else None
    raise MachineryError(f"the compiler of {folder} does not start: {why}")


def _no_asset(version: str, host: str, stated: dict[str, str]) -> str:
    there_is = sorted(match["platform"] for name in stated if (match := _ARCHIVE_HASH.fullmatch(name)))
    return (
        f"there is no SFPI {version} for this host, {host}; there is: {', '.join(there_is) or 'none'}; "
        "TTCI_SFPI_PLATFORM takes one of them, where it is known to run here"
    )
