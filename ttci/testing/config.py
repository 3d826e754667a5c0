"""How a module is tested: the declarations a model developer writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from torch import nn

from ttci.catalog.checks import check_class, check_names
from ttci.catalog.metrics import METRICS
from ttci.errors import InputError, Mistake
from ttci.manifest import TestTargets, fits_as_test_name
from ttci.modules.kernels import Kernel
from ttci.testing.declared_values import check_name_mistakes, is_positive, is_shape, target_mistakes
from ttci.testing.language_models import language_model_mistakes
from ttci.testing.places import UNKNOWN, Place, caller_place

DEFAULT_TOLERANCE = 1e-3
DEFAULT_TOKENS = 2048
PASS_TOKENS = 64  # of a language model's prompt, and of its decode steps

Shape = tuple[int, ...]
Targets = Mapping[str, float | Mapping[str, float]]


class DeclarationError(InputError, ValueError):
    """A test is declared wrongly; the message says where and what to write."""


@dataclass
class TestConfig:
    """How to test one module.

    Attributes:
        name: of the test; one test a name in a model.
        input_shape: of the one input tensor; worked out from the module where None
            (batch 1, 2048 tokens; one token for a decode step).
        expected_output_shape: of the first output; the reference's where None.
        tolerance: the output's correlation with the reference is at least
            1 - tolerance.
        performance_targets: ``latency_ms``, ``tokens_per_s_per_user``, ``memory_mb``,
            ``dram_mb``, ``l1_per_core_kb`` and ``accuracy`` (which stands for
            `tolerance`): a number, or ``{"value": …, "tolerance": …}``.
        test_cases: which checks to run; all four where None or left out, of a decode
            step all but gradients.
        inputs: for several inputs, integers or keywords: called with the input shape
            (cut to what the device takes), it returns a tensor, a tuple of
            positional arguments, a dict of keyword arguments, or a pair of both.
        reference: a torch module or function that gives the expected output; the
            module's own float32 forward pass where None. With it the module may also
            be one that is ttnn already: it takes and gives ttnn tensors.
        decode_cache_length: asks for a decode step: ``module.decode(x, cache)`` of one
            token a row, with a cache of so many tokens from
            ``module.make_cache(batch, length)``. Its latency gives
            ``tokens_per_s_per_user``. A `reference` function takes token and cache.
        measure_seconds: how long the latency may be measured, unless its median is
            steady sooner; the device's where None.
        kind: ``"language-model"`` for a whole one: it is given a prompt, and then each
            further token in a decode step of its own. Its targets may be ``top1_accuracy``,
            ``top5_accuracy``, ``time_to_first_token_ms`` and ``tokens_per_s_per_user`` too.
        prompt_tokens: of a language model, 64 where None.
        decode_tokens: of a language model, how many steps; 64 where None.
        layers: of a language model, the first so many; all where None.

    Raises:
        DeclarationError: for a value that cannot be meant, with file and line.
    """

    __test__ = False

    name: str
    input_shape: Shape | None = None
    expected_output_shape: Shape | None = None
    tolerance: float = DEFAULT_TOLERANCE
    performance_targets: Targets | None = None
    test_cases: Sequence[str] = field(default_factory=check_names)
    inputs: Callable[[Shape], Any] | None = None
    reference: nn.Module | Callable[..., Any] | None = None
    decode_cache_length: int | None = None
    measure_seconds: float | None = None
    kind: str = "module"
    prompt_tokens: int | None = None
    decode_tokens: int | None = None
    layers: int | None = None
    declared_at: Place | None = field(default=None, init=False, repr=False, compare=False)
    default_batch: int = field(default=1, init=False, repr=False, compare=False)
    default_tokens: int = field(default=DEFAULT_TOKENS, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.declared_at = caller_place()
        self.test_cases = check_names() if self.test_cases is None else self.test_cases
        wrong = list(_mistakes(self))
        if wrong:
            raise DeclarationError([self.mistake(what) for what in wrong])
        self.input_shape = _as_shape(self.input_shape)
        self.expected_output_shape = _as_shape(self.expected_output_shape)
        if self.is_language_model and self.input_shape is None:
            self.input_shape = (1, (self.prompt_tokens or PASS_TOKENS) + (self.decode_tokens or PASS_TOKENS))
        if self.decode_cache_length is not None or self.is_language_model:
            self.test_cases = [check for check in self.test_cases if not check_class(check).of_modules_only]

    def mistake(self, what: str) -> Mistake:
        """Something wrong with this declaration."""
        return Mistake(*(self.declared_at or UNKNOWN), f'test "{self.name}": {what}')

    @property
    def is_language_model(self) -> bool:
        """Whether it is a whole language model, and not a module of one."""
        return self.kind == "language-model"

    @property
    def targets(self) -> TestTargets:
        """The performance targets, typed."""
        return TestTargets.model_validate(dict(self.performance_targets or {}))

    @property
    def checks(self) -> tuple[str, ...]:
        """The checks to run, in their order.

        A memory target is judged along with ``performance``, as a latency target is.
        """
        return tuple(name for name in check_names() if name in self.test_cases or self._brings(name))

    def _brings(self, check: str) -> bool:
        """Whether a check that is asked for brings along this one, which has a target."""
        return check_class(check).comes_with in self.test_cases and self.targets.any_measured_by(check)


@dataclass
class ModuleTest(TestConfig):
    """A module together with how to test it: an entry of ``get_module_tests()``."""

    module: Any = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong = list(_module_mistakes(self))
        if wrong:
            raise DeclarationError([self.mistake(what) for what in wrong])

    @property
    def kernel(self) -> Kernel | None:
        """What is tested, where it is a kernel of the manifest and no module of the model's code."""
        return self.module if isinstance(self.module, Kernel) else None


@dataclass
class ModuleTestSpec:
    """A test of a module that is built from its class name and arguments.

    Attributes:
        name: of the test.
        module_class: looked up in ``ttci.modules`` (``"attention.MultiHeadAttention"``),
            then as a dotted path of any package.
        config: the constructor's keyword arguments.
        expected_performance: as `TestConfig.performance_targets`.

    The others are those of `TestConfig`.
    """

    name: str
    module_class: str
    config: Mapping[str, Any] = field(default_factory=dict)
    expected_performance: Targets | None = None
    test_cases: Sequence[str] | None = None
    input_shape: Shape | None = None
    expected_output_shape: Shape | None = None
    tolerance: float = DEFAULT_TOLERANCE
    inputs: Callable[[Shape], Any] | None = None
    reference: nn.Module | Callable[..., Any] | None = None
    decode_cache_length: int | None = None
    measure_seconds: float | None = None
    test_config: TestConfig = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.test_config = TestConfig(
            self.name,
            self.input_shape,
            self.expected_output_shape,
            self.tolerance,
            self.expected_performance,
            check_names() if self.test_cases is None else self.test_cases,
            self.inputs,
            self.reference,
            self.decode_cache_length,
            self.measure_seconds,
        )
        wrong = list(_spec_mistakes(self))
        if wrong:
            raise DeclarationError([self.test_config.mistake(what) for what in wrong])


class TestableModule:
    """Mixin for models that say which of their modules to test, and how."""

    __test__ = False

    def get_test_configs(self) -> dict[str, tuple[Any, TestConfig]]:
        """The modules to test, each with its configuration, by the name of the test."""
        raise NotImplementedError(
            f"{type(self).__name__} is a TestableModule: give it a get_test_configs() "
            "that returns {name: (module, TestConfig(...))}"
        )


def test_of(module: nn.Module, name: str, place: Place | None) -> ModuleTest:
    """A test with nothing but a name, declared at `place`."""
    try:
        test = ModuleTest(name, module=module)
    except DeclarationError as error:
        file, line = place or UNKNOWN
        raise DeclarationError([replace(m, file=file, line=line) for m in error.mistakes]) from None
    test.declared_at = place
    return test


def attach(module: Any, config: TestConfig) -> ModuleTest:
    """`config` with its module."""
    arguments = {f.name: getattr(config, f.name) for f in fields(TestConfig) if f.init}
    test = ModuleTest(**arguments, module=module)
    test.declared_at = config.declared_at
    test.default_batch, test.default_tokens = config.default_batch, config.default_tokens
    return test


def _mistakes(config: TestConfig) -> list[str]:
    wrong: list[str] = []
    if not isinstance(config.name, str) or not fits_as_test_name(config.name):
        wrong.append(f"{config.name!r} is no name; use printable text without brackets and '::'")
    for label in ("input_shape", "expected_output_shape"):
        if not is_shape(getattr(config, label)):
            wrong.append(f"{label} is {getattr(config, label)!r}; give a tuple of positive integers")
    if not is_positive(config.tolerance):
        wrong.append(f"tolerance is {config.tolerance!r}; give a number above 0, like 1e-3")
    seconds: object = config.measure_seconds
    if seconds is not None and not is_positive(seconds):
        wrong.append(f"measure_seconds is {seconds!r}; give a number of seconds above 0, like 10")
    wrong += target_mistakes(config.performance_targets)
    wrong += check_name_mistakes(config.test_cases)
    wrong += _decode_mistakes(config)
    wrong += language_model_mistakes(config)
    for label in ("inputs", "reference"):
        value = getattr(config, label)
        if value is not None and not callable(value):
            wrong.append(f"{label} is a {type(value).__name__}; give a function")
    return wrong


def _decode_mistakes(config: TestConfig) -> Iterator[str]:
    length: object = config.decode_cache_length
    if length is None:
        given = config.performance_targets if isinstance(config.performance_targets, Mapping) else {}
        for name, metric in METRICS.items():
            if metric.of_decode_steps and name in given and not config.is_language_model:
                yield f"{name} is measured of a decode step; give decode_cache_length, or latency_ms"
        return
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        yield f"decode_cache_length is {length!r}; give a positive integer"
    shape: object = config.input_shape
    if isinstance(shape, Sequence) and (len(shape) < 2 or shape[1] != 1):
        yield f"input_shape is {shape!r}; a decode step takes one token a row: (batch, 1, width)"
    asked = [check for check in config.test_cases if check in check_names()]
    if asked and all(check_class(check).of_modules_only for check in asked):
        yield f"a decode step has no {' and no '.join(asked)}; leave test_cases out"


def _module_mistakes(test: ModuleTest) -> Iterator[str]:
    module = test.module
    if not isinstance(module, nn.Module):
        if not callable(module):
            yield f"module is a {type(module).__name__}; give a torch.nn.Module"
        elif test.reference is None:
            yield (
                f"module is a {type(module).__name__}; give a torch.nn.Module, or, where it takes and gives "
                "ttnn tensors, its torch reference too: reference=…"
            )
    missing = [name for name in ("decode", "make_cache") if not callable(getattr(module, name, None))]
    if test.decode_cache_length is not None and missing:
        yield (
            f"{type(module).__name__} cannot decode: it has no {' and no '.join(missing)}; give it "
            "decode(x, cache) and make_cache(batch, length), or leave out decode_cache_length"
        )


def _spec_mistakes(spec: ModuleTestSpec) -> Iterator[str]:
    name: object = spec.module_class
    if not isinstance(name, str) or not name:
        yield f"module_class is {name!r}; give a dotted path, like 'attention.MultiHeadAttention'"
    config: object = spec.config
    if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
        yield f"config is {config!r}; give a dict of the constructor's keyword arguments"


def _as_shape(shape: Sequence[int] | None) -> Shape | None:
    return None if shape is None else tuple(shape)
