"""In which folders the code of a source looks for what it imports."""

from __future__ import annotations

from pathlib import Path

from ttci.manifest import DEFAULT_PATH, Source


def own_folder(source: Source) -> Path | None:
    """The folder of its file, where it has one."""
    return source.file.resolve().parent if source.file else None


def repository_of(source: Source) -> tuple[Path, ...]:
    """Where to look last, the root at the end: the folder of its package, of the manifest, of ``.git``."""
    project = source.folder.resolve()
    package = package_of(source.file.resolve()) if source.file else None
    folders = repository_around(own_folder(source) or project, project)
    return (package.parent, *folders) if package else folders


def repository_around(start: Path, project: Path) -> tuple[Path, ...]:
    """The project's folder, those of manifests and git's root, of the folders from `start` upward."""
    found: list[Path] = []
    for folder in (start, *start.parents):
        is_root = (folder / ".git").exists()
        if is_root or folder == project or (folder / DEFAULT_PATH).is_file():
            found.append(folder)
        if is_root:
            break
    return tuple(found) or (project,)


def package_of(file: Path) -> Path | None:
    """The folder of the outermost package that a file lies in; None where it lies in none."""
    package: Path | None = None
    for folder in file.parents:
        if not (folder / "__init__.py").is_file():
            break
        package = folder
    return package
