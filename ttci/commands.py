"""What each ttci command does; the command line parses and calls these."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttci import __version__
from ttci.errors import ExitCode, InputError, MachineryError, Mistake, NothingMatchedError, TtciError, worst
from ttci.manifest import (
    DEFAULT_PATH,
    Manifest,
    Pair,
    TestTargets,
    TorchDeviceEntry,
    TtnnDeviceEntry,
    built_in_devices,
    load_manifest,
    select,
)
from ttci.needs import Need, needs
from ttci.plan import Plan, missing_by_device, plan
from ttci.report.table import align

if TYPE_CHECKING:
    from ttci.confirm import Confirming
    from ttci.results import Run
    from ttci.testing.config import ModuleTest


def list_models(options: Namespace) -> ExitCode:
    """Print the pairs with their targets and, when asked, the tests of each model."""
    manifest = load_manifest(options.manifest)
    pairs = _all_pairs(manifest, options.models)
    tests = {model: _tests_of(manifest, model) for model in _models(pairs)} if options.tests else {}
    if options.json:
        print(json.dumps(_as_json(manifest, pairs, tests), indent=2))
        return ExitCode.OK
    lacks = missing_by_device(manifest)
    rows = [_pair_row(manifest, pair, lacks[pair.device]) for pair in pairs]
    print(align([("pair", "backend", "here", "source"), *rows]))
    targets = [row for pair in pairs for row in _target_rows(manifest, pair)]
    if targets:
        print("\n" + align([("target of", "test", "metric", "value"), *targets]))
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
    models = _models(_all_pairs(manifest, options.models))
    _warn(manifest.doubts(models))
    for model in models:
        try:
            tests = _tests_of(manifest, model)
        except InputError as error:
            mistakes += error.mistakes
        else:
            _warn(test.mistake(f"{name}: {what}") for test in tests for name, what in test.targets.doubts())
            kernels = len(manifest.models[model].kernels)
            of_them = f" ({kernels} kernels)" if kernels else ""
            print(f"{model}: {len(tests)} tests{of_them}, {sum(len(test.checks) for test in tests)} checks")
    if mistakes:
        raise InputError(mistakes)
    return ExitCode.OK


def _warn(doubts: Iterable[Mistake]) -> None:
    for doubt in doubts:
        print(f"warning: {doubt}", file=sys.stderr)


def plan_jobs(options: Namespace) -> ExitCode:
    """Print the jobs of a choice: for a person, or as a GitHub Actions matrix."""
    jobs = plan(load_manifest(options.manifest), options.models, options.devices)
    if (options.max_jobs and not options.json) or (options.seconds and not options.max_jobs):
        raise InputError("--seconds goes with --max-jobs, and that with --json: they shape a matrix")
    if options.json:
        print(json.dumps({"include": _matrix_entries(jobs, options)}))
        return ExitCode.OK
    rows = [
        (
            str(job.pair),
            job.environment,
            " ".join(job.runs_on),
            f"{job.timeout_minutes} min",
            job.missing or "here",
        )
        for job in jobs.jobs
    ]
    print(align([("pair", "environment", "runs on", "time-out", "here"), *rows]))
    _print_left_out(jobs.left_out)
    return ExitCode.OK


def _matrix_entries(jobs: Plan, options: Namespace) -> list[dict[str, Any]]:
    """An entry a pair; with --max-jobs, an entry a job, of as many pairs as it takes."""
    from ttci.packing import pack, read_seconds

    if options.max_jobs is None:
        return [job.as_matrix_entry() for job in jobs.jobs]
    seconds = read_seconds(options.seconds) if options.seconds else {}
    return [job.as_matrix_entry() for job in pack(jobs.jobs, options.max_jobs, seconds)]


def run(options: Namespace) -> ExitCode:
    """Run the chosen pairs that are here, one after the other, and print how each ended."""
    from ttci.report.pairs import pair_table
    from ttci.report.planned import write_planned
    from ttci.run import PairFolder, run_pair

    manifest = load_manifest(options.manifest)
    jobs = plan(manifest, options.models, options.devices)
    _make_folder(options.report_dir)
    _print_left_out(jobs.not_run_here)
    _warn(manifest.doubts(_models(job.pair for job in jobs.here)))
    write_planned(options.report_dir, [job.pair for job in jobs.here], jobs.not_run_here)
    confirming = _confirming(options)
    codes = [run_pair(manifest, job.pair, options.report_dir, options.pytest_args) for job in jobs.here]
    if confirming:
        for job in jobs.here:
            confirming.confirm(manifest, job.pair, options.report_dir)
    files = [PairFolder(options.report_dir / str(job.pair)).run for job in jobs.here]
    runs, unreadable = _read_runs(file for file in files if file.exists())
    if runs:
        print(f"\n{pair_table(runs)}")
    for job in jobs.absent(options.devices):
        PairFolder(options.report_dir / str(job.pair)).leave_unavailable(str(job.pair), str(job.missing))
    return worst(codes + unreadable + _absent(jobs, options.devices))


def _confirming(options: Namespace) -> Confirming | None:
    """What is to be rerun where a history is given; a wrong one is said before anything runs."""
    if not options.confirm:
        if options.history is not None or options.default_branch is not None:
            raise InputError(
                "--history and --default-branch go with --confirm here; `ttci report` compares what was run"
            )
        return None
    from ttci.confirm import Confirming

    return Confirming.of(options.history, options.default_branch, options.manifest)


def doctor(options: Namespace) -> ExitCode:
    """Print what is installed here, and for each device of the manifest what it lacks."""
    import platform

    from ttci.environment import installed_version
    from ttci.toolchain import CHIPS, sfpi_state, ttsim_state

    packages = ("torch", "ttnn", "pytest", "pytest-benchmark", "pytest-xdist")
    versions = {"ttci": __version__, "python": platform.python_version()}
    versions |= {package: installed_version(package) or "not installed" for package in packages}
    versions |= {"sfpi": str(sfpi_state())} | {f"ttsim {chip}": str(ttsim_state(chip)) for chip in CHIPS}
    lacks = {name: needs(entry) for name, entry in _devices(options.manifest).items()}
    if options.json:
        print(json.dumps(_doctor_as_json(versions, lacks), indent=2))
        return ExitCode.OK
    rows = [row for name, lacking in lacks.items() for row in _doctor_rows(name, lacking)]
    print(align([*versions.items()]) + "\n\n" + align([("device", "state"), *rows]))
    return ExitCode.OK


def _doctor_rows(name: str, lacking: Sequence[Need]) -> list[tuple[str, str]]:
    """A device's row, and one more for each further thing that it needs."""
    states = [str(need) for need in lacking] or ["here"]
    return [(name if index == 0 else "", state) for index, state in enumerate(states)]


def _doctor_as_json(versions: Mapping[str, str], lacks: Mapping[str, Sequence[Need]]) -> dict[str, Any]:
    return {
        "versions": versions,
        "devices": {name: "; ".join(map(str, lacking)) or "here" for name, lacking in lacks.items()},
        "needs": {
            name: [{"what": need.what, "command": need.command} for need in lacking]
            for name, lacking in lacks.items()
        },
    }


def toolchain_install(options: Namespace) -> ExitCode:
    """Fetch the tools that ttnn needs beside its wheel."""
    from ttci.toolchain import install

    return install(options)


def _devices(path: Path) -> Mapping[str, TorchDeviceEntry | TtnnDeviceEntry]:
    """The devices of the manifest; where there is none and none is named, those that need none."""
    return built_in_devices() if path == DEFAULT_PATH and not path.exists() else load_manifest(path).devices


def _all_pairs(manifest: Manifest, models: list[str]) -> list[Pair]:
    selection = select(manifest, models, devices=["*"])
    return list(selection.pairs)


def _models(pairs: Iterable[Pair]) -> list[str]:
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


def _target_rows(manifest: Manifest, pair: Pair) -> list[tuple[str, str, str, str]]:
    targets = manifest.models[pair.model].targets.get(pair.device, {})
    return [
        (str(pair), test, metric, value)
        for test, entry in targets.items()
        for metric, value in _figures(entry).items()
    ]


def _test_row(test: ModuleTest) -> tuple[str, str, str, str, str]:
    from ttci.modules.kernels import Kernel
    from ttci.testing.input_trial import full_shape

    label, shapes = type(test.module).__name__, [full_shape(test)]
    if isinstance(test.module, Kernel):
        label, shapes = f"{test.module.entry.op} kernel", [*test.module.entry.shapes]
    targets = ", ".join(f"{metric} {value}" for metric, value in _figures(test.targets).items())
    inputs = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
    if test.decode_cache_length is not None:
        inputs += f", cache of {test.decode_cache_length}"
    return test.name, label, inputs, ", ".join(test.checks), targets or "-"


def _figures(targets: TestTargets) -> dict[str, str]:
    figures = {metric: getattr(targets, metric) for metric in type(targets).model_fields}
    return {
        metric: f"{target.value:g}" + (f" ±{target.tolerance:.0%}" if target.tolerance is not None else "")
        for metric, target in figures.items()
        if target is not None
    }


def _as_json(manifest: Manifest, pairs: list[Pair], tests: dict[str, list[ModuleTest]]) -> dict[str, Any]:
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


def _read_runs(paths: Iterable[Path]) -> tuple[list[Run], list[ExitCode]]:
    """What can be read, and an exit code for each file that cannot, which is said at once."""
    runs, codes = [], []
    for path in paths:
        try:
            runs.append(_read_run(path))
        except TtciError as error:
            print(error, file=sys.stderr)
            codes.append(error.exit_code)
    return runs, codes


def _read_run(path: Path) -> Run:
    from ttci.results import read_run

    if not path.exists():
        raise MachineryError(f"{path.parent}: the run left no run.json; its log.txt says why")
    return read_run(path)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--report-dir {path}: {error.strerror}") from None


def _print_left_out(left_out: Iterable[tuple[Pair, str | None]]) -> None:
    for pair, reason in left_out:
        print(f"{pair} is not run: {reason}")


def _absent(jobs: Plan, devices: Sequence[str]) -> list[ExitCode]:
    """What the pairs that are not here add to the exit code."""
    absent = [job for job in jobs.jobs if job.missing]
    if absent and devices:
        names = ", ".join(dict.fromkeys(job.pair.device for job in absent))
        print(f"not available here: {names}", file=sys.stderr)
        return [ExitCode.UNAVAILABLE]
    if not jobs.here:
        raise NothingMatchedError(f"none of the {len(absent)} chosen pairs can run here")
    return []
