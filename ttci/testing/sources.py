"""Import what a source names, and turn what a user's code raises into a message."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import typing
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ttci.errors import InputError, Mistake, TtciError, describe, did_you_mean
from ttci.manifest import Source
from ttci.runner.child import Terminated
from ttci.source_code.folders import package_of
from ttci.testing.imports import advice_on
from ttci.testing.loaded_modules import UNIQUE_PREFIX
from ttci.testing.model_code import code_of
from ttci.testing.places import UNKNOWN, Place, definition_of, user_frames

_SEED = 0
ENDS = (KeyboardInterrupt, GeneratorExit, Terminated)  # what ends us from outside, and no mistake in the code
_INSTEAD_OF_SKIP = (
    "; a declaration cannot be skipped: name the devices that run the model under devices in the manifest, "
    "leave checks out by test_cases, or leave the test out of what is declared"
)


def import_source(source: Source) -> ModuleType:
    """The module that `source` names, imported once.

    Raises:
        InputError: with the user's own line.
    """
    with code_of(source).running(), explained(f"{source.text} does not import", place_of(source)):
        if source.file is None:
            return importlib.import_module(str(source.module))
        file = source.file.resolve()
        package = package_of(file)
        return _import_of_package(file, package) if package else _import_file(file, _unique_name(file))


def place_of(source: Source) -> Place:
    """The file or module of a source, for a message that knows no line."""
    return str(source.file or source.module), None


def _import_of_package(file: Path, package: Path) -> ModuleType:
    """Import a file as the module that it is of its package, so that its relative imports work."""
    name = package.name
    if not _is_found_in(package):  # what is installed has that name, say
        name = _unique_name(package)
        _import_file(package / "__init__.py", name)
    inside = [*file.relative_to(package).with_suffix("").parts]
    if inside[-1] == "__init__":
        inside.pop()
    return importlib.import_module(".".join([name, *inside]))


def _is_found_in(package: Path) -> bool:
    """Whether a package's name leads to its folder."""
    known = sys.modules.get(package.name)
    spec = known.__spec__ if known else importlib.util.find_spec(package.name)
    return spec is not None and str(package) in (spec.submodule_search_locations or ())


def _unique_name(path: Path) -> str:
    return f"{UNIQUE_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def _import_file(file: Path, name: str) -> ModuleType:
    """Import a file under a name of its own."""
    if name in sys.modules:
        return sys.modules[name]
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def attribute_of(module: ModuleType, source: Source) -> Any:
    """What the source names in `module`.

    Raises:
        InputError: with what there is.
    """
    name = str(source.attribute)
    try:
        return getattr(module, name)
    except AttributeError:
        own = [known for known, value in vars(module).items() if _is_candidate(value, module)]
        what = f'there is no "{name}"; {did_you_mean(name, own)}'
        raise InputError(Mistake(*place_of(source), what)) from None


def _is_candidate(value: Any, module: ModuleType) -> bool:
    return inspect.isclass(value) and value.__module__ == module.__name__


def build(model_class: type[Any]) -> Any:
    """An instance of `model_class`, with weights from a fixed seed.

    A constructor argument without a default is taken from a name of its module
    that equals it (``config`` or ``CONFIG``), else built from its annotated
    class.

    Raises:
        InputError: when neither is there or the constructor raises.
    """
    arguments = _constructor_arguments(model_class)
    what = f"{model_class.__name__} cannot be built"
    with explained(what, definition_of(model_class)), from_a_fixed_seed():
        return model_class(**arguments)


@contextmanager
def from_a_fixed_seed() -> Iterator[None]:
    """Modules get the same weights in every run; the caller's own random numbers go on as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        yield


def _constructor_arguments(model_class: type[Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    place = definition_of(model_class) or UNKNOWN
    names = getattr(sys.modules.get(model_class.__module__), "__dict__", {})
    hints = _type_hints(model_class)
    for parameter in list(inspect.signature(model_class).parameters.values()):
        is_given = parameter.default is not parameter.empty
        if is_given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        name, hint = parameter.name, hints.get(parameter.name)
        if name in names or name.upper() in names:
            arguments[name] = names.get(name, names.get(name.upper()))
        elif inspect.isclass(hint) and hint.__module__ != "builtins":
            what = f"{model_class.__name__} needs {name}, and {hint.__name__}() cannot be built"
            with explained(what, place):
                arguments[name] = hint()
        else:
            what = (
                f"{model_class.__name__} needs {name}: give it a default, or define {name} "
                f"in the file, or annotate it with a class that needs no arguments"
            )
            raise InputError(Mistake(*place, what))
    return arguments


def _type_hints(model_class: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(model_class.__init__)
    except Exception:  # noqa: BLE001  # an annotation that names what is imported for type checking only
        return {}


@contextmanager
def explained(what: str, place: Place | None = None) -> Iterator[None]:
    """Turn what the user's code raises into an InputError at the user's own line, else at `place`."""
    try:
        yield
    except (TtciError, *ENDS):
        raise
    except BaseException as error:  # noqa: BLE001  # the user's code may raise anything
        raise InputError(_mistake(error, what, place)) from None


def _mistake(error: BaseException, what: str, place: Place | None) -> Mistake:
    if isinstance(error, SyntaxError) and error.filename:
        return Mistake(error.filename, error.lineno, f"{what}: {type(error).__name__}: {error.msg}")
    frames = user_frames(error)
    file, line = (frames[-1].filename, frames[-1].lineno) if frames else (place or UNKNOWN)
    return Mistake(file, line, f"{what}: {describe(error)}{advice_on(error) or advice_on_skip(error)}")


def advice_on_skip(error: BaseException) -> str:
    """What to write instead of a skip, as of `pytest.skip`, in a declaration; empty for any other error."""
    pytest = sys.modules.get("pytest")
    skips = (unittest.SkipTest, *([pytest.skip.Exception] if pytest else []))
    return _INSTEAD_OF_SKIP if isinstance(error, skips) else ""
