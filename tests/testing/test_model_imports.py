"""What a model's file can import: the same on every route, and each model its own modules."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ttci.checks.performance import Timing
from ttci.errors import InputError
from ttci.manifest import parse_source
from ttci.results import Outcome
from ttci.testing import discover
from ttci.testing.choice import Request, choose
from ttci.testing.imports import ImportScope
from ttci.testing.judge import judge_case

MODEL = """
from torch import nn
from ttci.testing import test_module
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = test_module(nn.Linear(WIDTH, 8), "fc", test_seq_len=8)
"""
DEVICE = '[devices.cpu]\nbackend = "torch"\n'
PYTHON = [sys.executable, "-B"]
PYTEST = ["-q", "-p", "no:cacheprovider", "--test-check=memory", "-n0"]
ROUTES: Mapping[str, Callable[[str], list[str]]] = {
    "ttci check": lambda _: [*PYTHON, "-m", "ttci", "check"],
    "ttci run": lambda _: [*PYTHON, "-m", "ttci", "run", "net", "--", *PYTEST],
    "pytest": lambda source: [*pytest_script(), *PYTEST, "--test-model", source],
    "python -m pytest": lambda source: [*PYTHON, "-m", "pytest", *PYTEST, "--test-model", source],
    "run_model_tests": lambda source: [*PYTHON, "-m", "ttci.testing.run_model_tests", "--model", source],
}


def pytest_script() -> list[str]:
    """As the console script starts it: without the working directory on the path."""
    code = "import sys; sys.path[0] = '/nowhere'; import pytest; sys.exit(pytest.main())"
    return [*PYTHON, "-c", code]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))


def manifest(folder: Path, **sources: str) -> None:
    entries = [
        f'[models.{name}]\nsource = "{source}"\ndevices = ["cpu"]\n' for name, source in sources.items()
    ]
    write(folder, {"models_manifest.toml": DEVICE + "".join(entries)})


def ran(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a repository, as the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def widths(*sources: str) -> list[int]:
    found = [discover.tests_of_source(parse_source(source, Path())) for source in sources]
    return [test.module.in_features for tests in found for test in tests]


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_finds_the_helper_beside_then_what_is_installed_then_the_repository(
    folder: Path, route: str
) -> None:
    write(
        folder,
        {
            "conftest.py": "import sys\nsys.path.insert(0, 'decoy')\nimport shapes\n",  # of pytest alone
            "decoy/shapes.py": "WIDTH = 1\n",
            "decoy/yaml.py": "",
            "shapes/__init__.py": "WIDTH = 2\n",  # in the root, of the helper's name
            "yaml/__init__.py": "",  # in the root, of an installed package's name
            "zoo/parts/sizes.py": "WIDTH = 16\n",
            "zoo/deep/net/shapes.py": "from zoo.parts.sizes import WIDTH\n",
            "zoo/deep/net/model.py": (
                "from yaml import safe_load\nfrom shapes import WIDTH\nassert WIDTH == 16, WIDTH" + MODEL
            ),
        },
    )
    manifest(folder, net="zoo/deep/net/model.py::M")
    done = ran(folder, ROUTES[route]("zoo/deep/net/model.py::M"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("route", ["ttci check", "pytest"])
def test_what_only_pytest_would_find_is_missing_on_every_route_and_told_where_it_is(
    folder: Path, route: str
) -> None:
    write(
        folder,
        {
            "pytest.ini": "[pytest]\npythonpath = src\n",
            "src/only_of_pytest.py": "WIDTH = 16\n",
            "net.py": "from only_of_pytest import WIDTH" + MODEL,
        },
    )
    manifest(folder, net="net.py::M")
    done = ran(folder, ROUTES[route]("net.py::M"))
    advice = {
        "ttci check": "it is looked for beside the file",
        "pytest": f"only pytest looks in {folder}/src",
    }
    assert done.returncode == 2, done.stdout
    assert "net.py:1: net.py::M does not import: ModuleNotFoundError: No module named" in done.stderr
    assert advice[route] in done.stderr


def test_the_repository_is_found_from_any_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write(folder, {"parts_of_the_zoo/sizes.py": "WIDTH = 16\n"})
    write(folder, {"a/b/net.py": "from parts_of_the_zoo.sizes import WIDTH" + MODEL})
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert widths(f"{folder}/a/b/net.py::M") == [16]


def test_a_project_inside_a_repository_finds_what_lies_beside_its_manifest(folder: Path) -> None:
    write(folder, {"ml/common_to_ml/sizes.py": "WIDTH = 24\n"})
    write(folder, {"ml/models/net.py": "from common_to_ml.sizes import WIDTH" + MODEL})
    manifest(folder / "ml", net="models/net.py::M")
    assert widths("ml/models/net.py::M") == [24]


@pytest.mark.parametrize("helper", ["helper.py", "helper/__init__.py", "helper/part.py"])
def test_models_whose_folders_hold_helpers_of_one_name_get_each_their_own(folder: Path, helper: str) -> None:
    start = "from helper.part import WIDTH" if helper == "helper/part.py" else "from helper import WIDTH"
    for name, width in (("a", 16), ("b", 32), ("c", 48)):
        write(folder, {f"{name}/{helper}": f"WIDTH = {width}\n", f"{name}/net.py": start + MODEL})
    assert widths("a/net.py::M", "b/net.py::M", "c/net.py::M", "a/net.py::M") == [16, 32, 48, 16]
    assert "helper" not in sys.modules


def test_models_that_add_folders_to_the_path_get_each_their_own(folder: Path) -> None:
    start = "import sys\nsys.path.insert(0, __file__.replace('net.py', 'lib'))\nfrom blocks import WIDTH"
    before = [*sys.path]
    for name, width in (("a", 16), ("b", 32)):
        write(folder, {f"{name}/lib/blocks.py": f"WIDTH = {width}\n", f"{name}/net.py": start + MODEL})
    assert widths("a/net.py::M", "b/net.py::M") == [16, 32]
    assert sys.path == before


def test_packages_of_one_name_in_two_folders_are_two(folder: Path) -> None:
    for name, width in (("a", 16), ("b", 32)):
        package = f"{name}/twin_package"
        write(folder, {f"{package}/__init__.py": "", f"{package}/sizes.py": f"WIDTH = {width}\n"})
        write(folder, {f"{package}/net.py": "from .sizes import WIDTH" + MODEL})
    assert widths("a/twin_package/net.py::M", "b/twin_package/net.py::M") == [16, 32]


def test_models_of_one_folder_share_their_helper(folder: Path) -> None:
    helper = "from pathlib import Path\nWIDTH = 16\nwith Path('log').open('a') as log: log.write('x')\n"
    write(folder, {"m/shared_helper.py": helper})
    for name in ("a", "b"):
        write(folder, {f"m/{name}.py": "from shared_helper import WIDTH" + MODEL})
    assert widths("m/a.py::M", "m/b.py::M") == [16, 16]
    assert Path("log").read_text() == "x"


def test_what_is_imported_when_a_check_runs_is_the_models_own(folder: Path) -> None:
    late = """
        from dataclasses import dataclass
        from torch import nn
        from ttci.testing import test_module
        class Late(nn.Module):
            def forward(self, x):
                import pickle, sys, typing
                from scales import Scale
                scale = pickle.loads(pickle.dumps(Scale()))
                assert typing.get_type_hints(Scale) == {"by": float}
                assert vars(sys.modules[Scale.__module__])["Scale"] is Scale
                return x * scale.by
        class M(nn.Module):
            def __init__(self):
                super().__init__()
                reference = lambda x: x * EXPECTED
                self.late = test_module(Late(), "late", input_shape=(1, 4), reference=reference)
        """
    scales = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    for name, by in (("a", 2.0), ("b", 3.0)):
        write(folder, {f"{name}/net.py": f"EXPECTED = {by}\n" + textwrap.dedent(late)})
        write(folder, {f"{name}/scales.py": f"{scales}@dataclass\nclass Scale:\n    by: float = {by}\n"})
    choices = [choose(Request(model=f"{name}/net.py::M")) for name in ("a", "b", "a")]
    judged = [judge_case(choice.cases[0], lambda _: Timing()) for choice in choices]
    assert [(result.outcome, result.message) for result in judged] == [(Outcome.PASSED, "")] * 3


def test_a_name_that_is_registered_by_one_of_several_models_is_judged_with_its_own_helper(
    folder: Path,
) -> None:
    for name, width in (("first", 16), ("second", 32)):
        builder = f"""
            from sizes_beside import WIDTH
            from torch import nn
            from ttci.testing import register_module_tests
            @register_module_tests("of_the_{name}")
            def tests():
                from sizes_beside import WIDTH as again
                assert again == WIDTH
                return {{"fc": nn.Linear(again, 8)}}
            """
        write(folder, {f"{name}/net.py": builder, f"{name}/sizes_beside.py": f"WIDTH = {width}\n"})
    manifest(folder, first="first/net.py", second="second/net.py")
    choice = choose(Request(manifest=Path("models_manifest.toml"), registration="of_the_second"))
    assert [test.module.in_features for test in choice.tests] == [32]


def test_a_class_of_a_spec_is_found_beside_the_file_that_names_it(folder: Path) -> None:
    for name, width in (("a", 16), ("b", 32)):
        sizes = {"in_features": width, "out_features": 8}
        spec = f"SPECS = [ModuleTestSpec('fc', 'own_layers.Layer', {sizes})]"
        write(folder, {f"{name}/net.py": f"from ttci.testing import ModuleTestSpec\n{spec}\n"})
        layer = f"from torch import nn\nclass Layer(nn.Linear):\n    tag = {name!r}\n"
        write(folder, {f"{name}/own_layers.py": layer})
    found = [discover.tests_of_source(parse_source(f"{name}/net.py", Path())) for name in ("a", "b")]
    assert [tests[0].module.tag for tests in found] == ["a", "b"]


def test_a_helper_named_like_an_installed_package_is_the_models_alone(folder: Path) -> None:
    import yaml

    write(folder, {"a/yaml.py": "WIDTH = 16\n", "a/net.py": "from yaml import WIDTH" + MODEL})
    write(folder, {"b/net.py": "import yaml\nWIDTH = yaml.safe_load('32')" + MODEL})
    assert widths("a/net.py::M", "b/net.py::M", "a/net.py::M") == [16, 32, 16]
    assert sys.modules["yaml"] is yaml


def test_an_installed_package_never_gets_a_models_helper(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    installed = tmp_path_factory.mktemp("installed")
    write(
        installed,
        {"a_library.py": "import its_need\nVALUE = its_need.VALUE\n", "its_need.py": "VALUE = 16\n"},
    )
    net = "import its_need\nimport a_library\nassert its_need.OWN\nWIDTH = a_library.VALUE"
    write(folder, {"m/its_need.py": "OWN = True\n", "m/net.py": net + MODEL})
    manifest(folder, net="m/net.py::M")
    environment = {**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = ROUTES["ttci check"]("")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_named_like_a_standard_module_breaks_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)  # one that is not loaded yet
    names = ("random", "types", "torch", "colorsys")
    write(folder, {f"m/{name}.py": "raise RuntimeError\n" for name in names})
    start = f"import {', '.join(names)}\nWIDTH = random.Random(0).choice([16])\nassert colorsys.rgb_to_hls"
    write(folder, {"m/net.py": start + MODEL})
    assert widths("m/net.py::M") == [16]


def test_a_file_in_a_package_may_import_relatively_and_by_its_packages_name(folder: Path) -> None:
    files = {f"src/a_zoo/{name}": "" for name in ("__init__.py", "big/__init__.py")}
    files["src/a_zoo/sizes.py"] = "class Size:\n    width = 16\n"
    start = (
        "from ..sizes import Size\nimport a_zoo.sizes\nassert a_zoo.sizes.Size is Size\nWIDTH = Size.width"
    )
    files["src/a_zoo/big/net.py"] = start + MODEL
    write(folder, files)
    assert widths("src/a_zoo/big/net.py::M") == [16]


def test_a_package_named_like_an_installed_one_imports_both(folder: Path) -> None:
    start = "from .sizes import WIDTH\nfrom yaml import safe_load"
    write(folder, {"yaml/__init__.py": "", "yaml/sizes.py": "WIDTH = 16\n", "yaml/net.py": start + MODEL})
    assert widths("yaml/net.py::M") == [16]


BAD_IMPORTS = {
    "from .sizes import WIDTH": "needs a package: put an __init__.py into the folder, or leave out the dot",
    "import not_anywhere": "it is looked for beside the file, among what is installed and in ",
    "from types import WIDTH": '; "types" beside the model has the name of a module that comes first',
}


@pytest.mark.parametrize("line", BAD_IMPORTS)
def test_an_import_that_fails_is_told_with_what_to_do(folder: Path, line: str) -> None:
    write(folder, {"m/sizes.py": "WIDTH = 16\n", "m/types.py": "WIDTH = 16\n", "m/net.py": line + MODEL})
    with pytest.raises(InputError, match=r"net\.py:1: .* does not import: ") as caught:
        widths("m/net.py::M")
    assert BAD_IMPORTS[line] in str(caught.value)


def test_a_model_that_changes_the_working_directory_moves_no_file(folder: Path) -> None:
    model = """
        import os
        os.chdir(os.path.dirname(os.path.abspath(__file__)))
        from torch import nn
        from ttci.testing import test_module
        class Layer(nn.Linear):
            def forward(self, x):
                os.chdir("/")
                return super().forward(x)
        class M(nn.Module):
            def __init__(self):
                super().__init__()
                with open("width") as file:
                    self.fc = test_module(Layer(int(file.read()), 8), "fc", test_seq_len=8)
        """
    write(folder, {"m/width": "16\n", "m/net.py": model})
    options = ["--run-json", "r.json", "--junitxml", "j.xml"]
    done = ran(folder, [*ROUTES["python -m pytest"]("m/net.py::M"), *options])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "r.json").exists()
    assert (folder / "j.xml").exists()


def test_what_a_model_sets_for_the_whole_process_reaches_no_other_and_no_judgement(folder: Path) -> None:
    start = (
        "import sys, torch\ntorch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.bfloat16)\n"
        "torch.set_default_device('meta')\nsys.argv.append('--more')\nWIDTH = 16"
    )
    write(
        folder,
        {"a.py": start + MODEL.replace("WIDTH, 8", "WIDTH, 8, device='cpu'"), "b.py": "WIDTH = 32" + MODEL},
    )
    arguments = [*sys.argv]
    choice = choose(Request(model="a.py::M"))
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    assert torch.get_default_device() == torch.device("cpu")
    assert sys.argv == arguments
    assert choice.tests[0].module.weight.dtype is torch.bfloat16
    assert choose(Request(model="b.py::M")).tests[0].module.weight.dtype is torch.float32
    outcomes = {case.check: judge_case(case, lambda _: Timing((0.001,))).outcome for case in choice.cases}
    assert outcomes == dict.fromkeys(["correctness", "gradients", "performance", "memory"], Outcome.PASSED)


def test_a_loaded_package_whose_places_are_paths_hinders_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("of_paths", None, is_package=True)
    spec.submodule_search_locations = [tmp_path / "of_paths"]  # type: ignore[list-item]  # as transformers has it
    package = ModuleType("of_paths")
    package.__spec__ = spec
    monkeypatch.setitem(sys.modules, "of_paths", package)
    write(tmp_path, {"net.py": MODEL.replace("WIDTH", "16")})
    [test] = discover.tests_of_source(parse_source("net.py::M", tmp_path))
    assert test.name == "fc"


def test_a_model_whose_folders_cannot_be_entered_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, finders = list(sys.path), list(sys.meta_path)

    def fails(_: ImportScope) -> None:
        raise OSError("the folder is gone")

    monkeypatch.setattr(ImportScope, "_take_out_what_is_not_found_here", fails)
    with pytest.raises(OSError, match="gone"), ImportScope(tmp_path, [tmp_path]).entered():
        pass
    assert (sys.path, sys.meta_path) == (path, finders)
