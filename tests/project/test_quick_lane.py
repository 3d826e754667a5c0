"""The quick lane leaves out what needs torch, a browser or Node, says so, and lacks them indeed."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from tests import quick_lane

CONFTEST = """
import pytest

@pytest.fixture
def _needs_torch(): ...

@pytest.fixture
def project(_needs_torch): ...
"""
GOOD = "def test_good(): ..."


@pytest.fixture
def lane(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder of tests; the lane lacks a package that no machine has."""
    monkeypatch.setattr(quick_lane, "PACKAGES", ("heavy_package",))
    monkeypatch.setenv("PATH", os.environ["PATH"])  # which the lane changes
    pytester.makeconftest(CONFTEST)
    return pytester


def run(lane: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return lane.runpytest_inprocess("-p", "tests.quick_lane", "-p", "no:randomly", *arguments)


def test_file_that_imports_what_is_lacking_is_left_out_and_named(lane: pytest.Pytester) -> None:
    lane.makepyfile(test_good=GOOD, test_heavy="import heavy_package.functional\n" + GOOD)
    lane.makepyfile(helper="import heavy_package", test_indirect="import helper\n" + GOOD)
    result = run(lane)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("the quick lane leaves to nox -s tests: test_heavy.py, test_indirect.py")


@pytest.mark.skipif(find_spec("torch") is not None, reason="a worker has the quick lane's own list")
def test_what_a_worker_leaves_out_is_named_too(lane: pytest.Pytester) -> None:
    lane.makepyfile(test_good=GOOD, test_heavy="import torch\n" + GOOD)
    result = run(lane, "-n", "1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("the quick lane leaves to nox -s tests: test_heavy.py")


def test_file_with_another_mistake_is_an_error(lane: pytest.Pytester) -> None:
    lane.makepyfile(test_misspelt="import heavy_pakage\n" + GOOD)
    run(lane).assert_outcomes(errors=1)


@pytest.mark.parametrize("argument", ["_needs_torch", "project"])
def test_test_whose_fixture_needs_what_is_lacking_is_left_out(lane: pytest.Pytester, argument: str) -> None:
    lane.makepyfile(test_mixed=f"{GOOD}\ndef test_heavy({argument}): assert False")
    run(lane).assert_outcomes(passed=1, deselected=1)


def test_test_that_does_not_say_what_it_needs_fails(lane: pytest.Pytester) -> None:
    lane.makepyfile(test_undeclared="def test_heavy(): import heavy_package")
    run(lane).assert_outcomes(failed=1)


@pytest.mark.parametrize("program", quick_lane.PROGRAMS)
def test_program_that_is_lacking_fails(lane: pytest.Pytester, program: str) -> None:
    lane.makepyfile(f"import subprocess\ndef test_heavy(): subprocess.run(['{program}', '-v'], check=True)")
    result = run(lane)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*non-zero exit status 127*")


def test_it_refuses_to_run_where_nothing_is_lacking(
    lane: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_lane, "PACKAGES", ("pytest",))
    result = run(lane)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: the quick lane runs where pytest is not: nox -s tests_quick")
