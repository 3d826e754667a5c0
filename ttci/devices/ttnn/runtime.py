"""What ttnn needs around it before it is imported: its runtime root and its environment.

Everything lies in ttci's own cache; the installed package and the real kernel cache
are never written to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from ttci.cache import cache_folder
from ttci.devices.ttnn.boards import Board
from ttci.devices.ttnn.standin import install_stand_in
from ttci.errors import MachineryError
from ttci.toolchain.release import ttnn_package


def mock_environment(board: Board) -> dict[str, str]:
    """The environment in which ttnn opens a mock of `board`.

    Raises MachineryError where the cache cannot be written.
    """
    root = _made_once(f"mock-{_fingerprint()}", _make_root)
    descriptor = _made_once(
        f"{board.name}-{hashlib.sha256(board.cluster_descriptor().encode()).hexdigest()[:12]}.yaml",
        lambda path: path.write_text(board.cluster_descriptor()),
    )
    return {
        "TT_METAL_MOCK_CLUSTER_DESC_PATH": str(descriptor),
        "TTNN_CONFIG_OVERRIDES": json.dumps({"enable_fast_runtime_mode": False}),
        # Kernels of the stand-in would poison a real cache.
        "TT_METAL_RUNTIME_ROOT": str(root),
        "TT_METAL_CACHE": str(root / "kernels"),
    }


def _package() -> Path:
    package = ttnn_package()
    if package is None:
        raise MachineryError(
            "ttnn is not installed; python -m pip install 'ttci[ttnn]' (Python 3.10 or 3.12)"
        )
    return package


def _fingerprint() -> str:
    """Of ttnn's version and place, and of the stand-in: another one gets another root."""
    stand_in = Path(__file__).with_name("standin.py").read_bytes()
    digest = hashlib.sha256(str(_package()).encode() + stand_in).hexdigest()
    return f"{version('ttnn')}-{digest[:12]}"


def _make_root(root: Path) -> None:
    """A folder of links to the installed package, with a runtime folder of its own."""
    package = _package()
    root.mkdir()
    for entry in package.iterdir():
        if entry.name != "runtime":
            (root / entry.name).symlink_to(entry)
    (root / "runtime").mkdir()
    for entry in (package / "runtime").iterdir():
        if entry.name != "sfpi":
            (root / "runtime" / entry.name).symlink_to(entry)
    install_stand_in(root / "runtime" / "sfpi")


def _made_once(name: str, make) -> Path:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The cache's entry `name`, made whole under a lock where it is not there yet."""
    folder = cache_folder()
    path = folder / name
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            if not path.exists():
                _make_whole(path, make)
    except OSError as error:
        raise MachineryError(
            f"the cache {folder} cannot be written: {error.strerror or error}; "
            "set TTCI_CACHE to another folder"
        ) from None
    return path


def _make_whole(path: Path, make) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        made = Path(scratch) / path.name
        make(made)
        shutil.move(made, path)
