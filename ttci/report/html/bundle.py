"""One script out of ES modules, so that a page stays a single file that works from disk.

Each module becomes a function that is called once, after those that it imports, and gives
back what it exports::

    import { texts } from "./data.js";         const $words = (() => {
                                               const { texts } = $data;
    export function word(at) {         →       function word(at) {
      return texts[at];                          return texts[at];
    }                                          }
                                               return { word };
                                               })();

Modules lie in one folder and name what they import; what they export are functions and
constants, and no two import each other: so that an importer, which takes a value once,
cannot tell the difference. Anything else is an error. Comments that document, which are
for the editor and the type checker, stay behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_IMPORT = re.compile(r'^import \{([\w\s,]+)\} from "\./(\w+\.js)";\n', re.MULTILINE)
_NAME = re.compile(r"\w+")
_EXPORT = re.compile(r"^export (?=(?:const|function) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_DOCUMENTATION = re.compile(r"^ */\*\*.*?\*/\n+", re.MULTILINE | re.DOTALL)


class BundleError(ValueError):
    """Modules that do not make one script."""


@dataclass(frozen=True)
class _Module:
    code: str
    imports: list[tuple[str, list[str]]]  # files, and the names that are taken from each
    exports: list[str]


def bundle(entry: Path) -> str:
    """The script that does what the module `entry` does.

    Raises:
        BundleError: A module cannot be read, uses what is not supported, imports what is
            not exported, or imports itself by way of others.
    """
    modules: dict[str, _Module] = {}
    _add(entry, (), modules)
    functions = "\n".join(_function(name, module) for name, module in modules.items())
    return f"(() => {{\n'use strict';\n{functions}\n}})();\n"


def _add(file: Path, importers: tuple[str, ...], modules: dict[str, _Module]) -> None:
    """Add a module after those that it imports: in the order in which a browser would run them."""
    path = (*importers, file.name)
    if file.name in importers:
        raise BundleError(f"modules import each other: {' → '.join(path)}")
    if file.name in modules:
        return
    module = _read(file, importers)
    for imported, names in module.imports:
        _add(file.with_name(imported), path, modules)
        absent = set(names) - set(modules[imported].exports)
        if absent:
            raise BundleError(f"{file.name}: {imported} does not export {', '.join(sorted(absent))}")
    modules[file.name] = module


def _read(file: Path, importers: tuple[str, ...]) -> _Module:
    try:
        code = _DOCUMENTATION.sub("", file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"{' → '.join(importers)}: there is no {file.name}") from error
    imports = [(imported, _NAME.findall(names)) for names, imported in _IMPORT.findall(code)]
    exports = _EXPORT.findall(code)
    code = _EXPORT.sub("", _IMPORT.sub(_taken, code))
    other = _OTHER.search(code)
    if other:
        raise BundleError(f"{file.name}: not supported: {other.group()}")
    return _Module(code, imports, exports)


def _taken(statement: re.Match[str]) -> str:
    """An import as a constant."""
    names, imported = statement.groups()
    return f"const {{ {', '.join(_NAME.findall(names))} }} = {_variable(imported)};\n"


def _function(name: str, module: _Module) -> str:
    given = f"return {{ {', '.join(module.exports)} }};"
    return f"const {_variable(name)} = (() => {{\n{module.code}{given}\n}})();"


def _variable(name: str) -> str:
    return f"${name.removesuffix('.js')}"
