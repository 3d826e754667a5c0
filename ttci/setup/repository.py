"""What is in a repository that begins with ttci: its models, and what they need."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from ttci.errors import InputError, Mistake, did_you_mean
from ttci.git import git_output
from ttci.manifest import model_name_from, parse_source
from ttci.source_code.declarations import Declaration, class_names, declarations_in, has_ttnn_form
from ttci.source_code.folders import repository_around
from ttci.source_code.imports import Imports, imports_of

# Folders of what others wrote, of tests and of what is built.
_PASSED_OVER = {"build", "dist", "node_modules", "site-packages", "test", "tests", "venv"}
_SAYS_LITTLE = {"__init__", "main", "model", "modeling", "models", "modules", "src"}
_HOW_TO_DECLARE = (
    "give the class get_test_configs() or get_module_tests(), or wrap a module in test_module(...); "
    "ttci init --example writes a model that does"
)


@dataclass(frozen=True)
class FoundModel:
    """A model of the repository, as the manifest is to have it.

    Attributes:
        source: relative to the root, ``path.py::Class``.
        has_ttnn_form: whether something of it can run on a Tenstorrent board.
    """

    name: str
    source: str
    has_ttnn_form: bool
    imports: Imports


def root_of(folder: Path) -> Path:
    """Where git's repository begins; the folder itself where there is none."""
    root = git_output(folder, "rev-parse", "--show-toplevel")
    return Path(root) if root else folder.resolve()


def named_model(text: str, root: Path) -> FoundModel:
    """The model of a source that the user names, relative to the working directory.

    Raises:
        InputError: with what is wrong.
    """
    try:
        source = parse_source(text, Path.cwd())
    except ValueError as error:
        raise InputError(str(error)) from None
    if source.file is None:
        raise InputError(f"{text}: name a file, path.py::Class, which init can look at")
    file = source.file.resolve()
    if not file.is_relative_to(root):
        raise InputError(f"{text}: lies outside of {root}, where the manifest is going to lie")
    if source.attribute is not None and source.attribute not in class_names(file):
        what = f'there is no class "{source.attribute}"; {did_you_mean(source.attribute, class_names(file))}'
        raise InputError(Mistake(text.partition("::")[0], None, what))
    return _found(Declaration(file, source.attribute, 1), _name_of(file, root), root)


def models_in(root: Path) -> list[FoundModel]:
    """Every model below `root` that declares tests.

    Raises:
        InputError: there is none.
    """
    declared = [entry for file in python_files(root) for entry in declarations_in(file)]
    if not declared:
        raise InputError(f"no class in {root} declares tests; {_HOW_TO_DECLARE}")
    names = _different_names(declared, root)
    return [_found(entry, name, root) for entry, name in zip(declared, names, strict=True)]


def python_files(root: Path) -> list[Path]:
    """The Python files of a repository: those that git does not ignore, without tests."""
    listed = git_output(root, "ls-files", "--cached", "--others", "--exclude-standard", "*.py")
    files = [root / line for line in listed.splitlines()] if listed else sorted(root.rglob("*.py"))
    return [file for file in files if file.is_file() and not _is_passed_over(file.relative_to(root))]


def requirements_of(models: Iterable[FoundModel], root: Path) -> list[str]:
    """What is to be installed for `models`, in lines as of a requirements file."""
    lines, known = [*_stated(root)]
    imported = {name for model in models for name in model.imports.packages}
    return [*lines, *sorted(name for name in imported if _normal(name) not in known)]


def _stated(root: Path) -> tuple[list[str], set[str]]:
    """What the repository states already, and the packages that this installs."""
    lines, texts = list[str](), list[str]()
    project = root / "pyproject.toml"
    declared = _project_table(project) if project.is_file() else None
    if declared is not None:
        lines.append(".")
        texts += [str(declared.get("name", "")), *map(str, declared.get("dependencies", []))]
    if (root / "requirements.txt").is_file():
        lines.append("-r requirements.txt")
        texts += (root / "requirements.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    names = (re.match(r"\s*([A-Za-z0-9][\w.-]*)", text) for text in texts)
    return lines, {_normal(name[1]) for name in names if name}


def _project_table(path: Path) -> dict[str, Any] | None:
    """What a pyproject.toml says of the project; None where it makes no package."""
    try:
        found = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    table = found.get("project")
    return table if isinstance(table, dict) else None


def _normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_passed_over(path: Path) -> bool:
    folders = path.parts[:-1]
    return any(part.startswith(".") or part in _PASSED_OVER for part in folders) or path.name.startswith(
        "test_"
    )


def _found(entry: Declaration, name: str, root: Path) -> FoundModel:
    path = entry.file.relative_to(root).as_posix()
    imports = imports_of(entry.file, repository_around(entry.file.parent, root))
    ttnn = any(has_ttnn_form(file) for file in imports.files)
    return FoundModel(name, f"{path}::{entry.name}" if entry.name else path, ttnn, imports)


def _different_names(declared: list[Declaration], root: Path) -> Iterator[str]:
    """A name for each: of its file or folder, with its class where that is not enough."""
    plain = [_name_of(entry.file, root) for entry in declared]
    counts, met = Counter(plain), Counter[str]()
    for entry, name in zip(declared, plain, strict=True):
        full = f"{name}-{entry.name.lower()}" if counts[name] > 1 and entry.name else name
        met[full] += 1
        yield full if met[full] == 1 else f"{full}-{met[full]}"


def _name_of(file: Path, root: Path) -> str:
    """Of the file, else of the nearest folder whose name says something."""
    parts = [file.stem, *(part.name for part in file.relative_to(root).parents if part.name), root.name]
    return model_name_from(next((part for part in parts if part not in _SAYS_LITTLE), file.stem)).lower()
