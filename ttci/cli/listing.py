"""``ttci list`` and ``ttci check``: what is declared, and whether it is right."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ttci.cli.target_table import target_figures, target_table
from ttci.errors import ExitCode, InputError, Mistake
from ttci.manifest import (
    Manifest,
    Pair,
    load_manifest,
    select,
)
from ttci.planning.plan import missing_by_device
from ttci.text.table import align
from ttci.text.terminal import terminal_width

if TYPE_CHECKING:
    from pathlib import Path

    from ttci.report.limits import KnownLimits
    from ttci.testing.config import ModuleTest


def list_models(options: Namespace) -> ExitCode:
    """Print the pairs with their targets and, when asked, the tests of each model."""
    manifest = load_manifest(options.manifest)
    pairs = _all_pairs(manifest, options.models)
    tests = {model: _tests_of(manifest, model) for model in models_of(pairs)} if options.tests else {}
    known = _known_limits(options.report_dir, manifest)
    _warn_of_impossible(manifest, models_of(pairs), known)
    if options.json:
        print(json.dumps(_as_json(manifest, pairs, tests, known), indent=2))
        return ExitCode.OK
    lacks = missing_by_device(manifest)
    rows = [_pair_row(manifest, pair, lacks[pair.device]) for pair in pairs]
    width = terminal_width()
    print(align([("pair", "backend", "here", "source"), *rows], width))
    targets = target_table(manifest, pairs, known, width)
    if targets:
        print(f"\n{targets}")
    for model, declared in tests.items():
        print(
            f"\n{model}\n"
            + align([("test", "module", "input", "checks", "targets in code"), *map(_test_row, declared)])
        )
    return ExitCode.OK


def check(options: Namespace) -> ExitCode:
    """Import every model and check its declarations and targets; all mistakes in one go."""
    manifest = load_manifest(options.manifest)
    mistakes: list[Mistake] = []
    models = models_of(_all_pairs(manifest, options.models))
    warn(manifest.doubts(models))
    _warn_of_impossible(manifest, models, _known_limits(options.report_dir, manifest))
    for model in models:
        try:
            tests = _tests_of(manifest, model)
        except InputError as error:
            mistakes += error.mistakes
        else:
            warn(test.mistake(f"{name}: {what}") for test in tests for name, what in test.targets.doubts())
            kernels = len(manifest.models[model].kernels)
            of_them = f" ({kernels} kernels)" if kernels else ""
            print(f"{model}: {len(tests)} tests{of_them}, {sum(len(test.checks) for test in tests)} checks")
    if mistakes:
        raise InputError(mistakes)
    return ExitCode.OK


def warn(doubts: Iterable[Mistake]) -> None:
    """Print what is probably not meant so."""
    for doubt in doubts:
        print(f"warning: {doubt}", file=sys.stderr)


def _warn_of_impossible(manifest: Manifest, models: Iterable[str], known: KnownLimits | None) -> None:
    """Warn of targets that no board can reach."""
    if known is None:
        return
    from ttci.report.limits import impossible_targets

    warn(target.mistake for target in impossible_targets(manifest, models, known))


def _known_limits(folder: Path, manifest: Manifest) -> KnownLimits | None:
    """What earlier runs found; None where there are none, and nothing that reads them need be imported."""
    if not folder.is_dir():
        return None
    from ttci.report.limits import limits_below

    return limits_below(folder, manifest)


def _all_pairs(manifest: Manifest, models: list[str]) -> list[Pair]:
    selection = select(manifest, models, devices=["*"])
    return list(selection.pairs)


def models_of(pairs: Iterable[Pair]) -> list[str]:
    """The models of pairs, each once."""
    return list(dict.fromkeys(pair.model for pair in pairs))


def _tests_of(manifest: Manifest, model: str) -> list[ModuleTest]:
    try:
        from ttci.testing.choice import declared_tests
    except ModuleNotFoundError as error:
        what = f"the models cannot be imported: {error}; python -m pip install 'ttci[torch]'"
        raise InputError(what) from None
    return declared_tests(manifest, model)


def _pair_row(manifest: Manifest, pair: Pair, lacks: str | None) -> tuple[str, str, str, str]:
    device = manifest.devices[pair.device]
    here = lacks or ("on demand" if device.on_demand else "yes")
    return str(pair), f"{device.backend} {device.target}", here, manifest.models[pair.model].source


def _test_row(test: ModuleTest) -> tuple[str, str, str, str, str]:
    from ttci.testing.input_trial import full_shape

    label, shapes = type(test.module).__name__, [full_shape(test)]
    if test.kernel:
        label, shapes = f"{test.kernel.entry.op} kernel", [*test.kernel.entry.shapes]
    targets = ", ".join(f"{metric} {value}" for metric, value in target_figures(test.targets).items())
    inputs = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
    if test.decode_cache_length is not None:
        inputs += f", cache of {test.decode_cache_length}"
    return test.name, label, inputs, ", ".join(test.checks), targets or "-"


def _as_json(
    manifest: Manifest, pairs: list[Pair], tests: dict[str, list[ModuleTest]], known: KnownLimits | None
) -> dict[str, Any]:
    lacks = missing_by_device(manifest)
    return {
        "pairs": [
            {
                "pair": str(pair),
                "source": manifest.models[pair.model].source,
                "missing": lacks[pair.device],
                "on-demand": manifest.devices[pair.device].on_demand,
                "targets": {
                    test: entry.model_dump(exclude_none=True)
                    for test, entry in manifest.models[pair.model].targets.get(pair.device, {}).items()
                },
                "limits": {
                    test: limit.model_dump()
                    for test, limit in (known.of_model(pair.model, pair.device) if known else {}).items()
                },
            }
            for pair in pairs
        ],
        "tests": {
            model: [
                dict(zip(("test", "module", "input", "checks", "targets"), _test_row(test), strict=True))
                for test in declared
            ]
            for model, declared in tests.items()
        },
    }
