"""What a user asked to be tested: a model's tests on an opened device."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path

from torch import nn

from ttci.catalog.backends import backend
from ttci.catalog.metrics import WITH_TARGETS
from ttci.devices import open_device
from ttci.devices.protocol import CountsWhatIsAllocated, Device
from ttci.errors import InputError, Mistake, did_you_mean
from ttci.manifest import (
    DeviceEntry,
    Identity,
    Manifest,
    Pair,
    Source,
    TestTargets,
    find_device,
    load_manifest,
    model_name_from,
    nearest_manifest,
    parse_source,
)
from ttci.results import Fidelity
from ttci.testing.config import ModuleTest
from ttci.testing.discover import tests_of, tests_of_source
from ttci.testing.judge import Case
from ttci.testing.kernels import kernel_tests, names_taken
from ttci.testing.model_code import code_of
from ttci.testing.places import place_text
from ttci.testing.prepared import PreparedTest
from ttci.testing.registry import builders_of, registered_name
from ttci.testing.sources import attribute_of, build, import_source
from ttci.testing.targets import BoundTargets


@dataclass(frozen=True)
class Request:
    """The options that choose tests, as every route (pytest, command line) reads them.

    Exactly one of `model` (a source, or a name in a named manifest),
    `registration` and `spec_file` is given.
    """

    device: str = "cpu"
    manifest: Path | None = None
    model: str | None = None
    registration: str | None = None
    spec_file: str | None = None


@dataclass(frozen=True)
class Choice:
    """The tests of one pair, ready to be judged."""

    pair: Pair
    device: Device
    tests: Sequence[ModuleTest]
    targets: Mapping[str, TestTargets] = field(default_factory=dict)  # the manifest's, by test
    has_manifest: bool = False
    target_places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by test and metric
    source: Source | None = None  # of the tests, where it is ours to import

    @property
    def identities(self) -> list[str]:
        """Of every check of every test."""
        return [str(Identity(self.pair, test.name, check)) for test in self.tests for check in test.checks]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Every check of every test; the checks of a test share what was made ready."""
        return tuple(self._cases())

    def _cases(self) -> Iterator[Case]:
        model_code = code_of(self.source).running if self.source else nullcontext
        code_binds = self.device.fidelity is Fidelity.SILICON or not self.has_manifest
        if isinstance(self.device, CountsWhatIsAllocated):
            self.device.share([test.module for test in self.tests])
        for test in self.tests:
            prepared = PreparedTest(test, self.device)
            targets = BoundTargets(
                test.targets,
                self.targets.get(test.name, TestTargets()),
                code_binds,
                self.target_places.get(test.name, {}),
            )
            for check in test.checks:
                yield Case(Identity(self.pair, test.name, check), prepared, targets, model_code)


def choose(request: Request) -> Choice:
    """Find the tests that are asked for and open their device.

    Raises:
        InputError: for what does not exist or does not import.
        DeviceUnavailableError: for a device that is not here.
    """
    manifest = _manifest(request)
    entry = find_device(request.device, manifest)
    device = open_with_modules(request.device, entry)
    try:
        found = _found(request, manifest)
    except BaseException:
        device.close()
        raise
    targets: Mapping[str, TestTargets] = {}
    places: Mapping[str, Mapping[str, str]] = {}
    if manifest and found.entry:
        targets = manifest.models[found.entry].targets.get(request.device, {})
        places = _target_places(manifest, found.entry, request.device)
    has_manifest = request.manifest is not None
    pair = Pair(found.model, request.device)
    return Choice(pair, device, found.tests, targets, has_manifest, places, found.source)


def _target_places(manifest: Manifest, model: str, device: str) -> dict[str, dict[str, str]]:
    """Where the manifest states each target of a pair: ``file:line`` by test and metric."""
    file = str(manifest.path)
    return {
        test: {
            name: place_text((file, manifest.line_of("models", model, "targets", device, test, name)))
            for name in WITH_TARGETS
            if entry.of(name) is not None
        }
        for test, entry in manifest.models[model].targets.get(device, {}).items()
    }


def open_with_modules(name: str, entry: DeviceEntry) -> Device:
    """Open a device, and where it runs implementations of its own, load those of ttci's modules."""
    own = backend(entry.backend).implementations
    if own is not None:
        import_module(own)  # they register themselves
    return open_device(name, entry)


@dataclass(frozen=True)
class _Found:
    """The tests that were asked for, under the name of their model."""

    model: str
    tests: Sequence[ModuleTest]
    source: Source
    entry: str | None = None  # of the named manifest, where the source is that entry's


def declared_tests(manifest: Manifest, model: str) -> list[ModuleTest]:
    """The tests of a model of the manifest, its kernels after those of its code.

    Raises:
        InputError: for what is declared wrongly, targets included.
    """
    tests, kernels = tests_of_source(manifest.source(model)), kernel_tests(manifest, model)
    mistakes = [
        *names_taken(manifest, model, tests, kernels),
        *_targets_without_test(manifest, model, [*tests, *kernels]),
    ]
    if mistakes:
        raise InputError(mistakes)
    return [*tests, *kernels]


def _manifest(request: Request) -> Manifest | None:
    """The named manifest; else the one in the working directory, where there is one."""
    if request.manifest is not None:
        return load_manifest(request.manifest)
    path = nearest_manifest()
    return load_manifest(path) if path.exists() else None


def _found(request: Request, manifest: Manifest | None) -> _Found:
    if request.registration is not None:
        source, tests = _registered(request.registration, manifest)
        return _Found(model_name_from(request.registration), tests, source)
    named = manifest if request.manifest else None
    if named and request.model in named.models:
        return _of_entry(named, request.model)
    text = request.model or request.spec_file or ""
    try:
        source = parse_source(text, Path())
    except ValueError as error:
        raise InputError(f"{error}{_models_there_are(named)}") from None
    entry = _entry_of(source, named) if named else None
    if named and entry:
        return _of_entry(named, entry)
    label = source.attribute or (source.file.stem if source.file else "")
    return _Found(model_name_from(label), tests_of_source(source), source)


def _of_entry(manifest: Manifest, model: str) -> _Found:
    return _Found(model, declared_tests(manifest, model), manifest.source(model), model)


def _models_there_are(manifest: Manifest | None) -> str:
    return f"; or a model of {manifest.path}: {', '.join(manifest.models)}" if manifest else ""


def _entry_of(source: Source, manifest: Manifest) -> str | None:
    return next((name for name in manifest.models if _is_same(manifest.source(name), source)), None)


def _is_same(left: Source, right: Source) -> bool:
    if left.attribute != right.attribute or left.module != right.module:
        return False
    if left.file is None or right.file is None:
        return left.file is right.file
    return left.file.resolve() == right.file.resolve()


def _registered(name: str, manifest: Manifest | None) -> tuple[Source, list[ModuleTest]]:
    """The tests registered as `name` by a function or a model of the manifest's sources."""
    if manifest is None:
        raise InputError(
            "--model-config looks in the models of models_manifest.toml, and there is none here; "
            "name one with --manifest, or use --test-model path.py"
        )
    known: set[str] = set()
    sources = [manifest.source(model) for model in manifest.models]
    for source in sources:
        with code_of(source).running():
            builders = builders_of(str(import_source(source).__file__))
            if name in builders:
                return source, tests_of(builders[name])
        known.update(builders)
    for source in sources:
        with code_of(source).running():
            model_class = attribute_of(import_source(source), source) if source.attribute else None
            if not (inspect.isclass(model_class) and issubclass(model_class, nn.Module)):
                continue
            model = build(model_class)
            if registered_name(model) == name:
                return source, tests_of(model)
        known.update(filter(None, [registered_name(model)]))
    raise InputError(f'nothing is registered as "{name}"; {did_you_mean(name, known)}')


def _targets_without_test(manifest: Manifest, model: str, tests: Sequence[ModuleTest]) -> Iterator[Mistake]:
    by_name = {test.name: test for test in tests}
    for device, targets in manifest.models[model].targets.items():
        for name, entry in targets.items():
            keys = ("models", model, "targets", device, name)
            if name not in by_name:
                what = f'there is no test "{name}"; {did_you_mean(name, by_name)}'
                yield manifest.mistake(keys, what)
            else:
                for metric, what in _unmeasured(by_name[name], entry):
                    yield manifest.mistake((*keys, metric), what)


def _unmeasured(test: ModuleTest, targets: TestTargets) -> Iterator[tuple[str, str]]:
    """The targets that no check of the test measures."""
    asked = {name: metric for name, metric in WITH_TARGETS.items() if targets.of(name) is not None}
    for name, metric in asked.items():
        if metric.check not in test.checks:
            yield name, f'"{metric.check}" measures it, and is not among the test\'s test_cases; add it'
    for name, metric in asked.items():
        if metric.of_decode_steps and test.decode_cache_length is None and not test.is_language_model:
            yield name, "is measured of a decode step, and the test is none; use latency_ms"
        if metric.of_language_models and not test.is_language_model:
            yield name, "is measured of a language model, and the test is none; leave it out"
