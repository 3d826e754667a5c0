"""Which classes and files of a repository declare tests, as far as their text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_METHODS = ("get_test_configs", "get_module_tests")
_CALLS_IN_A_CLASS = ("test_module", "register_module_tests")
_CALLS_IN_A_FILE = ("register_module_tests", "ModuleTest", "ModuleTestSpec")
_TTNN_FORMS = ("to_ttnn", "register_lowering")
_WITH_TTNN_FORMS = "ttci.modules"


@dataclass(frozen=True)
class Declaration:
    """A class that declares tests, or a file that does so outside of its classes.

    Attributes:
        name: of the class; None where the file declares them.
    """

    file: Path
    name: str | None
    line: int


def declarations_in(file: Path) -> list[Declaration]:
    """What declares tests in a file; nothing where it is no Python, or has nothing of ttci's.

    A class whose base declares them in another file is not seen.
    """
    tree = _parsed(file)
    if tree is None:
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and _declares(node)]
    found = [Declaration(file, node.name, node.lineno) for node in classes]
    others = [node for node in tree.body if not isinstance(node, ast.ClassDef)]
    called = [line for node in others for line in _calls(node, _CALLS_IN_A_FILE)]
    return found or [Declaration(file, None, line) for line in called[:1]]


def class_names(file: Path) -> list[str]:
    """The classes at a file's top."""
    tree = _parsed(file, anything=True)
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)] if tree else []


def has_ttnn_form(file: Path) -> bool:
    """Whether something in a file has a ttnn implementation: of its own, or as one of ttci's modules."""
    tree = _parsed(file)
    return tree is not None and any(_is_ttnn_form(node) for node in ast.walk(tree))


def _is_ttnn_form(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in _TTNN_FORMS
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith(_WITH_TTNN_FORMS) and node.level == 0
    return isinstance(node, ast.Call) and _name_of(node.func) in _TTNN_FORMS


def _parsed(file: Path, *, anything: bool = False) -> ast.Module | None:
    try:
        text = file.read_bytes()
        return ast.parse(text) if anything or b"ttci" in text or b"to_ttnn" in text else None
    except (OSError, SyntaxError, ValueError):
        return None


def _declares(node: ast.ClassDef) -> bool:
    if any(_name_of(base) == "TestableModule" for base in node.bases):
        return True
    methods = [entry.name for entry in node.body if isinstance(entry, ast.FunctionDef)]
    return bool({*methods} & {*_METHODS}) or any(_calls(node, _CALLS_IN_A_CLASS))


def _calls(tree: ast.AST, names: tuple[str, ...]) -> Iterator[int]:
    """The lines on which something of these names is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node.func) in names:
            yield node.lineno


def _name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
