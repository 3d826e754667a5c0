"""``ttci init``: what it writes for the repository that it finds, and what it leaves alone."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import yaml

from tests.conftest import Done, Project, clean_environment
from tests.repositories import git
from tests.root import ROOT
from ttci.manifest import load_manifest
from ttci.planning.plan import plan
from ttci.runner.environments import PairEnvironment

DECLARES = """\
from torch import nn
from ttci.testing import test_module


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = test_module(nn.Linear(8, 8), "layer", input_shape=(1, 4, 8))
"""
PYPROJECT = '[project]\nname = "own"\ndependencies = ["einops>=0.8"]\n'
WRITTEN = ["models_manifest.toml", "noxfile.py", ".github/workflows/models.yml"]


@pytest.fixture
def repository(tmp_path: Path) -> Project:
    git(tmp_path, "init", "-q", "-b", "trunk")
    return Project(tmp_path)


def manifest(repository: Project) -> dict[str, object]:
    return tomli.loads((repository.path / "models_manifest.toml").read_text(encoding="utf-8"))


def init(repository: Project, *arguments: str, folder: str = ".") -> Done:
    command = [sys.executable, "-m", "ttci", "init", *arguments]
    done = subprocess.run(
        command,
        cwd=repository.path / folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout + done.stderr)


def test_every_class_that_declares_tests_becomes_a_model_on_the_cpu(repository: Project) -> None:
    repository.write("nets/tiny.py", DECLARES.format(name="Tiny"))
    repository.write("nets/wide/model.py", DECLARES.format(name="Wide"))
    repository.write("nets/plain.py", "import ttci\n\n\nclass Plain:\n    pass\n")
    repository.write("tests/helper.py", DECLARES.format(name="InATest"))
    done = init(repository)
    assert done.code == 0, done.output
    assert done.lines == [
        "wrote models_manifest.toml",
        "  tiny: nets/tiny.py::Tiny on cpu",
        "  wide: nets/wide/model.py::Wide on cpu",
        "wrote noxfile.py",
        "wrote .github/workflows/models.yml",
        "next: nox -s models -- tiny",
    ]
    found = manifest(repository)
    assert found["models"] == {
        "tiny": {"source": "nets/tiny.py::Tiny", "devices": ["cpu"]},
        "wide": {"source": "nets/wide/model.py::Wide", "devices": ["cpu"]},
    }
    assert "environment" not in found


def test_two_classes_of_one_file_have_different_names(repository: Project) -> None:
    repository.write("nets.py", DECLARES.format(name="One") + "\n\n" + DECLARES.format(name="Two"))
    assert init(repository).code == 0
    assert manifest(repository)["models"] == {
        "nets-one": {"source": "nets.py::One", "devices": ["cpu"]},
        "nets-two": {"source": "nets.py::Two", "devices": ["cpu"]},
    }


@pytest.mark.parametrize(
    "form",
    [
        "def to_ttnn(self, device):\n    return None\n",
        "from ttci.modules import ffn\n",
        "from ttci.testing import register_lowering\n\nregister_lowering(int)(str)\n",
    ],
)
def test_model_with_a_ttnn_form_is_tested_on_a_mock_board_too_on_demand(
    repository: Project, form: str
) -> None:
    repository.write("helper.py", form)
    repository.write("tiny.py", "import helper\n" + DECLARES.format(name="Tiny"))
    done = init(repository)
    assert done.lines[-1] == "then, with no board: nox -s models -- tiny --device n150-mock"
    found = manifest(repository)
    assert found["models"] == {"tiny": {"source": "tiny.py::Tiny", "devices": ["cpu", "n150-mock"]}}
    devices = found["devices"]
    assert isinstance(devices, dict)
    assert devices["n150-mock"]["on-demand"] is True


@pytest.mark.parametrize(
    ("files", "requirements"),
    [
        (
            {"pyproject.toml": '[project]\nname = "own"\ndependencies = ["einops>=0.8"]\n'},
            [".", "safetensors"],
        ),
        ({"requirements.txt": "einops\nSafeTensors==1\n"}, ["-r requirements.txt"]),
        ({"pyproject.toml": "[tool.ruff]\n"}, ["einops", "safetensors"]),
        ({"pyproject.toml": "not TOML"}, ["einops", "safetensors"]),
    ],
)
def test_requirements_are_what_is_stated_and_what_is_imported_beside(
    repository: Project, files: dict[str, str], requirements: list[str]
) -> None:
    for name, text in files.items():
        repository.write(name, text)
    repository.write("layers.py", "import safetensors\nimport json, numpy\n")
    repository.write("tiny.py", "import einops, layers\n" + DECLARES.format(name="Tiny"))
    assert init(repository).code == 0
    assert manifest(repository)["environment"] == {"requirements": requirements}


def test_named_class_is_the_only_model_from_whatever_folder_it_is_named(repository: Project) -> None:
    repository.write("nets/tiny.py", DECLARES.format(name="Tiny"))
    repository.write("nets/other.py", DECLARES.format(name="Other"))
    done = init(repository, "tiny.py::Tiny", folder="nets")
    assert done.code == 0, done.output
    assert manifest(repository)["models"] == {"tiny": {"source": "nets/tiny.py::Tiny", "devices": ["cpu"]}}


@pytest.mark.usefixtures("_needs_torch")
def test_example_writes_a_model_that_ttci_check_accepts(repository: Project) -> None:
    assert init(repository, "--example").lines[0] == "wrote tiny.py"
    done = repository.ttci("check")
    assert (done.code, done.output) == (0, "tiny: 2 tests, 8 checks\n")


def test_what_is_there_is_kept_and_its_owner_told_what_to_add(repository: Project) -> None:
    repository.write("tiny.py", DECLARES.format(name="Tiny"))
    kept = {"noxfile.py": "import nox\n", ".github/workflows/models.yml": "on: push\n"}
    for name, text in kept.items():
        repository.write(name, text)
    done = init(repository)
    assert done.code == 0
    assert any(
        line.startswith("kept noxfile.py, which was there; add to it: from ttci.nox") for line in done.lines
    )
    assert "kept .github/workflows/models.yml, which was there" in done.lines
    assert {name: (repository.path / name).read_text(encoding="utf-8") for name in kept} == kept


def test_repository_with_a_manifest_is_left_as_it_is(repository: Project) -> None:
    repository.write("tiny.py", DECLARES.format(name="Tiny"))
    repository.write("models_manifest.toml", "# ours\n")
    done = init(repository)
    assert done.code == 2
    assert done.output.startswith(
        "models_manifest.toml is there already, and init changes nothing that is; add"
    )
    assert not any((repository.path / name).exists() for name in WRITTEN[1:])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("tiny.py::Tony", 'tiny.py: there is no class "Tony"; did you mean "Tiny"?'),
        ("tony.py::Tiny", 'there is no file "tony.py" in'),
        ("tiny.py:Tiny", 'write two colons, "tiny.py::Tiny"'),
        ("nets.tiny:Tiny", "name a file, path.py::Class"),
        ("../tiny.py::Tiny", "there is no file"),
    ],
)
def test_wrong_source_is_said_and_nothing_is_written(repository: Project, source: str, said: str) -> None:
    repository.write("tiny.py", DECLARES.format(name="Tiny"))
    done = init(repository, source)
    assert done.code == 2
    assert said in done.output
    assert not any((repository.path / name).exists() for name in WRITTEN)


def test_repository_without_a_model_is_told_how_one_declares_tests(repository: Project) -> None:
    done = init(repository)
    assert done.code == 2
    assert "declares tests; give the class get_test_configs()" in done.output
    assert "ttci init --example" in done.output


def test_folder_without_git_is_set_up_and_told_what_the_workflow_waits_for(tmp_path: Path) -> None:
    folder = Project(tmp_path)
    folder.write("tiny.py", DECLARES.format(name="Tiny"))
    done = init(folder)
    assert done.code == 0
    assert "there is no git repository here: the workflow runs once there is one (git init)" in done.lines
    assert all((tmp_path / name).is_file() for name in WRITTEN)


def test_workflow_is_for_the_branch_that_is_checked_out(repository: Project) -> None:
    init(repository, "--example")
    text = (repository.path / WRITTEN[2]).read_text(encoding="utf-8")
    assert 'branches: ["trunk"]' in text


@pytest.mark.usefixtures("_needs_torch")
def test_what_is_written_passes_check_actionlint_and_zizmor(repository: Project, node_folder: Path) -> None:
    assert init(repository, "--example").code == 0
    workflow = repository.path / WRITTEN[2]
    assert repository.ttci("check").code == 0
    actionlint = ["node", "actionlint.cjs", str(workflow)]
    done = subprocess.run(actionlint, cwd=node_folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    program = str(Path(sys.executable).parent / "zizmor")
    zizmor = [program, "--offline", "--no-progress", "--quiet", str(workflow)]
    done = subprocess.run(zizmor, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("_needs_torch")
def test_its_pull_requests_are_measured_beside_the_base_and_the_report_says_what_came_of_it(
    repository: Project,
) -> None:
    """What its steps type, in the merge that GitHub makes of a pull request."""
    init(repository, "--example")
    model = next(repository.path.glob("**/*tiny*.py"))
    text = (
        "from torch import nn\nfrom ttci.testing import TestableModule, TestConfig\n\n\n"
        "class Tiny(TestableModule):\n    def get_test_configs(self):\n"
        '        config = TestConfig("lin", (1, 4, 8), test_cases=["memory"])\n'
        '        return {"lin": (nn.Linear(8, WIDTH), config)}\n'
    )
    for branch, width in (("trunk", 8), ("change", 64)):
        git(repository.path, "checkout", "-q", "-B", branch)
        model.write_text(text.replace("WIDTH", str(width)))
        git(repository.path, "add", "-A")
        git(repository.path, "commit", "-q", "-m", branch)
    git(repository.path, "checkout", "-q", "--detach", "trunk")
    git(repository.path, "merge", "-q", "--no-ff", "-m", "merge", "change")
    _make_environment(repository)
    workflow = yaml.safe_load((repository.path / WRITTEN[2]).read_text(encoding="utf-8"))
    steps = workflow["jobs"]["models"]["steps"]
    typed = [shlex.split(step["run"]) for step in steps if step.get("run", "").startswith("ttci ")]
    assert [arguments[1] for arguments in typed] == ["compare", "report"]
    assert repository.ttci("run", "tiny").code == 0
    compared, reported = (repository.ttci(*arguments[1:]) for arguments in typed)
    assert compared.code == 0, compared.output
    assert "; against HEAD^1: 1 slower" in reported.lines[-1]


def _make_environment(repository: Project) -> None:
    """That of the pairs, as nox leaves it: here the one of the tests in its place."""
    written = load_manifest(repository.path / "models_manifest.toml")
    made = PairEnvironment.of(written, plan(written, ["tiny"], ["cpu"]).jobs[0])
    made.python.parent.mkdir(parents=True)
    made.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    made.python.chmod(0o755)
    (made.folder / "installed.txt").write_text(made.fingerprint())


def test_workflow_uses_the_actions_that_our_own_use() -> None:
    """So that lint and whoever renews them meet one pin of each."""
    from ttci.setup.texts import workflow_text

    uses = {line.partition("uses: ")[2] for line in workflow_text("main").splitlines() if "uses: " in line}
    own = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml"))
    assert len(uses) == 3
    assert all(f"uses: {use}" in own for use in uses)
