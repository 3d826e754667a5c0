"""Registration: a model's own modules, marked for testing where they are built.

What is registered is kept beside the module, not on it, and is forgotten with
it: registering changes nothing about how a model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload
from weakref import WeakKeyDictionary

from torch import nn

from ttci.catalog.checks import check_names
from ttci.errors import Mistake
from ttci.testing.config import (
    DEFAULT_TOKENS,
    DEFAULT_TOLERANCE,
    DeclarationError,
    ModuleTest,
    Shape,
    Targets,
    TestConfig,
    attach,
    test_of,
)
from ttci.testing.places import UNKNOWN, Place, caller_place

ModuleType = TypeVar("ModuleType", bound=nn.Module)
Builder = Callable[[], Mapping[str, nn.Module]]
BuilderType = TypeVar("BuilderType", bound=Builder)

_inline: WeakKeyDictionary[nn.Module, list[TestConfig]] = WeakKeyDictionary()
_instances: WeakKeyDictionary[nn.Module, tuple[str, Place | None]] = WeakKeyDictionary()
_builders: dict[str, Builder] = {}


def test_module(
    module: ModuleType,
    test_name: str,
    expected_performance: Targets | None = None,
    test_batch_size: int = 1,
    test_seq_len: int = DEFAULT_TOKENS,
    *,
    input_shape: Shape | None = None,
    expected_output_shape: Shape | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    test_cases: Sequence[str] | None = None,
    inputs: Callable[[Shape], Any] | None = None,
    reference: nn.Module | Callable[..., Any] | None = None,
    decode_cache_length: int | None = None,
    measure_seconds: float | None = None,
) -> ModuleType:
    """Mark `module` for testing, in place; returns the very module it was given.

    Where `input_shape` is None it is worked out from the module, with `test_batch_size` and
    `test_seq_len`. The others are those of `TestConfig`.

    Raises:
        DeclarationError: for a value that cannot be meant, and for what is no torch module.
    """
    config = TestConfig(
        test_name,
        input_shape,
        expected_output_shape,
        tolerance,
        expected_performance,
        check_names() if test_cases is None else test_cases,
        inputs,
        reference,
        decode_cache_length,
        measure_seconds,
    )
    config.default_batch, config.default_tokens = test_batch_size, test_seq_len
    _refuse_what_cannot_be_tested(config, module)
    _inline.setdefault(module, []).append(config)
    return module


test_module.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


@overload
def register_module_tests(target: str, name: None = None) -> Callable[[BuilderType], BuilderType]: ...
@overload
def register_module_tests(target: nn.Module, name: str) -> None: ...
def register_module_tests(
    target: str | nn.Module, name: str | None = None
) -> Callable[[BuilderType], BuilderType] | None:
    """Register modules for testing under a name, ``pytest --model-config NAME``.

    ``register_module_tests(self, "llama3_8b")`` at the end of a constructor
    registers every direct child of the model; ``@register_module_tests("llama3_8b")``
    registers a function that returns a dict of modules. The tests are named
    ``llama3_8b_<child>``.

    Raises:
        DeclarationError: when a name is taken.
    """
    if isinstance(target, nn.Module):
        if not isinstance(name, str):
            raise _error("register_module_tests(model, name) needs a name")
        _instances[target] = name, caller_place()
        return None
    if not isinstance(target, str):
        raise _error("register_module_tests takes a name, or a model and a name")

    def register(builder: BuilderType) -> BuilderType:
        known = _builders.get(target)
        if known is not None and _origin(known) != _origin(builder):
            file, line = _origin(known)
            raise _error(f'"{target}" is registered twice, before at {file}:{line}; choose another name')
        _builders[target] = builder
        return builder

    return register


def inline_tests(model: nn.Module) -> list[ModuleTest]:
    """The tests that `test_module` marked inside `model`."""
    return [attach(module, config) for module in model.modules() for config in _inline.get(module, [])]


def registered_tests(model: nn.Module) -> list[ModuleTest]:
    """The tests of a model that registered itself."""
    if model not in _instances:
        return []
    name, place = _instances[model]
    return tests_by_name(name, dict(model.named_children()), place)


def registered_name(model: nn.Module) -> str | None:
    """The name under which a model registered itself."""
    return _instances[model][0] if model in _instances else None


def builders_of(file: str) -> dict[str, Builder]:
    """The registered functions that are defined in `file`, by name."""
    return {name: builder for name, builder in _builders.items() if _origin(builder)[0] == file}


def names_of(builder: Builder) -> list[str]:
    """The names under which a function is registered."""
    return [name for name, known in _builders.items() if known is builder]


def tests_by_name(name: str, modules: Mapping[str, nn.Module], place: Place | None) -> list[ModuleTest]:
    """One test a module, ``<name>_<key>``, declared at `place`."""
    return [test_of(module, f"{name}_{key}", place) for key, module in modules.items()]


def _refuse_what_cannot_be_tested(config: TestConfig, module: object) -> None:
    sizes = {"test_batch_size": config.default_batch, "test_seq_len": config.default_tokens}
    wrong = [
        config.mistake(f"{label} is {size!r}; give a positive integer")
        for label, size in sizes.items()
        if not isinstance(size, int) or isinstance(size, bool) or size < 1
    ]
    if not isinstance(module, nn.Module):
        wrong.append(config.mistake(f"got a {type(module).__name__}; give a torch.nn.Module"))
    if wrong:
        raise DeclarationError(wrong)


def _origin(builder: Builder) -> tuple[str, int]:
    code = getattr(builder, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("", id(builder))


def _error(what: str) -> DeclarationError:
    return DeclarationError(Mistake(*(caller_place() or UNKNOWN), what))
