"""Which files and packages a model's file imports, told from its text."""

from __future__ import annotations

from pathlib import Path

from ttci.source_code.imports import imports_of

FILES = {
    "src/own/__init__.py": "from . import settings\n",
    "src/own/settings.py": "import json\n",
    "src/own/model.py": (
        "import torch\nimport transformers.models as models\nfrom own.parts import layer\n"
        "from ..outside import nothing\nfrom .late import thing\n"
    ),
    "src/own/parts/__init__.py": "",
    "src/own/parts/layer.py": "from own import settings\nimport shared\n",
    "src/own/late.py": "def load():\n    import einops\n    from own.parts import unused\n",
    "src/own/parts/unused.py": "",
    "src/own/untouched.py": "import safetensors\n",
    "shared.py": "import own.model\n",
    "broken.py": "import (\n",
}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_files_are_those_of_the_repository_that_are_reached_by_any_import(tmp_path: Path) -> None:
    write(tmp_path)
    found = imports_of(tmp_path / "src/own/model.py", [tmp_path])
    names = {str(path.relative_to(tmp_path)) for path in found.files}
    assert names == FILES.keys() - {"src/own/untouched.py", "broken.py"}


def test_packages_are_neither_of_the_repository_nor_of_python_and_known_by_their_line(tmp_path: Path) -> None:
    write(tmp_path)
    found = imports_of(tmp_path / "src/own/model.py", [tmp_path])
    assert found.packages == {
        "transformers": (tmp_path / "src/own/model.py", 2),
        "einops": (tmp_path / "src/own/late.py", 2),
    }


def test_module_beside_the_file_comes_before_one_of_the_repository(tmp_path: Path) -> None:
    for name in ("helper.py", "models/helper.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    model = tmp_path / "models" / "model.py"
    model.write_text("import helper\n", encoding="utf-8")
    assert imports_of(model, [tmp_path]).files == {model, tmp_path / "models" / "helper.py"}


def test_file_that_is_no_python_imports_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    found = imports_of(tmp_path / "broken.py", [tmp_path])
    assert (found.files, found.packages) == ({tmp_path / "broken.py"}, {})
