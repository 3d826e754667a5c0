"""Make the environment that ttci runs in: ``python make_environment.py FOLDER SOURCE``.

It runs before ttci is installed, so it imports nothing of it. The environment sees what is
installed where this Python is: the caller's own requirements, or a ttnn that was built there.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def make_environment(folder: Path, source: Path) -> int:
    """Make a virtual environment in `folder` with the ttci of `source`; returns pip's exit code.

    One that is there already, of the same source and the same Python, stays: a job may use the action
    more than once.
    """
    stamp, wanted = folder / "made_from.txt", f"{source.resolve()}\n{sys.executable} {sys.version}\n"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    venv.EnvBuilder(system_site_packages=True, with_pip=True, clear=True).create(folder)
    if sys.prefix != sys.base_prefix:
        _see_parent(folder)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    code = subprocess.run([*map(str, pip), str(source)], check=False).returncode
    if code == 0:
        stamp.write_text(wanted, encoding="utf-8")
    return code


def _see_parent(folder: Path) -> None:
    """A virtual environment that is made from another one would see only what that one was made from."""
    parents = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    lines = [f"import site; site.addsitedir({parent!r})" for parent in dict.fromkeys(parents)]
    inside = sysconfig.get_path("purelib", "posix_prefix", {"base": str(folder), "platbase": str(folder)})
    Path(inside, "_parent_environment.pth").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(make_environment(Path(sys.argv[1]), Path(sys.argv[2])))
