"""Every code block of SEED.md runs, with ``tt_transformers_v2`` read as ``ttci``.

A block is cut into the files that its comments name, the code after "Run tests",
and its shell lines. The files are written into a project folder, the code is
executed, the shell lines are run; all of them with the substitutions below and
no others.
"""

import copy
import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import ttci.testing
from tests.root import ROOT
from ttci.catalog.checks import check_names
from ttci.checks.gradients import check_gradients
from ttci.checks.performance import check_performance, measure
from ttci.manifest import Pair, TestTargets, parse_source
from ttci.modules import attention, ffn, normalization
from ttci.results import Outcome, Result, Verdict
from ttci.testing import TestConfig, TestResults, registry, run_module_tests
from ttci.testing.discover import tests_of as declared_by
from ttci.testing.sources import import_source
from ttci.testing.targets import BoundTargets

COPY = ROOT / "tests" / "data" / "SEED.md"
ORIGINAL = ROOT.parent / "shared" / "SEED.md"

OPTION_1, OPTION_2, OPTION_3, OPTION_4, HYBRID, IMPLEMENTATION, CI = range(7)

# What is written otherwise in the seed, in order.
SUBSTITUTIONS = {
    # The name of the package. Its tests are named by the path they have here.
    "pytest tt_transformers_v2/tests": f"pytest {ROOT}/ttci/tests",
    "from tt_transformers_v2 import": "from ttci.modules import",
    "from tt_transformers_v2.testing import": "from ttci.testing import",
    "python -m tt_transformers_v2.testing": "python -m ttci.testing",
    # What the seed leaves out between parentheses or in a comment.
    "attention.MultiHeadAttention(...)": "attention.MultiHeadAttention(config.hidden_dim, num_heads=32)",
    "ffn.SwiGLU(...)": "ffn.SwiGLU(config.hidden_dim, 11008)",
    "normalization.RMSNorm(...)": "normalization.RMSNorm(config.hidden_dim)",
    "# ... build model ...": (
        "self.attention = attention.MultiHeadAttention(config.hidden_dim, num_heads=32)\n"
        "        self.ffn = ffn.SwiGLU(config.hidden_dim, 11008)"
    ),
    # Latencies that any machine reaches, however busy: no test here depends on time.
    '"latency_ms": 5.0': '"latency_ms": 5000.0',
    '"latency_ms": 3.0': '"latency_ms": 3000.0',
    # Sizes, so that it is quick.
    "11008": "344",
    "4096": "128",
    "2048": "64",
}
HIDDEN_DIM, TOKENS = 128, 64

# What the blocks use and leave out: imports, and the configuration of the model.
PRELUDE = """\
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Dict, List, Optional, Tuple

import torch
from torch import nn

from ttci.modules import attention, ffn, normalization
from ttci.testing import TestableModule, TestConfig, TestResults

config = SimpleNamespace(hidden_dim=128)
"""

DEVICES = """\
[devices.cpu]
backend = "torch"
max-tokens = 16
"""
MODELS = """\
[models.llama3]
source = "models/llama3/model.py::LLaMA3Model"
devices = ["cpu"]
"""

_PART = re.compile(r"^# (?P<file>[\w./]+\.(?:py|yml))$|^# (?P<run>Run\w* tests.*|Run via pytest)$")


@dataclasses.dataclass
class Block:
    """A code block of the seed, taken apart."""

    language: str
    files: dict[str, str]
    script: str
    shell: list[str]


def take_apart(language: str, text: str) -> Block:
    for written, read in SUBSTITUTIONS.items():
        text = text.replace(written, read)
    block = Block(language, {}, "", [])
    current: str | None = None
    for line in text.splitlines(keepends=True):
        part = _PART.match(line)
        if part:
            current = part["file"]
            if current:
                block.files[current] = ""
        elif line.startswith("$ "):
            block.shell.append(line[2:].strip())
        elif current:
            block.files[current] += line
        else:
            block.script += line
    return block


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", COPY.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [take_apart(language, text) for language, text in found]


@dataclasses.dataclass
class Project:
    """A user's project folder with the files of one block in it."""

    folder: Path
    block: Block

    def load(self, file: str = "models/llama3/model.py") -> ModuleType:
        """The file, imported as ttci imports it."""
        return import_source(parse_source(file, self.folder))

    def run_script(self, module: ModuleType) -> dict[str, Any]:
        """Execute what the block says to run, with the names of `module`."""
        names = dict(vars(module))
        exec(compile(self.block.script, "SEED.md", "exec"), names)
        return names

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as from a terminal in the project's folder."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTEST_ADDOPTS"] = (
            f"--run-json=run.json --rootdir={self.folder} -p no:cacheprovider --benchmark-max-time=0.05"
        )
        return subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def recorded(self) -> dict[str, str]:
        """The outcome of every check in run.json."""
        results = json.loads((self.folder / "run.json").read_text())["results"]
        return {result["id"]: result["outcome"] for result in results}


def project(folder: Path, number: int) -> Project:
    block = blocks()[number]
    has_model = "models/llama3/model.py" in block.files
    (folder / "models_manifest.toml").write_text(DEVICES + (MODELS if has_model else ""))
    for name, text in block.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PRELUDE + text)
    return Project(folder, block)


@pytest.fixture(autouse=True)
def _in_the_projects_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_builders", {})  # the same names are registered again by each test


def passed(pair: str, tests: list[str]) -> dict[str, str]:
    return {f"{pair}/{test}[{check}]": "passed" for test in tests for check in check_names()}


def outcomes(results: TestResults) -> dict[str, str]:
    return {result.id: str(result.outcome) for result in results}


@pytest.mark.skipif(not ORIGINAL.exists(), reason="the seed does not lie beside this clone")
def test_the_copy_of_the_seed_is_the_seed() -> None:
    assert COPY.read_bytes() == ORIGINAL.read_bytes()


def test_every_block_of_the_seed_is_tested_here_and_every_substitution_is_used() -> None:
    text = COPY.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(blocks()) == 14
    assert [block.language for block in blocks()] == ["python"] * 6 + ["yaml"]
    assert [len(block.shell) for block in blocks()] == [1, 1, 0, 0, 1, 0, 0]
    assert all(written in text for written in SUBSTITUTIONS)
    rest = "".join(str(block.files.values()) + block.script + str(block.shell) for block in blocks())
    assert "tt_transformers_v2" not in rest


def test_option_1_registers_an_instance(tmp_path: Path) -> None:
    model = project(tmp_path, OPTION_1).load()
    results = run_module_tests(model.LLaMA3Model(model.config))
    assert outcomes(results) == passed("LLaMA3Model@cpu", ["llama3_7b_attention", "llama3_7b_ffn"])
    assert results.ok


def test_option_1_registers_a_function_and_runs_by_name(tmp_path: Path) -> None:
    seed = project(tmp_path, OPTION_1)
    model = seed.load()
    modules = {test.name: test.module for test in declared_by(model.get_test_modules)}
    assert {name: type(module) for name, module in modules.items()} == {
        "llama3_7b_attention": attention.MultiHeadAttention,
        "llama3_7b_ffn": ffn.SwiGLU,
        "llama3_7b_norm": normalization.RMSNorm,
    }
    (line,) = seed.block.shell
    ended = seed.shell(line)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert seed.recorded() == passed("llama3_7b@cpu", list(modules))
    assert "12 passed" in ended.stdout


def test_option_2_runs_a_specification_file(tmp_path: Path) -> None:
    seed = project(tmp_path, OPTION_2)
    specs = seed.load("models/llama3/test_config.py").LLAMA3_7B_TESTS
    by_call = run_module_tests(specs, name="llama3")
    # A memory target is judged along with performance.
    names = ["llama3_7b_attention", "llama3_7b_ffn"]
    assert outcomes(by_call) == passed("llama3@cpu", names)
    (measurement,) = by_call["llama3_7b_ffn"]["memory"].measurements
    assert (measurement.target, measurement.verdict) == (256, Verdict.IMPROVED)
    (line,) = seed.block.shell
    ended = seed.shell(line)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert seed.recorded() == passed("test_config@cpu", names)


def test_option_3_marks_modules_in_place_and_changes_nothing_about_them(tmp_path: Path) -> None:
    model = project(tmp_path, OPTION_3).load()
    llama = model.LLaMA3Model(model.config)
    assert type(llama.attention) is attention.MultiHeadAttention
    plain = attention.MultiHeadAttention(HIDDEN_DIM, num_heads=32, rope_theta=10000.0)
    plain.load_state_dict(llama.attention.state_dict())
    x = torch.randn(1, 8, HIDDEN_DIM)
    assert torch.equal(llama.attention(x), plain(x))
    assert vars(plain).keys() == vars(llama.attention).keys()
    assert ttci.testing.test_module(plain, test_name="again") is plain

    results = run_module_tests(llama)
    assert outcomes(results) == passed("LLaMA3Model@cpu", ["llama3_7b_attention", "llama3_7b_ffn"])
    correctness = results["llama3_7b_attention"]["correctness"]
    assert correctness.config["cut_from"] == [1, TOKENS, HIDDEN_DIM]
    assert correctness.config["tolerance"] == 1e-3
    (latency,) = results["llama3_7b_attention"]["performance"].measurements
    assert (latency.name, latency.target) == ("latency_ms", 5000.0)


def test_option_4_lists_tests_and_runs_them(tmp_path: Path) -> None:
    seed = project(tmp_path, OPTION_4)
    results = seed.run_script(seed.load())["results"]
    assert isinstance(results, TestResults)
    assert outcomes(results) == passed("list@cpu", ["llama3_attention", "llama3_ffn"])
    assert results["llama3_ffn"]["correctness"].config["cut_from"] == [1, TOKENS, HIDDEN_DIM]
    assert results.ok


def test_the_hybrids_own_classes_are_those_of_ttci(tmp_path: Path) -> None:
    seeds = project(tmp_path, HYBRID).load("tt_transformers_v2/testing/module_testing.py")
    ours = {field.name: field for field in dataclasses.fields(TestConfig)}
    assert list(ours)[: len(dataclasses.fields(seeds.TestConfig))] == [
        field.name for field in dataclasses.fields(seeds.TestConfig)
    ]
    positional = ("it", (1, 4, 8), (1, 4, 8), 1e-2, {"latency_ms": 5.0}, ["correctness"])
    theirs, our = seeds.TestConfig(*positional), TestConfig(*positional)
    assert dataclasses.asdict(theirs).items() <= dataclasses.asdict(our).items()
    for name in ("expected_output_shape", "tolerance", "performance_targets"):
        assert getattr(TestConfig("it"), name) == getattr(seeds.TestConfig("it", (1,)), name)
    assert inspect.signature(seeds.TestableModule.get_test_configs).parameters.keys() == {"self"}
    with pytest.raises(NotImplementedError):
        ttci.testing.TestableModule().get_test_configs()


def test_the_hybrid_runs_by_call_and_by_the_pytest_plugin(tmp_path: Path) -> None:
    seed = project(tmp_path, HYBRID)
    results = seed.run_script(seed.load())["results"]
    names = ["llama3_7b_attention", "llama3_7b_ffn"]
    assert outcomes(results) == passed("LLaMA3Model@cpu", names)
    assert results.ok
    (line,) = seed.block.shell
    ended = seed.shell(line)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert seed.recorded() == passed("LLaMA3Model@cpu", names)


def result(test: str, check: str, seconds: float = 0.0, **found: Any) -> Result:
    identity = f"{Pair('seed', 'cpu')}/{test}[{check}]"
    return Result(id=identity, test=test, check=check, outcome=Outcome.PASSED, seconds=seconds, **found)


def pieces() -> dict[str, Any]:
    """What the seed's own runner calls and leaves out, made of ttci's checks."""
    verified: list[Verdict] = []

    def test_performance(module: nn.Module, config: TestConfig) -> Result:
        x = torch.randn(config.input_shape or ())
        samples = measure(lambda: module(x), max_seconds=0.05)
        return result(config.name, "performance", measurements=check_performance(samples).measurements)

    def verify_performance_targets(found: Result, targets: dict[str, float]) -> None:
        bound = BoundTargets(TestTargets.model_validate(targets), TestTargets(), code_binds=True)
        verified.extend(m.verdict for m in bound.judge("performance", found.measurements))

    def gradients(module: nn.Module, x: torch.Tensor) -> None:
        in_float64 = copy.deepcopy(module).double()
        leaf = x[:, :4].double().requires_grad_()
        wanted = {"x": leaf, **dict(in_float64.named_parameters())}
        assert not check_gradients(lambda: [in_float64(leaf)], wanted).problems

    return {
        "test_performance": test_performance,
        "verify_performance_targets": verify_performance_targets,
        "check_gradients": gradients,
        "CorrectnessResult": lambda passed: result("it", "correctness", message=f"passed: {passed}"),
        "verified": verified,
    }


def test_the_seeds_own_runner_runs_on_ttcis_configurations_and_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hybrid").mkdir()
    model = project(tmp_path / "hybrid", HYBRID).load()
    runner = project(tmp_path, IMPLEMENTATION).load("tt_transformers_v2/src/testing/module_tester.py")
    vars(runner).update(pieces())
    results = runner.run_module_tests(model.LLaMA3Model(model.config))
    assert isinstance(results, TestResults)
    assert results.ok
    assert [(r.check, r.message) for r in results["llama3_7b_ffn"].values()] == [
        ("correctness", "passed: True"),
        ("performance", ""),
    ]
    assert len(results["llama3_7b_attention"]) == 2
    assert runner.verified == [Verdict.IMPROVED] * 2
    assert capsys.readouterr().out == "Testing llama3_7b_attention...\nTesting llama3_7b_ffn...\n"


def ci_command() -> str:
    """The ``run:`` of the workflow's step."""
    (text,) = blocks()[CI].files.values()
    assert "- name: Test LLaMA-3 Modules" in text
    return text.partition("run: |\n")[2]


def test_the_ci_step_names_a_board_that_is_not_here_and_says_so(tmp_path: Path) -> None:
    ended = project(tmp_path, HYBRID).shell(ci_command())
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert ended.stderr.startswith("wormhole_b0: ")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_the_ci_step_passes_on_the_cpu(tmp_path: Path) -> None:
    ended = project(tmp_path, HYBRID).shell(ci_command().replace("wormhole_b0", "cpu"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.rstrip().endswith("8 passed")
    assert "LLaMA3Model@cpu/llama3_7b_attention[gradients]: passed" in ended.stdout
