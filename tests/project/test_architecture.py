"""The house of CONTRIBUTING.md: floors, rooms, imports that point downward, sizes, and where tests lie."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.root import ROOT
from ttci.artifacts import names

PACKAGE, TESTS = ROOT / "ttci", ROOT / "tests"
# A room may import the rooms before it, and its own. A new one is given its place here.
LIGHT = (
    *("search_path", "errors", "files", "git", "environment"),
    *("catalog", "manifest", "source_code", "results", "artifacts", "text", "toolchain", "planning"),
    *("history", "drift", "targets", "report", "export", "runner"),
    *("setup", "action"),
)
HEAVY = ("tensors", "checks", "diagnosis", "devices", "modules", "operations", "testing", "compare")
EDGES = ("tests", "plugin", "cli", "nox", "__main__")
ORDER = (*LIGHT, *HEAVY, *EDGES)
# Which edge may import which: each is the way in to the next.
BETWEEN_EDGES = {("plugin", "tests"), ("__main__", "cli")}
LIGHT_EDGES = ("cli", "nox")
FORBIDDEN_ON_THE_LIGHT_FLOOR = ("torch", "ttnn", "pytest")
STATISTICS = ("numpy", "scipy", "ruptures")  # on the light floor: in drift alone, once something is judged
STATISTICAL_MODULES = tuple(f"ttci.drift.{name}" for name in ("judge", "recent", "levels", "noise"))
MOST_LINES, MOST_FUNCTION_LINES = 300, 40
MOST_ROOT_MODULES = 8
# The tests of the whole tree, of its documentation, of ttci/tests, and of what only ttnn can show.
TESTS_OF_NO_ROOM = ("project", "docs", "suite", "on_ttnn")

FILES = sorted(PACKAGE.rglob("*.py"))
SET_OF_FILES = set(FILES)
SHIPPED = [*FILES, *sorted((ROOT / "models").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


@dataclass(frozen=True)
class Import:
    """One imported module, and whether it is imported when the importing one is."""

    importer: Path
    line: int
    module: str
    at_once: bool

    def __str__(self) -> str:
        return f"{self.importer.relative_to(ROOT)}:{self.line} imports {self.module}"


def room_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_room(module: str) -> str | None:
    """The room of a module of ttci; None for another package, and for ttci itself."""
    package, _, inside = module.partition(".")
    return inside.partition(".")[0] or None if package == "ttci" else None


def imports_of(file: Path) -> list[Import]:
    return list(_imports(file, ast.parse(file.read_text(encoding="utf-8")), at_once=True))


def _imports(file: Path, node: ast.AST, *, at_once: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(file, child.lineno, alias.name, at_once)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno}: imports are absolute"
            for alias in child.names:
                yield Import(file, child.lineno, _module(str(child.module), alias.name), at_once)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(file, child, at_once=at_once and not is_function)


def _module(package: str, name: str) -> str:
    """What ``from package import name`` imports: a module of ttci, or a name of the package."""
    inside = ROOT.joinpath(*package.split("."), name)
    is_module = package.startswith("ttci") and (inside.is_dir() or inside.with_suffix(".py").exists())
    return f"{package}.{name}" if is_module else package


IMPORTS = [entry for file in FILES for entry in imports_of(file)]


def modules_of(rooms: tuple[str, ...]) -> list[str]:
    files = [file for file in FILES if room_of(file) in rooms]
    return [".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for f in files]


def module_file(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def files_of(module: str) -> list[Path]:
    """The file of a module of ttci, or of a package its ``__init__.py``; none of another's."""
    place = ROOT.joinpath(*module.split("."))
    return [file for file in (place.with_suffix(".py"), place / "__init__.py") if file in SET_OF_FILES]


def loaded_by(modules: list[str], code: str = "") -> set[str]:
    """The packages that a fresh Python has loaded after importing `modules` and running `code`."""
    imports = "\n".join(f"import {name}" for name in modules)
    code = f"{imports}\n{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_every_room_has_its_place() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__"}
    assert rooms <= set(ORDER), "give the new room its place in LIGHT, HEAVY or EDGES"


def test_imports_point_downward() -> None:
    wrong = []
    for entry in IMPORTS:
        room, imported = room_of(entry.importer), imported_room(entry.module)
        if imported is None or room == "__init__" or (room, imported) in BETWEEN_EDGES:
            continue
        if ORDER.index(imported) > ORDER.index(room):
            wrong.append(str(entry))
    assert wrong == []


def test_no_files_import_each_other_in_a_circle_not_even_in_functions() -> None:
    imported: dict[Path, set[Path]] = {file: set() for file in FILES}
    for entry in IMPORTS:
        imported[entry.importer] |= {file for file in files_of(entry.module) if file != entry.importer}
    try:
        tuple(TopologicalSorter(imported).static_order())
    except CycleError as error:
        circle = [str(file.relative_to(ROOT)) for file in error.args[1]]
        pytest.fail(" imports ".join(circle[::-1]))


def test_the_root_holds_few_modules() -> None:
    at_root = [file.stem for file in PACKAGE.glob("*.py") if not file.stem.startswith("__")]
    assert len(at_root) <= MOST_ROOT_MODULES


def test_tests_lie_in_folders_named_like_the_rooms_that_they_test() -> None:
    folders = {file.parent.relative_to(TESTS) for file in TESTS.rglob("test_*.py")}
    strange = [str(folder) for folder in folders if not (PACKAGE / folder).is_dir()]
    assert sorted(strange) == sorted(TESTS_OF_NO_ROOM), "name it like its room in ttci, or list it"


def test_only_artifacts_spells_the_names_of_files() -> None:
    spelled = {
        value
        for value in vars(names).values()
        if isinstance(value, str) and value.endswith((".json", ".xml", ".txt", ".html", ".md"))
    }
    assert {"run.json", "junit.xml", "plan.json", "report.html"} <= spelled
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        if room_of(file) != "artifacts"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in spelled
    ]
    assert wrong == []


def test_only_identity_takes_an_identity_or_a_pair_apart() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        if file != PACKAGE / "manifest" / "identity.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("partition", "rpartition", "split", "rsplit", "find", "index")
        if node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value in ("@", "[")
    ]
    assert wrong == []


def test_nobody_imports_an_edge_but_the_way_in_to_it() -> None:
    wrong = [
        str(entry)
        for entry in IMPORTS
        for room, imported in [(room_of(entry.importer), imported_room(entry.module))]
        if imported in EDGES and imported != room and (room, imported) not in BETWEEN_EDGES
    ]
    assert wrong == []


def test_light_floor_never_imports_the_heavy_one_not_even_in_a_function() -> None:
    wrong = [
        str(entry)
        for entry in IMPORTS
        if room_of(entry.importer) in LIGHT
        and (
            imported_room(entry.module) in HEAVY
            or entry.module.partition(".")[0] in FORBIDDEN_ON_THE_LIGHT_FLOOR
        )
    ]
    assert wrong == []


def test_command_line_imports_the_heavy_floor_in_functions_only() -> None:
    wrong = [
        str(entry)
        for entry in IMPORTS
        if room_of(entry.importer) in LIGHT_EDGES and entry.at_once and imported_room(entry.module) in HEAVY
    ]
    assert wrong == []


def test_light_modules_load_no_torch_no_ttnn_no_pytest() -> None:
    modules = [name for name in modules_of((*LIGHT, *LIGHT_EDGES)) if name not in STATISTICAL_MODULES]
    assert "ttci.manifest.load" in modules
    assert loaded_by(modules) & {*FORBIDDEN_ON_THE_LIGHT_FLOOR, *STATISTICS} == set()


def test_checks_can_be_asked_what_they_need_without_torch() -> None:
    code = "ttci.catalog.checks.load_checks()"
    assert loaded_by(["ttci.catalog.checks"], code) & {*FORBIDDEN_ON_THE_LIGHT_FLOOR, *STATISTICS} == set()


def test_operations_can_be_asked_what_they_take_without_torch() -> None:
    code = "for name in ttci.catalog.operations.OPERATIONS: ttci.catalog.operations.operation_facts(name)"
    loaded = loaded_by(["ttci.catalog.operations"], code)
    assert loaded & {*FORBIDDEN_ON_THE_LIGHT_FLOOR, *STATISTICS} == set()


def test_on_the_light_floor_statistics_are_for_drift_alone() -> None:
    wrong = [
        str(entry)
        for entry in IMPORTS
        if room_of(entry.importer) in (*LIGHT, *LIGHT_EDGES)
        and entry.module.partition(".")[0] in STATISTICS
        and not any(entry.importer == module_file(name) for name in STATISTICAL_MODULES)
    ]
    assert wrong == []


def test_plugin_loads_no_torch_before_an_option_asks_for_tests() -> None:
    assert loaded_by(["ttci.plugin"]) & {"torch", "ttnn", "numpy"} == set()


def test_ttnn_is_imported_in_functions_only() -> None:
    at_once = [str(e) for e in IMPORTS if e.module.partition(".")[0] == "ttnn" and e.at_once]
    assert at_once == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_and_its_functions_are_short(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    functions = (
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > MOST_FUNCTION_LINES]
    assert long == []


def test_no_room_is_a_heap() -> None:
    heaps = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert [str(file) for file in FILES if heaps & set(file.with_suffix("").parts)] == []
