"""The pytest plugin: options that choose tests, and the suite they bring.

This module is imported in every pytest run where ttci is installed, so it
imports nothing heavy; the work starts in `ttci.tests.session` when an option
asks for tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ttci.errors import InputError

_CHOOSERS = {
    "--test-model": ("FILE::CLASS", "test what FILE::CLASS, FILE or package.module:attr declares"),
    "--model-config": ("NAME", "test what is registered as NAME in a model of the manifest"),
    "--test-spec": ("FILE", "test the ModuleTestSpecs of FILE"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ttci's options."""
    group = parser.getgroup("ttci", "ttci: test the modules that a model declares")
    for option, (metavar, help_text) in _CHOOSERS.items():
        group.addoption(option, metavar=metavar, help=help_text)
    group.addoption(
        "--manifest", type=Path, metavar="PATH", help="the manifest whose devices and targets bind"
    )
    group.addoption(
        "--test-device",
        default="cpu",
        metavar="NAME",
        help="a device of the manifest, or cpu, cuda (default: %(default)s)",
    )
    group.addoption(
        "--test-check",
        action="append",
        metavar="CHECK",
        help="only this check: correctness, gradients, performance, memory (repeatable)",
    )
    group.addoption("--run-json", type=Path, metavar="PATH", help="write the results to PATH")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring in the suite where an option asks for tests."""
    chosen = [option for option in _CHOOSERS if config.getoption(option) is not None]
    if not chosen:
        return
    if len(chosen) > 1:
        _end(InputError(f"{' and '.join(chosen)} exclude each other; give one of them"))
    from ttci.tests.session import SuiteSession

    config.pluginmanager.register(SuiteSession(config), "ttci-suite")


def _end(error: InputError) -> None:
    pytest.exit(str(error), returncode=error.exit_code)
