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

from ttci.errors import InputError, Mistake
from ttci.manifest import Source
from ttci.testing.config import (
    DeclarationError,
    ModuleTest,
    ModuleTestSpec,
    TestableModule,
    TestConfig,
    attach,
)
from ttci.testing.inputs import shape_mistake
from ttci.testing.registry import (
    Builder,
    builders_of,
    inline_tests,
    registered_tests,
    tests_by_name,
)
from ttci.testing.sources import attribute_of, build, explained, import_source

_HOW_TO_DECLARE = (
    "declares no tests; give it get_test_configs() or get_module_tests(), wrap a module "
    "in test_module(...), or call register_module_tests(self, name)"
)


def tests_of_source(source: Source) -> list[ModuleTest]:
    """The tests that a source declares; raises InputError with what is wrong."""
    module = import_source(source)
    if source.attribute is None:
        return tests_of(_declarations_in(module, source))
    return tests_of(attribute_of(module, source), name=source.attribute)


def tests_of(declared: Any, name: str | None = None) -> list[ModuleTest]:
    """The tests that a class, an instance, a list or a function declares.

    Raises InputError for a test that is declared twice, for a shape that does
    not fit its module, and where nothing is declared.
    """
    tests = list(_tests_of(declared))
    if not tests:
        label = name or getattr(declared, "__name__", type(declared).__name__)
        raise InputError(f"{label} {_HOW_TO_DECLARE}")
    mistakes = [*_duplicates(tests), *filter(None, map(shape_mistake, tests))]
    if mistakes:
        raise DeclarationError(mistakes)
    return tests


def _tests_of(declared: Any) -> Iterable[ModuleTest]:
    if inspect.isclass(declared) and issubclass(declared, nn.Module | TestableModule):
        return _tests_of_model(build(declared))
    if isinstance(declared, ModuleTest):
        return [declared]
    if isinstance(declared, ModuleTestSpec):
        return [attach(_module_of(declared), declared.test_config)]
    if isinstance(declared, nn.Module | TestableModule):
        return _tests_of_model(declared)
    if isinstance(declared, Mapping):
        return _tests_of_mapping(declared)
    if isinstance(declared, Iterable):
        return [test for item in declared for test in _tests_of(item)]
    if callable(declared):
        return _tests_of_function(declared)
    raise InputError(
        f"a {type(declared).__name__} declares no tests; give a model, a list of tests or of specs"
    )


def _tests_of_model(model: Any) -> list[ModuleTest]:
    tests: list[ModuleTest] = []
    with explained(f"{type(model).__name__} cannot say its tests"):
        if hasattr(model, "get_test_configs"):
            tests += _tests_of_mapping(model.get_test_configs())
        if hasattr(model, "get_module_tests"):
            tests += _tests_of(model.get_module_tests())
    if isinstance(model, nn.Module):
        tests += registered_tests(model) + inline_tests(model)
    return tests


def _tests_of_mapping(configs: Mapping[str, Any]) -> list[ModuleTest]:
    tests: list[ModuleTest] = []
    for key, value in configs.items():
        match value:
            case (nn.Module() as module, TestConfig() as config):
                if key != config.name:
                    what = f'is listed under the key "{key}"; use its name as the key'
                    raise DeclarationError(config.mistake(what))
                tests.append(attach(module, config))
            case nn.Module() as module:
                tests.append(ModuleTest(key, module=module))
            case _:
                raise InputError(f'"{key}": give a (module, TestConfig) pair, not {value!r}')
    return tests


def _tests_of_function(function: Builder) -> list[ModuleTest]:
    names = [
        name for name, builder in builders_of(function.__code__.co_filename).items() if builder is function
    ]
    with explained(f"{function.__name__}() raises"):
        built = _seeded(function)
    if names and isinstance(built, Mapping):
        return [test for name in names for test in tests_by_name(name, built)]
    return list(_tests_of(built))


def _seeded(function: Builder) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return function()


def _declarations_in(module: ModuleType, source: Source) -> list[Any]:
    """Everything in a file that declares tests: functions, lists of specs, models, wrapped modules."""
    found: list[Any] = list(builders_of(str(module.__file__)).values())
    for value in vars(module).values():
        own_class = inspect.isclass(value) and value.__module__ == module.__name__
        if (
            (own_class and any(hasattr(value, name) for name in ("get_test_configs", "get_module_tests")))
            or (
                isinstance(value, list | tuple)
                and value
                and all(isinstance(item, ModuleTest | ModuleTestSpec) for item in value)
            )
            or (isinstance(value, nn.Module) and inline_tests(value))
        ):
            found.append(value)
    if not found:
        what = (
            "declares no tests on its own: no registered function, no list of ModuleTestSpec, no class "
            f"with get_test_configs(); if a class declares them, name it: {source.text}::Class"
        )
        raise InputError(Mistake(str(source.file), None, what))
    return found


def _module_of(spec: ModuleTestSpec) -> nn.Module:
    config = spec.test_config
    module_class = _find_class(spec)
    try:
        module = _seeded(lambda: module_class(**spec.config))
    except Exception as error:  # noqa: BLE001  # a constructor may raise anything
        arguments = ", ".join(f"{key}={value!r}" for key, value in spec.config.items())
        what = f"{spec.module_class}({arguments}) cannot be built: {error}"
        raise DeclarationError(config.mistake(what)) from None
    if not isinstance(module, nn.Module):
        raise DeclarationError(config.mistake(f"{spec.module_class} is no torch.nn.Module"))
    return module


def _find_class(spec: ModuleTestSpec) -> Any:
    module_name, _, class_name = spec.module_class.rpartition(".")
    for candidate in (f"ttci.modules.{module_name}", module_name):
        try:
            return getattr(importlib.import_module(candidate), class_name)
        except (ImportError, AttributeError, ValueError):
            continue
    what = f'there is no class "{spec.module_class}" in ttci.modules or as a dotted path'
    raise DeclarationError(spec.test_config.mistake(what))


def _duplicates(tests: list[ModuleTest]) -> list[Mistake]:
    first: dict[str, ModuleTest] = {}
    mistakes: list[Mistake] = []
    for test in tests:
        known = first.setdefault(test.name, test)
        if known is not test:
            file, line = known.declared_at or ("<unknown>", 0)
            mistakes.append(
                test.mistake(f"declared twice, before at {file}:{line}; give it a name of its own")
            )
    return mistakes
