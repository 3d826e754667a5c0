"""``ttci doctor`` and ``ttci toolchain``: what is installed here, and what each device lacks."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ttci import __version__
from ttci.errors import ExitCode
from ttci.manifest import (
    DEFAULT_PATH,
    DeviceEntry,
    built_in_devices,
    load_manifest,
)
from ttci.planning.needs import Need, needs
from ttci.text.table import align
from ttci.text.terminal import terminal_width


def doctor(options: Namespace) -> ExitCode:
    """Print what is installed here, and for each device of the manifest what it lacks."""
    import platform

    from ttci.environment import installed_version
    from ttci.toolchain import CHIPS, sfpi_state, ttsim_state

    packages = ("torch", "ttnn", "pytest", "pytest-benchmark", "pytest-xdist")
    versions = {"ttci": __version__, "python": platform.python_version()}
    versions |= {package: installed_version(package) or "not installed" for package in packages}
    machine = _machine()
    versions |= {"sfpi": str(sfpi_state())} | {f"ttsim {chip}": str(ttsim_state(chip)) for chip in CHIPS}
    lacks = {name: needs(entry) for name, entry in _devices(options.manifest).items()}
    if options.json:
        print(json.dumps(_doctor_as_json(versions, machine, lacks), indent=2))
        return ExitCode.OK
    rows = [row for name, lacking in lacks.items() for row in _doctor_rows(name, lacking)]
    tables = [[*versions.items()], [*machine.items()], [("device", "state"), *rows]]
    print("\n\n".join(align(table, terminal_width()) for table in tables))
    return ExitCode.OK


def _machine() -> dict[str, str]:
    """How fast this machine is for what ttci does on it."""
    from ttci.environment import machine_facts

    facts = machine_facts()
    try:
        from ttci.devices.speed import speed_text
    except ModuleNotFoundError:
        return facts | {"products": "not known without torch"}
    return facts | speed_text()


def _doctor_rows(name: str, lacking: Sequence[Need]) -> list[tuple[str, str]]:
    """A device's row, and one more for each further thing that it needs."""
    states = [str(need) for need in lacking] or ["here"]
    return [(name if index == 0 else "", state) for index, state in enumerate(states)]


def _doctor_as_json(
    versions: Mapping[str, str], machine: Mapping[str, str], lacks: Mapping[str, Sequence[Need]]
) -> dict[str, Any]:
    return {
        "versions": versions,
        "machine": machine,
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


def _devices(path: Path) -> Mapping[str, DeviceEntry]:
    """The devices of the manifest; where there is none and none is named, those that need none."""
    return built_in_devices() if path == DEFAULT_PATH and not path.exists() else load_manifest(path).devices
