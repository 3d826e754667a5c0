"""Run tests in this process, without pytest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from typing import Any

from ttci.checks.performance import measure
from ttci.manifest import Pair, find_device, load_manifest, model_name_from, nearest_manifest
from ttci.results import Result
from ttci.testing.choice import Choice, open_with_modules
from ttci.testing.discover import tests_of
from ttci.testing.judge import judge_case
from ttci.testing.results import TestResults


def run_module_tests(
    model: Any,
    device: str = "cpu",
    *,
    name: str | None = None,
    on_result: Callable[[Result], object] | None = None,
) -> TestResults:
    """Run every test that `model` declares; a failed check is a result, not an exception.

    Args:
        model: a model that declares tests, a list of `ModuleTest`, or a list of
            `ModuleTestSpec`.
        device: a device of ``models_manifest.toml`` in the working directory, else
            a built-in one: ``cpu``, ``cuda``.
        name: of the model in the results; its class's where None.
        on_result: called with each result as it comes.

    Raises:
        InputError: the tests are declared wrongly, or there is no such device.
        DeviceUnavailableError: the device is not here.
    """
    path = nearest_manifest()
    manifest = load_manifest(path) if path.exists() else None
    opened = open_with_modules(device, find_device(device, manifest))
    own_name = getattr(model, "__name__", type(model).__name__)
    pair = Pair(model_name_from(name or own_name), device)
    try:
        return run_choice(Choice(pair, opened, tests_of(model)), on_result)
    finally:
        opened.close()


def run_choice(choice: Choice, on_result: Callable[[Result], object] | None = None) -> TestResults:
    """Judge every case of `choice`, in order."""
    results = TestResults()
    for case, following in zip_longest(choice.cases, choice.cases[1:]):
        result = judge_case(case, partial(measure, max_seconds=case.prepared.measure_seconds))
        results.add(result.test, result.check, result)
        if on_result:
            on_result(result)
        if following is None or following.prepared is not case.prepared:
            case.prepared.release()
    return results
