"""What ttnn finds around it on a mock or a simulator: made whole in ttci's own cache, or not at all."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.installed_ttnn import InstalledTtnn
from ttci.devices.ttnn import runtime
from ttci.devices.ttnn.boards import BOARDS
from ttci.errors import MachineryError
from ttci.manifest import TtnnDeviceEntry
from ttci.toolchain import sfpi

COMPILER = Path("runtime", "sfpi", "compiler", "bin", "riscv-tt-elf-g++")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ttci's cache, which does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TTCI_CACHE", str(folder))
    monkeypatch.setenv("TTCI_SFPI_PLATFORM", "x86_64_debian")
    monkeypatch.setenv("TTCI_TTSIM_VERSION", "2.0.0")
    monkeypatch.setattr(sfpi, "SYSTEM_FOLDER", tmp_path / "opt")
    return folder


@pytest.fixture(autouse=True)
def ttnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledTtnn:
    """A ttnn that can be located and not imported."""
    installed = InstalledTtnn(tmp_path / "site")
    installed.make()
    monkeypatch.delitem(sys.modules, "ttnn", raising=False)
    monkeypatch.syspath_prepend(str(installed.site))
    return installed


def environment(target: str, board: str = "n150", **options: Any) -> dict[str, str]:
    entry = TtnnDeviceEntry.model_validate({"backend": "ttnn", "target": target, "board": board} | options)
    return runtime.environment_of(entry, BOARDS[board])


def entries(folder: Path) -> set[str]:
    """What lies in the cache beside lock files."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.is_dir() else set()


def test_silicon_is_told_nothing(cache: Path) -> None:
    assert environment("silicon") == {}
    assert not cache.exists()


def test_mock_has_the_stand_in_and_everything_else_of_ttnn(ttnn: InstalledTtnn, cache: Path) -> None:
    settings = environment("mock")
    root = Path(settings["TT_METAL_RUNTIME_ROOT"])

    assert cache in root.parents
    assert "ttci" in (root / COMPILER).read_text()
    assert (root / "tt_metal").resolve() == ttnn.package / "tt_metal"
    assert (root / "runtime" / "hw").resolve() == ttnn.package / "runtime" / "hw"
    assert not (ttnn.package / "runtime" / "sfpi").exists()
    assert environment("mock") == settings


def test_mock_that_compiles_has_the_real_compiler_and_kernels_of_its_own(ttnn: InstalledTtnn) -> None:
    folder = ttnn.add_sfpi()
    stand_in, compiled = environment("mock"), environment("mock", kernels="compile")
    root = Path(compiled["TT_METAL_RUNTIME_ROOT"])

    assert (root / "runtime" / "sfpi").resolve() == folder
    assert (root / COMPILER).resolve().is_relative_to(folder)
    assert compiled["TT_METAL_CACHE"] != stand_in["TT_METAL_CACHE"]
    assert Path(compiled["TT_METAL_CACHE"]).parent == root
    names = ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "TTNN_CONFIG_OVERRIDES")
    assert [compiled[name] for name in names] == [stand_in[name] for name in names]


@pytest.mark.parametrize(("board", "chip"), [("n150", "wh"), ("p150", "bh")])
def test_simulator_has_its_library_the_real_compiler_and_no_mock(
    ttnn: InstalledTtnn, board: str, chip: str
) -> None:
    folder, library = ttnn.add_sfpi(), ttnn.add_ttsim(chip)

    settings = environment("simulator", board)

    assert settings["TT_METAL_SIMULATOR"] == str(library)
    assert library.with_name("soc_descriptor.yaml").read_text() == f"of: {chip}"
    assert settings["TT_METAL_SLOW_DISPATCH_MODE"] == settings["TT_METAL_DISABLE_SFPLOADMACRO"] == "1"
    root = Path(settings["TT_METAL_RUNTIME_ROOT"])
    assert (root / "runtime" / "sfpi").resolve() == folder
    assert Path(settings["TT_METAL_CACHE"]).parent == root
    assert "TT_METAL_MOCK_CLUSTER_DESC_PATH" not in settings
    assert "TTNN_CONFIG_OVERRIDES" not in settings


def test_another_compiler_gets_another_root_and_other_kernels(
    ttnn: InstalledTtnn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ttnn.add_sfpi()
    first = environment("mock", kernels="compile")
    monkeypatch.setattr(runtime, "sfpi_folder", lambda: tmp_path)
    assert environment("mock", kernels="compile")["TT_METAL_CACHE"] != first["TT_METAL_CACHE"]


def test_missing_tool_is_said_with_the_command() -> None:
    with pytest.raises(MachineryError, match=r"SFPI 7\.89\.0 is not here; ttci toolchain install sfpi"):
        environment("mock", kernels="compile")


def _full(_: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_is_said_and_leaves_nothing_half_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(runtime, "install_stand_in", _full)
        with pytest.raises(
            MachineryError, match=r"no room left in the cache .*; free some, or set TTCI_CACHE"
        ):
            environment("mock")

    assert {Path(name).suffix for name in entries(cache)} <= {".yaml"}  # which was made whole
    assert Path(environment("mock")["TT_METAL_RUNTIME_ROOT"], COMPILER).exists()


def _a_file(folder: Path) -> None:
    folder.write_text("a file where the folder should be")


def _read_only(folder: Path) -> None:
    folder.mkdir(mode=0o500)


@pytest.mark.parametrize(
    "spoil",
    [
        _a_file,
        pytest.param(
            _read_only, marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
        ),
    ],
)
def test_cache_that_cannot_be_written_is_said(cache: Path, spoil: Callable[[Path], None]) -> None:
    spoil(cache)
    with pytest.raises(MachineryError, match=r"cannot be written: .*; set TTCI_CACHE to another") as raised:
        environment("mock")
    assert str(cache) in str(raised.value)


def test_what_a_killed_process_left_goes_with_the_next_one(cache: Path) -> None:
    root = Path(environment("mock")["TT_METAL_RUNTIME_ROOT"])
    before = entries(cache)
    root.rename(cache / f".{root.name}.left")
    environment("mock")
    assert entries(cache) == before
