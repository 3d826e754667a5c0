"""The pytest plugin: what its options collect, and how it plays with pytest's own and with plugins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ttci

if TYPE_CHECKING:
    from tests.conftest import Done, Project

SUITE = "ttci/tests/test_checks.py"
TINY = ("lin[correctness]", "lin[performance]", "norm[correctness]", "norm[performance]")
TINY_IDS = [f"{SUITE}::Tiny@cpu/{name}" for name in TINY]


def collected(done: Done) -> list[str]:
    return [line for line in done.lines if "::" in line]


@pytest.fixture(scope="module")
def shared(make_project: Callable[..., Project]) -> Project:
    """A project that tests only read."""
    project = make_project()
    project.write("tests/test_user.py", "def test_of_the_user() -> None:\n    pass\n")
    return project


@pytest.fixture(scope="module")
def full_run(make_project: Callable[..., Project]) -> tuple[Project, Done]:
    """One run with every file."""
    project = make_project()
    files = ("--junitxml", "junit.xml", "--benchmark-json", "b.json", "--run-json", "run.json")
    return project, project.pytest("-v", "--test-model", "model.py::Tiny", *files)


def test_node_ids_are_the_same_from_another_rootdir(shared: Project, tmp_path: Path) -> None:
    done = shared.pytest(
        "--collect-only",
        "-q",
        "--rootdir",
        tmp_path,
        "--test-model",
        "model.py::Tiny",
        "-p",
        "no:cacheprovider",
    )
    assert collected(done) == TINY_IDS


@pytest.mark.parametrize("arguments", [(), (".",)], ids=["without a path", "with a path around it"])
def test_node_ids_are_the_same_where_ttci_lies_in_a_venv_of_the_project(
    project: Project, arguments: tuple[str, ...]
) -> None:
    packages = project.path / ".venv/lib/python3/site-packages"
    shutil.copytree(Path(ttci.__file__).parent, packages / "ttci")
    project.write(".venv/pyvenv.cfg", "")
    done = project.pytest(
        "--collect-only", "-q", "--test-model", "model.py::Tiny", *arguments, PYTHONPATH=str(packages)
    )
    assert collected(done) == TINY_IDS, done.output


USERS_TEST = "tests/test_user.py::test_of_the_user"
CHOICES: dict[tuple[str, ...], list[str]] = {
    (): TINY_IDS,
    ("ttci/tests",): TINY_IDS,
    (SUITE,): TINY_IDS,
    ("--pyargs", "ttci.tests"): TINY_IDS,
    (TINY_IDS[2],): [TINY_IDS[2]],
    (TINY_IDS[3], TINY_IDS[0]): [TINY_IDS[0], TINY_IDS[3]],
    ("tests",): [USERS_TEST, *TINY_IDS],
    ("tests", TINY_IDS[1]): [USERS_TEST, TINY_IDS[1]],
    ("-k", "lin and performance"): [TINY_IDS[1]],
    ("-k", "not norm"): TINY_IDS[:2],
    ("--deselect", TINY_IDS[0]): TINY_IDS[1:],
    ("--test-check", "performance"): [TINY_IDS[1], TINY_IDS[3]],
    ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"): TINY_IDS,
    **{(f"--randomly-seed={seed}",): TINY_IDS for seed in range(5)},  # the checks of a test together
}


@pytest.fixture(scope="module")
def choices(shared: Project) -> dict[tuple[str, ...], Done]:
    base = ("--collect-only", "-q", "--test-model", "model.py::Tiny")
    return dict(zip(CHOICES, shared.pytest_each((*base, *choice) for choice in CHOICES), strict=True))


@pytest.mark.parametrize("arguments", CHOICES, ids=" ".join)
def test_arguments_choose_among_the_checks(
    choices: dict[tuple[str, ...], Done], arguments: tuple[str, ...]
) -> None:
    done = choices[arguments]
    assert done.code == 0, done.output
    assert collected(done) == CHOICES[arguments]


def test_a_users_testpaths_do_not_run_beside_the_suite(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.write("tests/test_user.py", "def test_of_the_user() -> None:\n    pass\n")
    done = project.pytest("--collect-only", "-q", "--test-model", "model.py::Tiny")
    assert collected(done) == TINY_IDS


def test_a_choice_that_matches_nothing_ends_with_5(shared: Project) -> None:
    done = shared.pytest("-q", "--test-model", "model.py::Tiny", "-k", "nothing_of_that_name")
    assert done.code == 5


def test_junit_and_benchmark_and_run_json_name_a_check_by_its_identity(
    full_run: tuple[Project, Done],
) -> None:
    project, done = full_run
    assert done.code == 0, done.output
    identities = [f"Tiny@cpu/{name}" for name in TINY]
    assert [case.get("name") for case in project.junit().iter("testcase")] == identities
    assert [result["id"] for result in project.run_json()["results"]] == identities
    benchmarks = project.run_json("b.json")["benchmarks"]
    assert {entry["name"] for entry in benchmarks} == {identities[1], identities[3]}
    assert {entry["fullname"] for entry in benchmarks} == {TINY_IDS[1], TINY_IDS[3]}


def test_junit_is_one_testsuite_as_pytest_writes_it(full_run: tuple[Project, Done]) -> None:
    root = full_run[0].junit()
    assert root.tag == "testsuites"
    assert [(suite.tag, suite.get("name")) for suite in root] == [("testsuite", "pytest")]


def test_the_summary_shows_what_was_measured_with_its_verdict(full_run: tuple[Project, Done]) -> None:
    row = next(line for line in full_run[1].lines if line.startswith("lin   performance"))
    assert row.split()[2:4] == ["passed", "latency_ms"]


def test_run_json_tells_pair_fidelity_and_times_of_the_run(full_run: tuple[Project, Done]) -> None:
    run = full_run[0].run_json()
    assert (run["schema"], run["pair"], run["model"], run["device"]) == (1, "Tiny@cpu", "Tiny", "cpu")
    assert run["fidelity"] == "reference"
    assert run["started"] < run["finished"]


def test_exitfirst_stops_and_what_did_not_run_is_no_pass(project: Project) -> None:
    done = project.pytest("-x", "--test-model", "model.py::OneBad", "--run-json", "run.json")
    assert done.code == 1
    assert project.outcomes() == {
        "bad[correctness]": "failed",
        "bad[performance]": "error",
        "good[correctness]": "error",
        "good[performance]": "error",
    }
    messages = [result["message"] for result in project.run_json()["results"]]
    assert all(message.startswith("not judged: ") for message in messages[1:])


def test_last_failed_runs_only_what_failed_also_beside_a_users_failure(project: Project) -> None:
    project.write("tests/test_user.py", "def test_bad() -> None:\n    raise ValueError\n")
    choice = ("-q", "--test-model", "model.py::OneBad", "--run-json", "run.json", "tests")
    assert project.pytest(*choice).code == 1
    again = project.pytest(*choice, "--lf", "-vv")
    ran = {line.split()[0] for line in again.lines if "FAILED" in line and "::" in line.split()[0]}
    assert ran == {"tests/test_user.py::test_bad", f"{SUITE}::OneBad@cpu/bad[correctness]"}, again.output
    assert project.outcomes() == {"bad[correctness]": "failed"}


def test_failed_first_runs_what_failed_before_the_rest(project: Project) -> None:
    model = project.path / "model.py"
    model.write_text(
        model.read_text().replace(
            '"bad": (Nan', '"z": (nn.Linear(8, 8), TestConfig("z", SHAPE)), "bad": (Nan'
        )
    )
    choice = ("-q", "--test-model", "model.py::OneBad", "--test-check", "correctness", "-p", "no:randomly")
    assert project.pytest(*choice).code == 1
    again = project.pytest(*choice, "--ff", "-vv")
    order = [line.split("/")[-1].split("[")[0] for line in again.lines if line.startswith(SUITE)]
    assert order == ["bad", "z", "good"], again.output


def test_the_suite_needs_no_plugin_but_the_benchmarks(project: Project) -> None:
    without = [f"-pno:{name}" for name in ("randomly", "cacheprovider", "xdist", "junitxml")]
    done = project.pytest(*without, "-q", "--test-model", "model.py::Tiny")
    assert done.code == 0, done.output


def test_pytest_benchmarks_limits_are_respected(project: Project) -> None:
    done = project.pytest(
        *("-q", "--test-model", "model.py::Tiny", "-k", "lin", "--benchmark-json", "b.json"),
        *("--benchmark-min-rounds", "300", "--benchmark-max-time", "0.0001"),
    )
    assert done.code == 0, done.output
    (entry,) = project.run_json("b.json")["benchmarks"]
    assert entry["stats"]["rounds"] == 300
    assert len(entry["stats"]["data"]) == 300


def test_a_users_own_benchmarks_are_measured_as_without_ttci(project: Project) -> None:
    project.write("tests/test_user.py", "def test_it(benchmark) -> None:\n    benchmark(lambda: None)\n")
    project.pytest(
        "-q", "tests", "--test-model", "model.py::Tiny", "-k", "test_it", "--benchmark-json", "b.json"
    )
    (entry,) = project.run_json("b.json")["benchmarks"]
    assert entry["options"].get("precision") is None


def test_two_runs_compare_side_by_side_in_pytest_benchmark(project: Project) -> None:
    choice = ("-q", "--test-model", "model.py::Tiny", "--test-check", "performance")
    first = project.pytest(*choice, "--benchmark-json", "a.json", "--benchmark-autosave")
    second = project.pytest(*choice, "--benchmark-json", "b.json", "--benchmark-compare")
    assert (first.code, second.code) == (0, 0), second.output
    assert "Tiny@cpu/lin[performance] (0001_" in second.output
    compared = project.python("-m", "pytest_benchmark", "compare", "a.json", "b.json", "--columns=median")
    assert compared.code == 0, compared.output
    for name in ("lin", "norm"):
        rows = [line for line in compared.lines if line.startswith(f"Tiny@cpu/{name}[performance]")]
        assert len(rows) == 2, compared.output


def test_without_an_option_the_plugin_loads_nothing_heavy(project: Project) -> None:
    project.write(
        "tests/test_user.py",
        """
        import sys

        def test_what_is_loaded() -> None:
            heavy = {"torch", "pydantic", "rich", "ttci.testing", "ttci.results"}
            assert "ttci.plugin" in sys.modules
            assert not heavy & set(sys.modules)
        """,
    )
    done = project.pytest("-q", "tests")
    assert done.code == 0, done.output


@pytest.mark.parametrize("plugin", [(), ("-p", "no:ttci")], ids=["with the plugin", "without"])
def test_without_an_option_the_suite_is_empty(project: Project, plugin: tuple[str, ...]) -> None:
    done = project.pytest("-q", *plugin, "--pyargs", "ttci.tests")
    assert done.code == 5, done.output


@pytest.mark.parametrize("plugin", [(), ("-p", "no:ttci")], ids=["with the plugin", "without"])
def test_importing_the_whole_api_into_a_test_file_collects_nothing(
    project: Project, plugin: tuple[str, ...]
) -> None:
    project.write("test_api.py", "from ttci.testing import *\nimport ttci.testing as t\n")
    done = project.pytest("-q", *plugin, "test_api.py")
    assert done.code == 5, done.output
    assert "warning" not in done.output.lower()


MISTAKES = {
    "an unknown device": (("--test-device", "n15O"), 2, 'unknown device "n15O"'),
    "a device that is not here": (("--test-device", "wormhole_b0"), 3, "wormhole_b0: "),
    "an unknown check": (("--test-check", "performence"), 2, 'did you mean "performance"?'),
    "two choosers": (("--test-spec", "model.py"), 2, "--test-model and --test-spec exclude each other"),
    "a bad manifest": (("--manifest", "bad.toml"), 2, "bad.toml:1"),
    "no such manifest": (("--manifest", "none.toml"), 2, "none.toml"),
    "no such file": (("--test-model", "nowhere.py::Tiny"), 2, "nowhere.py"),
    "no such class": (("--test-model", "model.py::Tinny"), 2, 'did you mean "Tiny"?'),
    "a model that raises": (("--test-model", "raises.py"), 2, "raises.py:2: "),
    "a model that exits": (("--test-model", "exits.py"), 2, "SystemExit"),
}


@pytest.fixture(scope="module")
def mistaken(make_project: Callable[..., Project]) -> Project:
    project = make_project()
    project.write("bad.toml", '[device.cpu]\nbackend = "torch"\n')
    project.write("exits.py", "import sys\nsys.exit(0)\n")
    project.write("raises.py", "import torch\nraise RuntimeError('not today')\n")
    return project


@pytest.fixture(scope="module")
def mistakes(mistaken: Project) -> dict[str, Done]:
    base = ("-q", "--test-model", "model.py::Tiny")
    runs = [(*base, *arguments) for arguments, _, _ in MISTAKES.values()]
    return dict(zip(MISTAKES, mistaken.pytest_each(runs), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_users_mistake_ends_with_its_message_and_code(mistakes: dict[str, Done], mistake: str) -> None:
    _, code, message = MISTAKES[mistake]
    done = mistakes[mistake]
    assert (done.code, done.output.count(message)) == (code, 1), done.output
    assert "Traceback" not in done.output
    assert "INTERNALERROR" not in done.output


@pytest.mark.parametrize("mistake", ["an unknown device", "a model that raises", "a device that is not here"])
def test_a_users_mistake_reads_the_same_with_workers(mistaken: Project, mistake: str) -> None:
    arguments, code, message = MISTAKES[mistake]
    done = mistaken.pytest("-q", "-n", "2", "--test-model", "model.py::Tiny", *arguments)
    assert (done.code, done.output.count(message)) == (code, 1), done.output
    assert "Traceback" not in done.output
    assert "INTERNALERROR" not in done.output


@pytest.mark.parametrize("hook", ["pytest_collection_modifyitems", "pytest_runtestloop"])
def test_an_internal_error_ends_with_4(project: Project, hook: str) -> None:
    project.write("conftest.py", f"def {hook}():\n    raise RuntimeError('of pytest itself')\n")
    done = project.pytest("-q", "--test-model", "model.py::Tiny", "--run-json", "run.json")
    assert done.code == 4, done.output
    assert "of pytest itself" in done.output
    assert "passed" not in project.outcomes().values()


def test_a_missing_package_is_named_with_the_command_that_installs_it(project: Project) -> None:
    project.write("torch.py", "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    done = project.pytest("-q", "--test-model", "model.py::Tiny")
    assert done.code == 2, done.output
    assert "python -m pip install 'ttci[torch]'" in done.output
    assert "Traceback" not in done.output


def test_benchmark_json_holds_the_identity_beside_the_name(full_run: tuple[Project, Done]) -> None:
    benchmarks = json.loads((full_run[0].path / "b.json").read_text())["benchmarks"]
    assert all(entry["extra_info"]["identity"] == entry["name"] for entry in benchmarks)
    assert all(entry["extra_info"]["steady"] in (True, False) for entry in benchmarks)
