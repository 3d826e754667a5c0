"""Find the tests that a model declares, in any of the five shapes.

A class or an instance declares them by ``get_test_configs()``, by
``get_module_tests()``, by registering itself, or inline with `test_module`; a
file or a list by `ModuleTestSpec`s and registered functions.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ttci.errors import InputError, Mistake, describe, did_you_mean
from ttci.manifest import Source
from ttci.testing.config import (
    DeclarationError,
    ModuleTest,
    ModuleTestSpec,
    TestableModule,
    TestConfig,
    attach,
    test_of,
)
from ttci.testing.imports import let_repository_be_imported
from ttci.testing.input_trial import shape_mistake
from ttci.testing.model_code import code_of
from ttci.testing.places import UNKNOWN, Place, caller_place, definition_of
from ttci.testing.registry import (
    Builder,
    builders_of,
    inline_tests,
    names_of,
    registered_tests,
    tests_by_name,
)
from ttci.testing.sources import (
    ENDS,
    advice_on_skip,
    attribute_of,
    build,
    explained,
    from_a_fixed_seed,
    import_source,
    place_of,
)

_HOW_TO_DECLARE = (
    "declares no tests; give it get_test_configs() or get_module_tests(), wrap a module "
    "in test_module(...), or call register_module_tests(self, name)"
)
_METHODS = ("get_test_configs", "get_module_tests")


def tests_of_source(source: Source) -> list[ModuleTest]:
    """The tests that a source declares.

    Raises:
        InputError: with what is wrong.
    """
    with code_of(source).running(), from_a_fixed_seed():
        module = import_source(source)
        if source.attribute is None:
            return tests_of(_declarations_in(module, source), place_of(source))
        return tests_of(attribute_of(module, source), place_of(source))


def tests_of(declared: Any, place: Place | None = None) -> list[ModuleTest]:
    """The tests that a class, an instance, a list or a function declares.

    Args:
        declared: a model class, an instance, a list of tests, or a function that gives one of them.
        place: where to look, for a message about something that knows no line itself.

    Raises:
        InputError: for a test that is declared twice, for a shape that does not fit its module, and where
            nothing is declared.
    """
    place = place or caller_place()
    with from_a_fixed_seed():
        tests = _tests_of(declared, place)
    if not tests:
        raise _refusal(declared, place, "is empty; give it at least one test")
    mistakes = [*_duplicates(tests), *filter(None, map(shape_mistake, tests))]
    if mistakes:
        raise DeclarationError(mistakes)
    return tests


def _tests_of(declared: Any, place: Place | None) -> list[ModuleTest]:
    if _is_model_class(declared):
        return _tests_of_model(build(declared), place)
    match declared:
        case ModuleTest():
            return [declared]
        case ModuleTestSpec():
            return [attach(_module_of(declared), declared.test_config)]
        case (module, TestConfig() as config) if not isinstance(module, TestConfig | ModuleTestSpec):
            return [attach(module, config)]
        case TestConfig():
            raise DeclarationError(
                declared.mistake("has no module; give a ModuleTest, or a (module, TestConfig) pair")
            )
        case Mapping():
            return _tests_of_mapping(declared, place)
    if isinstance(declared, nn.Module) or any(hasattr(declared, method) for method in _METHODS):
        return _tests_of_model(declared, place)
    return _tests_of_other(declared, place)


def _tests_of_other(declared: Any, place: Place | None) -> list[ModuleTest]:
    if isinstance(declared, Iterable) and not isinstance(declared, str | bytes | torch.Tensor):
        with explained(f"a {type(declared).__name__} cannot give its tests", place):
            items = list(declared)
        return [test for item in items for test in _tests_of(item, place)]
    if callable(declared) and not inspect.isclass(declared):
        return _tests_of_function(declared, place)
    raise _refusal(declared, place, "declares no tests; give a model, a list of tests or of specs")


def _is_model_class(declared: Any) -> bool:
    if not inspect.isclass(declared):
        return False
    return issubclass(declared, nn.Module) or any(hasattr(declared, method) for method in _METHODS)


def _tests_of_model(model: Any, place: Place | None) -> list[ModuleTest]:
    place = definition_of(type(model)) or place
    tests: list[ModuleTest] = []
    says_nothing = getattr(type(model), "get_test_configs", None) is TestableModule.get_test_configs
    with explained(f"{type(model).__name__} cannot say its tests", place):
        if hasattr(model, "get_test_configs") and not says_nothing:
            tests += _tests_of_mapping(model.get_test_configs(), place)
        if hasattr(model, "get_module_tests"):
            tests += _tests_of(model.get_module_tests(), place)
    if isinstance(model, nn.Module):
        tests += registered_tests(model) + inline_tests(model)
    if not tests:
        raise _refusal(type(model), place, _HOW_TO_DECLARE)
    return tests


def _tests_of_mapping(configs: Any, place: Place | None) -> list[ModuleTest]:
    if not isinstance(configs, Mapping):
        raise _refusal(configs, place, "is no dict; return {name: (module, TestConfig(...))}")
    tests: list[ModuleTest] = []
    for key, value in configs.items():
        match value:
            case (module, TestConfig() as config):
                if key != config.name:
                    what = f'is listed under the key "{key}"; use its name as the key'
                    raise DeclarationError(config.mistake(what))
                tests.append(attach(module, config))
            case nn.Module() as module:
                tests.append(test_of(module, key, place))
            case _:
                what = f'"{key}": give a (module, TestConfig) pair, not a {type(value).__name__}'
                raise InputError(Mistake(*(place or UNKNOWN), what))
    return tests


def _tests_of_function(function: Builder, place: Place | None) -> list[ModuleTest]:
    place = definition_of(function) or place
    label = getattr(function, "__name__", type(function).__name__)
    with explained(f"{label}() cannot be called", place), from_a_fixed_seed():
        built = function()
    names = names_of(function)
    if names and isinstance(built, Mapping):
        return [test for name in names for test in tests_by_name(name, built, place)]
    if callable(built) and not isinstance(built, nn.Module):
        raise _refusal(built, place, f"is what {label}() returns; return modules or tests")
    return _tests_of(built, place)


def _refusal(declared: Any, place: Place | None, what: str) -> InputError:
    is_named = inspect.isclass(declared) or inspect.isfunction(declared)
    label = declared.__name__ if is_named else f"a {type(declared).__name__}"
    return InputError(Mistake(*(place or UNKNOWN), f"{label} {what}"))


def _declarations_in(module: ModuleType, source: Source) -> list[Any]:
    """Everything in a file that declares tests: functions, lists of specs, models, wrapped modules."""
    found: list[Any] = list(builders_of(str(module.__file__)).values())
    for value in vars(module).values():
        own_class = inspect.isclass(value) and value.__module__ == module.__name__
        if (
            (own_class and any(hasattr(value, name) for name in _METHODS))
            or (
                isinstance(value, list | tuple)
                and value
                and all(isinstance(item, ModuleTest | ModuleTestSpec) for item in value)
            )
            or (isinstance(value, nn.Module) and (inline_tests(value) or registered_tests(value)))
        ):
            found.append(value)
    if not found:
        what = (
            "declares no tests on its own: no registered function, no list of ModuleTestSpec, no class "
            f"with get_test_configs(); if a class declares them, name it: {source.text}::Class"
        )
        raise InputError(Mistake(*place_of(source), what))
    return found


def _module_of(spec: ModuleTestSpec) -> nn.Module:
    config = spec.test_config
    module_class = _find_class(spec)
    try:
        with from_a_fixed_seed():
            module = module_class(**spec.config)
    except ENDS:
        raise
    except BaseException as error:  # noqa: BLE001  # a constructor may raise anything
        arguments = ", ".join(f"{key}={value!r}" for key, value in spec.config.items())
        what = f"{spec.module_class}({arguments}) cannot be built: {describe(error)}{advice_on_skip(error)}"
        raise DeclarationError(config.mistake(what)) from None
    if not isinstance(module, nn.Module):
        raise DeclarationError(config.mistake(f"{spec.module_class} is no torch.nn.Module"))
    return module


def _find_class(spec: ModuleTestSpec) -> Any:
    module_name, _, class_name = spec.module_class.rpartition(".")
    known: list[str] = []
    let_repository_be_imported()
    for candidate in (f"ttci.modules.{module_name}", module_name):
        with explained(f"{candidate} does not import", spec.test_config.declared_at):
            module = _import_if_there(candidate)
        if hasattr(module, class_name):
            return getattr(module, class_name)
        known += [f"{module_name}.{name}" for name, value in vars(module).items() if inspect.isclass(value)]
    advice = f"; {did_you_mean(spec.module_class, known)}" if known else ""
    what = f'there is no class "{spec.module_class}" in ttci.modules or as a dotted path{advice}'
    raise DeclarationError(spec.test_config.mistake(what))


def _import_if_there(name: str) -> ModuleType:
    """The module of that name; an empty one where there is none."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and imports what is not
    except ValueError:  # an empty name
        pass
    return ModuleType(name)


def _duplicates(tests: list[ModuleTest]) -> list[Mistake]:
    first: dict[str, ModuleTest] = {}
    mistakes: list[Mistake] = []
    for test in tests:
        known = first.setdefault(test.name, test)
        if known is not test:
            file, line = known.declared_at or UNKNOWN
            mistakes.append(
                test.mistake(f"declared twice, before at {file}:{line}; give it a name of its own")
            )
    return mistakes
