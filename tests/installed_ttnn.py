"""An installed ttnn as far as ttci looks at it before importing it, and the tools that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ttci.toolchain.sfpi import COMPILER, sfpi_release
from ttci.toolchain.ttsim import ttsim_release

SFPI_VERSION = "7.89.0"
ARCHIVE_SHA256 = "0" * 64


@dataclass(frozen=True)
class InstalledTtnn:
    """What pip leaves of ttnn: a package, and its metadata beside it."""

    site: Path

    @property
    def package(self) -> Path:
        return self.site / "ttnn"

    def make(self, version: str | None = "0.81.1") -> None:
        """Install it; with no metadata where the version is None, as from a build folder."""
        for folder in ("runtime/hw", "tt_metal/soc_descriptors", "api"):
            (self.package / folder).mkdir(parents=True)
        (self.package / "__init__.py").write_text("raise ImportError('ttnn is only to be located')")
        (self.package / "tt_metal" / "soc_descriptors" / "wormhole_b0_80_arch.yaml").write_text("of: wh")
        (self.package / "tt_metal" / "soc_descriptors" / "blackhole_140_arch.yaml").write_text("of: bh")
        (self.package / "tt_metal" / "sfpi-version").write_text(
            f"sfpi_repo='https://github.com/tenstorrent/sfpi'\nsfpi_version='{SFPI_VERSION}'\n"
            f"sfpi_hashtype='sha256'\nsfpi_x86_64_debian_txz_hash='{ARCHIVE_SHA256}'\n"
        )
        if version is not None:
            metadata = self.site / f"ttnn-{version}.dist-info"
            metadata.mkdir()
            (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ttnn\nVersion: {version}\n")

    def add_sfpi(self) -> Path:
        """Put a compiler where ``ttci toolchain install sfpi`` does; its folder."""
        folder = sfpi_release().folder
        compiler = folder / COMPILER
        compiler.parent.mkdir(parents=True)
        compiler.write_text(f"#!/bin/sh\necho 'riscv-tt-elf-g++ (tenstorrent/sfpi:{SFPI_VERSION}) 15.1.0'\n")
        compiler.chmod(0o755)
        return folder

    def add_ttsim(self, chip: str = "wh") -> Path:
        """Put a simulator where ``ttci toolchain install ttsim`` does; the library."""
        release = ttsim_release(chip)
        download = self.site / "download"
        download.write_bytes(b"\x7fELF")
        release.folder.parent.mkdir(parents=True, exist_ok=True)
        release.fill(release.folder, download)
        return release.library
