"""An archive into a folder, and nothing outside it."""

from __future__ import annotations

import platform
import tarfile
from lzma import LZMAError
from pathlib import Path

from ttci.errors import MachineryError

_NOTHING = "it was removed, and nothing is installed"


def check_python() -> None:
    """Raise MachineryError where this Python cannot keep an archive inside its folder."""
    if not hasattr(tarfile, "data_filter"):  # Python 3.10.12, 3.11.4 and 3.12 have it
        what = "cannot unpack archives safely; use 3.10.12, 3.11.4, 3.12 or newer"
        raise MachineryError(f"this Python, {platform.python_version()}, {what}")


def unpack(archive: Path, folder: Path, source: str, *, top: str, proof: Path) -> None:
    """Make `folder` of what lies under `top` in a ``.txz``.

    Raises:
        MachineryError: which names `source`, where the archive is damaged, holds a path that leaves the
            folder, or has no `proof` under `top`.
    """
    scratch = folder.with_name(f"{folder.name}.unpacked")
    scratch.mkdir()
    try:
        with tarfile.open(archive, "r:xz") as tar:
            tar.extractall(scratch, filter="data")
    except tarfile.FilterError as error:
        raise MachineryError(
            f"{source} holds a path that leaves its folder, {error.tarinfo.name}: {_NOTHING}"
        ) from None
    except (tarfile.TarError, LZMAError, EOFError) as error:
        raise MachineryError(f"{source} is no archive that can be unpacked, {error}: {_NOTHING}") from None
    if not (scratch / top / proof).is_file():
        raise MachineryError(f"{source} holds no {Path(top, proof)}: {_NOTHING}")
    (scratch / top).rename(folder)
