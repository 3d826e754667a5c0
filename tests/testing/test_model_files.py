"""A model's file: how its class is built, and what is told where it cannot be."""

import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import pytest

import ttci
from ttci.errors import InputError
from ttci.manifest import parse_source
from ttci.testing import ModuleTest
from ttci.testing import discover as declarations
from ttci.testing.choice import Request, choose
from ttci.testing.places import user_frames

found_in = declarations.tests_of
found_in_source = declarations.tests_of_source


@pytest.fixture(autouse=True)
def _in_a_folder_without_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(tests: list[ModuleTest]) -> list[str]:
    return [test.name for test in tests]


def write(folder: Path, text: str) -> str:
    (folder / "model.py").write_text(textwrap.dedent(text))
    return "model.py"


def refusal(source: str) -> str:
    with pytest.raises(InputError) as caught:
        found_in_source(parse_source(source, Path.cwd()))
    return str(caught.value)


BAD_FILES = {
    "an import that fails": (
        "import torch\nimport nowhere_to_be_found\n",
        2,
        "ModuleNotFoundError: No module",
    ),
    "a syntax error": ("x = 1\ny = = 2\n", 2, "SyntaxError: invalid syntax"),
    "an indentation error": ("x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent"),
    "an exception": ("def f():\n    raise KeyError('oh')\n\nf()\n", 2, "KeyError: 'oh'"),
    "an exit": ("import sys\nsys.exit(0)\n", 2, "SystemExit: 0"),
    "an error inside a library": ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting"),
}


@pytest.mark.parametrize(("text", "line", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_does_not_import_is_told_at_the_users_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    told = refusal(f"{write(tmp_path, text)}::Model")
    assert told.startswith(f"{tmp_path / 'model.py'}:{line}: model.py::Model does not import: {message}")


BAD_CLASSES = {
    "raises in its constructor": (
        "raise ValueError('bad size')",
        6,
        "Model cannot be built: ValueError: bad size",
    ),
    "calls a library wrongly": ("self.l = nn.Linear('a', 2)", 6, "Model cannot be built: TypeError: "),
    "forgets the parent's": (
        "self.l = nn.Linear(2, 2)",
        6,
        "Model cannot be built: AttributeError: cannot assign",
    ),
    "ends the process": ("raise SystemExit", 6, "Model cannot be built: SystemExit"),
    "declares nothing": ("super().__init__()", 4, "Model declares no tests; give it get_test_configs()"),
}


@pytest.mark.parametrize(("body", "line", "message"), BAD_CLASSES.values(), ids=BAD_CLASSES.keys())
def test_a_class_that_cannot_be_tested_is_told_at_the_users_line(
    tmp_path: Path, body: str, line: int, message: str
) -> None:
    text = f"from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self):\n        {body}\n"
    told = refusal(f"{write(tmp_path, text)}::Model")
    assert told.startswith(f"{tmp_path / 'model.py'}:{line}: {message}")


def test_a_class_that_is_not_there_is_told_with_a_suggestion(tmp_path: Path) -> None:
    told = refusal(f"{write(tmp_path, 'class LlamaModel: ...')}::LLamaModel")
    assert told == f'{tmp_path / "model.py"}: there is no "LLamaModel"; did you mean "LlamaModel"?'


def test_what_declares_no_found_in_a_file_is_told_with_the_file(tmp_path: Path) -> None:
    told = refusal(f"{write(tmp_path, 'width = 5')}::width")
    assert told.startswith(f"{tmp_path / 'model.py'}: a int declares no tests")
    other = tmp_path / "empty.py"
    other.write_text("")
    assert refusal("empty.py").startswith(f"{other}: declares no tests on its own")


def test_methods_that_raise_are_told_at_the_users_line(tmp_path: Path) -> None:
    text = """
        class Model:
            def get_test_configs(self):
                return {"a": self.attention}
        """
    told = refusal(f"{write(tmp_path, text)}::Model")
    assert told.startswith(f"{tmp_path / 'model.py'}:4: Model cannot say its tests: AttributeError: ")


ENDINGS = {
    "pytest.skip('no board')": "Skipped: no board; a declaration cannot be skipped: name the devices",
    "unittest.TestCase().skipTest('later')": "SkipTest: later; a declaration cannot be skipped: name the dev",
    "pytest.importorskip('nowhere_to_be_found')": "Skipped: could not import 'nowhere_to_be_found'",
    "pytest.fail('no')": "Failed: no",
    "pytest.exit('enough')": "Exit: enough",
    "sys.exit(0)": "SystemExit: 0",
    "raise asyncio.CancelledError": "CancelledError",
}
PLACES = {
    "at the import": "{ending}",
    "in a class": "class Model:\n    def get_module_tests(self):\n        {ending}",
    "in a constructor": "class Model:\n    get_module_tests = 0\n    def __init__(self):\n        {ending}",
    "in a function": "def Model():\n    {ending}",
    "in a generator": "def Model():\n    yield from ()\n    {ending}",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_declaration_that_skips_or_ends_is_told_at_the_users_line(
    tmp_path: Path, place: str, ending: str
) -> None:
    text = "import asyncio, pytest, sys, unittest\n" + PLACES[place].format(ending=ending)
    told = refusal(f"{write(tmp_path, text)}::Model")
    assert told.startswith(f"{tmp_path / 'model.py'}:{len(text.splitlines())}: ")
    assert f": {ENDINGS[ending]}" in told


def test_a_module_of_a_spec_that_skips_is_told_at_the_spec(tmp_path: Path) -> None:
    text = """
        import pytest
        from ttci.testing import ModuleTestSpec
        class Model:
            def __init__(self):
                pytest.skip("no weights")
        tests = [ModuleTestSpec("it", "own_model.Model")]
        """
    write(tmp_path, text)
    (tmp_path / "model.py").rename(tmp_path / "own_model.py")
    told = refusal("own_model.py::tests")
    assert told.startswith(f"{tmp_path / 'own_model.py'}:7: ")
    assert "own_model.Model() cannot be built: Skipped: no weights; a declaration cannot be skipped" in told


def test_an_interrupt_while_tests_are_declared_is_no_mistake_of_the_model(tmp_path: Path) -> None:
    source = write(tmp_path, "def model(): raise KeyboardInterrupt") + "::model"
    with pytest.raises(KeyboardInterrupt):
        found_in_source(parse_source(source, Path.cwd()))


HEADER = """
from dataclasses import dataclass
from torch import nn
from ttci.testing import ModuleTest

@dataclass
class Config:
    width: int = 8

class Base(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.layer = nn.Linear(config.width, 2)

    def get_module_tests(self):
        return [ModuleTest("a", module=self.layer)]
"""


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("class Model(Base): ...", 8),
        ("class Model(Base): ...\nCONFIG = Config(24)", 24),
        ("class Model(Base): ...\nconfig = Config(32)", 32),
        (
            "class Model(Base):\n  def __init__(self, config=Config(40)):\n    super().__init__(config)",
            40,
        ),
    ],
    ids=["annotated class", "CONFIG", "config", "default"],
)
def test_a_constructors_argument_is_found_by_name_or_built_from_its_annotation(
    tmp_path: Path, text: str, width: int
) -> None:
    source = f"{write(tmp_path, HEADER + text)}::Model"
    (test,) = found_in_source(parse_source(source, tmp_path))
    assert test.module.in_features == width


@pytest.mark.parametrize("argument", ["layers", "layers: int", "layers: 'Nothing'"])
def test_a_constructors_argument_that_nothing_gives_is_told(tmp_path: Path, argument: str) -> None:
    text = f"from torch import nn\nclass Model(nn.Module):\n    def __init__(self, {argument}): ...\n"
    told = refusal(f"{write(tmp_path, text)}::Model")
    assert told.startswith(
        f"{tmp_path / 'model.py'}:2: Model needs layers: give it a default, or define layers"
    )


def test_a_file_may_import_its_neighbours_and_a_module_is_found_from_the_working_directory(
    tmp_path: Path,
) -> None:
    (tmp_path / "neighbour_of_the_model.py").write_text("WIDTH = 8\n")
    text = """
        from neighbour_of_the_model import WIDTH
        from torch import nn
        from ttci.testing import ModuleTest
        TESTS = [ModuleTest("a", module=nn.Linear(WIDTH, 2))]
        """
    write(tmp_path, text)
    (tmp_path / "model.py").rename(tmp_path / "dotted_model.py")
    assert names(found_in_source(parse_source("dotted_model.py", tmp_path))) == ["a"]
    assert names(found_in_source(parse_source("dotted_model:TESTS", tmp_path))) == ["a"]


@pytest.mark.parametrize(
    ("file", "is_users"),
    [
        (f"{sys.prefix}/src/project/model.py", True),
        (f"{sys.base_prefix}/project/model.py", True),
        (f"{Path(ttci.__file__).parent}_models/model.py", True),
        (f"{Path(ttci.__file__).parent}/modules/ffn.py", False),
        (f"{sysconfig.get_path('purelib')}/lib.py", False),
        (f"{sysconfig.get_path('stdlib')}/json/decoder.py", False),
        ("/opt/env/lib/python3/dist-packages/lib.py", False),
        ("<frozen runpy>", False),
        ("<stdin>", True),
    ],
)
def test_a_users_project_is_told_from_libraries_wherever_it_lies(file: str, is_users: bool) -> None:
    code = compile("raise KeyError(5)", file, "exec")
    with pytest.raises(KeyError) as caught:
        exec(code, {"__name__": "project"})
    error = caught.value
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # this test's own frame
    assert [frame.filename for frame in user_frames(error)] == ([file] if is_users else [])


def test_code_that_was_typed_in_is_the_users_too() -> None:
    namespace: dict[str, Any] = {"__name__": "typed_in"}
    text = "from torch import nn\nclass Model(nn.Module):\n def __init__(self):\n  raise KeyError('oh')\n"
    exec(text, namespace)
    with pytest.raises(InputError, match=r"^<string>:4: Model cannot be built: KeyError: 'oh'"):
        found_in(namespace["Model"])


def test_a_source_with_the_class_of_a_models_name_in_another_file_is_not_that_model(tmp_path: Path) -> None:
    for name, test in (("model.py", "mine"), ("other.py", "theirs")):
        (tmp_path / name).write_text(HEADER.replace('"a"', f'"{test}"').replace("Base", "Model"))
    manifest = tmp_path / "m.toml"
    manifest.write_text(
        '[devices.cpu]\nbackend = "torch"\n[models.known]\nsource = "model.py::Model"\ndevices = ["cpu"]\n'
    )
    known = choose(Request(manifest=manifest, model="model.py::Model"))
    assert (known.pair.model, names(list(known.tests))) == ("known", ["mine"])
    other = choose(Request(manifest=manifest, model="other.py::Model"))
    assert (other.pair.model, names(list(other.tests))) == ("Model", ["theirs"])


def test_a_file_named_like_a_model_of_the_manifest_is_not_that_model(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(HEADER.replace("Base", "Model"))
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "tiny.py").write_text(
        "from ttci.testing import ModuleTestSpec\n"
        "SPECS = [ModuleTestSpec('of_the_spec', 'torch.nn.Linear', {'in_features': 8, 'out_features': 8})]\n"
    )
    manifest = tmp_path / "m.toml"
    manifest.write_text(
        '[devices.cpu]\nbackend = "torch"\n[models.tiny]\nsource = "tiny.py::Model"\ndevices = ["cpu"]\n'
    )
    choice = choose(Request(manifest=manifest, spec_file="specs/tiny.py"))
    assert [test.name for test in choice.tests] == ["of_the_spec"]
    assert choice.targets == {}


def test_a_target_that_no_check_measures_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "narrow.py").write_text(
        "from torch import nn\nfrom ttci.testing import ModuleTest\n"
        "TESTS = [ModuleTest('it', module=nn.Linear(8, 8), test_cases=['correctness'])]\n"
    )
    manifest = tmp_path / "m.toml"
    manifest.write_text(
        '[devices.cpu]\nbackend = "torch"\n[models.narrow]\nsource = "narrow.py"\ndevices = ["cpu"]\n'
        "[models.narrow.targets.cpu.it]\nlatency_ms = 5\n"
    )
    with pytest.raises(InputError, match=r'm.toml:7: .*latency_ms: "performance" measures it'):
        choose(Request(manifest=manifest, model="narrow"))
